// Task<T>: a lazy coroutine over a Session, with one awaiter, resumed through the session's ready
// queue and never from inside somebody else's call. Dropping it at any moment is safe, because what
// it waits in unlinks itself. Fences for GCC 12.2: tests/tidy.py and tests/unit/test_canaries.cpp.
#pragma once

#include <coroutine>
#include <exception>
#include <new>
#include <optional>
#include <utility>

#include "core/session_state.hpp"

namespace anynats {
inline namespace v0 {

/// What is the same for every result: whom to resume, and how the end is told.
class TaskPromise : public Runnable {
public:
    explicit TaskPromise(Session& session) noexcept : session_(session.inner()) {}

    void run() final { self_.resume(); }

    std::suspend_always initial_suspend() const noexcept { return {}; }
    struct Ending {
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<>) const noexcept { promise.ended(); }
        void await_resume() const noexcept {}
        TaskPromise& promise;
    };
    Ending final_suspend() noexcept { return Ending{*this}; }

    std::coroutine_handle<> self_;
    Runnable* awaiter_ = nullptr;   // the task that awaits this one
    Runnable* finisher_ = nullptr;  // or the operation that owns it

protected:
    const Error& no_memory() const noexcept { return session_.no_memory; }

private:
    void ended() noexcept {
        if (awaiter_) session_.ready.push_back(*awaiter_);
        if (finisher_) session_.ready.push_back(*finisher_);
    }
    Session::State& session_;
};

template <class T>
class [[nodiscard]] Task {
public:
    struct promise_type : TaskPromise {
        template <class... Args>
        explicit promise_type(Session& session, const Args&...) noexcept : TaskPromise(session) {}

        Task get_return_object() noexcept {
            auto handle = std::coroutine_handle<promise_type>::from_promise(*this);
            self_ = handle;
            return Task(handle);
        }
        void return_value(Result<T> value) { result.emplace(std::move(value)); }
        void unhandled_exception() noexcept {
            try {
                throw;
            } catch (const Error& error) {
                result.emplace(error);
            } catch (const std::bad_alloc&) {
                result.emplace(no_memory());
            } catch (const std::exception& other) {
                result.emplace(Error(ErrorCode::error, other.what()));
            }
        }
        std::optional<Result<T>> result;
    };

    Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Task& operator=(Task&& other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~Task() {
        if (handle_) handle_.destroy();
    }

    /// Run to the first wait, and tell `finisher` through the ready queue when it is over.
    void start(Runnable& finisher) {
        handle_.promise().finisher_ = &finisher;
        handle_.resume();
    }
    Result<T> take_result() { return std::move(*handle_.promise().result); }

    // co_await task: start it, and go on with its result when it is over.
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> awaiter) {
        handle_.promise().awaiter_ = &awaiter.promise();
        handle_.resume();
    }
    Result<T> await_resume() { return take_result(); }

private:
    explicit Task(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}
    std::coroutine_handle<promise_type> handle_;
};

/// co_await until(session, wait, deadline): suspend until the wait is over, by news or by time.
class Until {
public:
    Until(Session& session, Wait& wait, Time deadline) noexcept
        : session_(session), wait_(wait), deadline_(deadline) {}

    bool await_ready() const noexcept { return wait_.finished(); }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> waiting) {
        Session::State& state = session_.inner();
        state.timers.arm(wait_, deadline_);
        wait_.attach(state.ready, waiting.promise());
    }
    void await_resume() const noexcept {}

private:
    Session& session_;
    Wait& wait_;
    Time deadline_;
};

inline Until until(Session& session, Wait& wait, Time deadline) noexcept {
    return Until(session, wait, deadline);
}

}  // namespace v0
}  // namespace anynats
