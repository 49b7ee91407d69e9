// Something that was started and will end: with a value, an error, or cancelled when it is dropped.
// One method, three ways to wait for it: get, then, co_await. No coroutine of the library is
// visible here, and yours may be of any type. A handle belongs to one thread at a time.
#pragma once

#include <atomic>
#include <concepts>
#include <coroutine>
#include <memory>
#include <optional>
#include <utility>

#include <anynats/error.hpp>
#include <anynats/executor.hpp>
#include <anynats/export.hpp>

namespace anynats {
inline namespace v0 {

class Waiter;  // core/wait.hpp

/// What every operation has, whatever its result.
class ANYNATS_API OperationState {
public:
    OperationState() = default;
    OperationState(const OperationState&) = delete;
    OperationState& operator=(const OperationState&) = delete;
    virtual ~OperationState() = default;

    bool done() const noexcept { return done_.load(std::memory_order_acquire); }

    /// Be told when it is done. Under the session's lock.
    virtual void join(Waiter& waiter) noexcept = 0;
    /// End it with Cancelled, if it is not done. Under the session's lock.
    virtual void cancel() noexcept = 0;
    /// Let it go on without a handle. Under the session's lock.
    virtual void detach() noexcept = 0;
    /// Nobody will take the result. Under no lock.
    virtual void abandon() noexcept {}

protected:
    std::atomic<bool> done_{false};
};

/// User code that runs once, when an operation is done; or is destroyed without having run.
class ANYNATS_API Continuation {
public:
    virtual ~Continuation() = default;
    virtual void run() = 0;
    Executor executor = {};  // in place of the client's
};

/// Who waits for operations: a driver. A bare session has none.
class ANYNATS_API OperationHost {
public:
    virtual ~OperationHost() = default;
    /// Return when `operation` is done; or the reason why it cannot be waited for here.
    virtual std::optional<Error> wait(OperationState& operation) = 0;
    virtual void cancel(OperationState& operation) noexcept = 0;
    virtual void detach(OperationState& operation) noexcept = 0;
    /// Run `continuation` where user code runs, when `operation` is done; or say why not. Both may
    /// be gone when this returns.
    virtual std::optional<Error> then(std::shared_ptr<OperationState> operation,
                                      std::shared_ptr<Continuation> continuation) = 0;
};

template <class T>
class ResultState : public OperationState {
public:
    /// Set before done() becomes true, and not touched by the library afterwards.
    std::optional<Result<T>> result;

    Result<T> take() {
        if (!result) return Error(ErrorCode::usage_error, "the result has been taken already");
        Result<T> taken = std::move(*result);
        result.reset();
        return taken;
    }
};

template <class T, bool throws>
class OperationAwaiter;

template <class T>
class [[nodiscard]] Operation {
public:
    Operation(std::shared_ptr<ResultState<T>> state, std::shared_ptr<OperationHost> host)
        : state_(std::move(state)), host_(std::move(host)) {}
    Operation(Operation&&) noexcept = default;
    Operation& operator=(Operation&& other) noexcept {
        std::swap(state_, other.state_);
        std::swap(host_, other.host_);
        std::swap(let_go_, other.let_go_);
        return *this;
    }
    ~Operation() {
        if (!state_ || let_go_) return;
        cancel();
        state_->abandon();
    }

    bool done() const noexcept { return state_->done(); }

    /// Wait, and return the value or the error. UsageError on a bare session while it is not done,
    /// on the thread that drives a loop, and in a callback that runs on the driver. The result can
    /// be taken once.
    Result<T> result() {
        if (let_go_) return taken_elsewhere();
        if (host_) {
            if (std::optional<Error> why_not = host_->wait(*state_)) return *why_not;
        } else if (!done()) {
            return Error(ErrorCode::usage_error, "nobody drives this operation");
        }
        return state_->take();
    }

    /// Wait, and return the value; throws the error.
    T get() { return std::move(result()).value(); }

    /// Call `callback` with the Result<T>, once, when it is there; never from inside this call.
    /// The operation then goes on without this handle, which can still cancel() it. It runs where
    /// all callbacks of the client do (Options::executor); what it throws is told as an event.
    template <class F>
        requires std::invocable<F&, Result<T>>
    void then(F callback) {
        struct Callback final : Continuation {
            Callback(std::shared_ptr<ResultState<T>> state_, F callback_)
                : state(std::move(state_)), callback(std::move(callback_)) {}
            void run() override { callback(state->take()); }
            std::shared_ptr<ResultState<T>> state;
            F callback;
        };
        continue_with(std::make_shared<Callback>(state_, std::move(callback)));
        let_go_ = true;
    }

    /// `T value = co_await operation;` throws the error. The coroutine goes on where the client's
    /// callbacks run; or, when its promise has a member `executor()` that gives an Executor, there.
    /// Destroyed while it waits, it is not resumed, and the operation is cancelled with its handle.
    auto operator co_await() noexcept { return OperationAwaiter<T, true>(*this); }

    /// `Result<T> result = co_await operation.as_result();`
    auto as_result() noexcept { return OperationAwaiter<T, false>(*this); }

    /// For adaptors to other ways of waiting: run `continuation`, as `then` does its callback, or
    /// say why not. The result stays here, in state(), and dropping this handle still cancels.
    std::optional<Error> try_continue_with(std::shared_ptr<Continuation> continuation) {
        if (!host_) return Error(ErrorCode::usage_error, "nobody drives this operation");
        if (let_go_) return taken_elsewhere();
        // This handle may be gone, with the coroutine it is in, before the call returns.
        const std::shared_ptr<OperationHost> host = host_;
        return host->then(state_, std::move(continuation));
    }

    /// End it now; what it had begun on the server may still happen.
    void cancel() noexcept {
        if (!state_ || done()) return;
        if (host_) {
            host_->cancel(*state_);
        } else {
            state_->cancel();
        }
    }

    /// Let it go on without this handle.
    void detach() noexcept {
        if (!state_) return;
        if (host_) {
            host_->detach(*state_);
        } else {
            state_->detach();
        }
        state_.reset();
    }

    const std::shared_ptr<ResultState<T>>& state() const noexcept { return state_; }

private:
    template <class, bool>
    friend class OperationAwaiter;

    static Error taken_elsewhere() {
        return Error(ErrorCode::usage_error, "the result goes to somebody else");
    }
    /// Once it is done.
    Result<T> take() { return let_go_ ? Result<T>(taken_elsewhere()) : state_->take(); }
    void continue_with(std::shared_ptr<Continuation> continuation) {
        if (std::optional<Error> why_not = try_continue_with(std::move(continuation))) {
            throw_error(*why_not);
        }
    }

    std::shared_ptr<ResultState<T>> state_;
    std::shared_ptr<OperationHost> host_;
    bool let_go_ = false;  // with then
};

/// Resumes a coroutine, unless that has been destroyed meanwhile. Which of the two comes first is
/// settled by `over_`; a coroutine is destroyed where it runs, or while nobody can resume it.
class Resumption final : public Continuation {
public:
    explicit Resumption(std::coroutine_handle<> waiting) noexcept : waiting_(waiting) {}
    void run() override {
        if (withdraw()) waiting_.resume();
    }
    /// False when the coroutine was or will be resumed.
    bool withdraw() noexcept { return !over_.exchange(true, std::memory_order_acq_rel); }

private:
    const std::coroutine_handle<> waiting_;
    std::atomic<bool> over_{false};
};

/// What `co_await` makes of an operation that lives at least as long.
template <class T, bool throws>
class [[nodiscard]] OperationAwaiter {
public:
    explicit OperationAwaiter(Operation<T>& operation) noexcept : operation_(operation) {}
    OperationAwaiter(const OperationAwaiter&) = delete;
    OperationAwaiter& operator=(const OperationAwaiter&) = delete;
    ~OperationAwaiter() {
        if (resumption_) resumption_->withdraw();
    }

    bool await_ready() const noexcept { return operation_.done(); }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiting) {
        auto resumption = std::make_shared<Resumption>(waiting);
        if constexpr (requires { Executor(waiting.promise().executor()); }) {
            resumption->executor = waiting.promise().executor();
        }
        resumption_ = resumption;
        // From here on another thread may resume the coroutine, and end it and this object.
        if (auto why_not = operation_.try_continue_with(std::move(resumption))) {
            refused_ = std::move(why_not);  // nobody will: this is still there
            return false;
        }
        return true;
    }
    auto await_resume() {
        Result<T> result = refused_ ? Result<T>(*refused_) : operation_.take();
        if constexpr (throws) {
            return std::move(result).value();
        } else {
            return result;
        }
    }

private:
    Operation<T>& operation_;
    std::shared_ptr<Resumption> resumption_;
    std::optional<Error> refused_;
};

}  // namespace v0
}  // namespace anynats
