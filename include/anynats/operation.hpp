// Something that was started and will end: with a value, an error, or cancelled when it is dropped.
// One method, three ways to wait for it (get, then, co_await; the latter two come with the issue on
// C++); no coroutine is visible here. A handle belongs to one thread at a time.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include <anynats/error.hpp>
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

protected:
    std::atomic<bool> done_{false};
};

/// Who waits for operations: a driver. A bare session has none.
class ANYNATS_API OperationHost {
public:
    virtual ~OperationHost() = default;
    /// Return when `operation` is done; or the reason why it cannot be waited for here.
    virtual std::optional<Error> wait(OperationState& operation) = 0;
    virtual void cancel(OperationState& operation) noexcept = 0;
    virtual void detach(OperationState& operation) noexcept = 0;
};

template <class T>
class ResultState : public OperationState {
public:
    /// Set before done() becomes true, and not touched by the library afterwards.
    std::optional<Result<T>> result;
};

template <class T>
class [[nodiscard]] Operation {
public:
    Operation(std::shared_ptr<ResultState<T>> state, std::shared_ptr<OperationHost> host)
        : state_(std::move(state)), host_(std::move(host)) {}
    Operation(Operation&&) noexcept = default;
    Operation& operator=(Operation&& other) noexcept {
        std::swap(state_, other.state_);
        std::swap(host_, other.host_);
        return *this;
    }
    ~Operation() { cancel(); }

    bool done() const noexcept { return state_->done(); }

    /// Wait, and return the value or the error. UsageError on a bare session while it is not done,
    /// and on the thread that drives a loop. The result can be taken once.
    Result<T> result() {
        if (!done()) {
            if (!host_) return Error(ErrorCode::usage_error, "nobody drives this operation");
            if (std::optional<Error> why_not = host_->wait(*state_)) return *why_not;
        }
        return std::move(*state_->result);
    }

    /// Wait, and return the value; throws the error.
    T get() { return std::move(result()).value(); }

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
    std::shared_ptr<ResultState<T>> state_;
    std::shared_ptr<OperationHost> host_;
};

}  // namespace v0
}  // namespace anynats
