// What tests of callbacks and coroutines lean on: an executor that runs what it was given when the
// test says so, a gate that callbacks wait at, and two coroutine types as users might write them.
#pragma once

#include <condition_variable>
#include <coroutine>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include <anynats/anynats.hpp>

#include "waiting.hpp"

namespace test_support {

/// Something that happens once; whoever waits for it gives up, with a failure, after a long time.
class Gate {
public:
    void open() {
        const std::lock_guard<std::mutex> lock(mutex_);
        open_ = true;
        changed_.notify_all();
    }
    bool wait() {
        std::unique_lock<std::mutex> lock(mutex_);
        const bool opened = changed_.wait_for(lock, far_away, [&] { return open_; });
        EXPECT_TRUE(opened);
        return opened;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool open_ = false;
};

/// Keeps what it is given until somebody runs or drops it.
class LaterExecutor {
public:
    Executor executor() {
        return [this](std::function<void()> function) {
            const std::lock_guard<std::mutex> lock(mutex_);
            functions_.push_back(std::move(function));
        };
    }
    /// Run the oldest here; false when there is none.
    bool run_one() {
        std::function<void()> function;
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            if (functions_.empty()) return false;
            function = std::move(functions_.front());
            functions_.pop_front();
        }
        function();
        return true;
    }
    void run() {
        while (run_one()) {
        }
    }
    void drop() {
        std::deque<std::function<void()>> gone;
        const std::lock_guard<std::mutex> lock(mutex_);
        gone.swap(functions_);
    }
    std::size_t size() {
        const std::lock_guard<std::mutex> lock(mutex_);
        return functions_.size();
    }

private:
    std::mutex mutex_;
    std::deque<std::function<void()>> functions_;
};

/// A coroutine that begins at once and that nobody waits for.
struct Eager {
    struct promise_type {
        Eager get_return_object() noexcept { return {}; }
        std::suspend_never initial_suspend() const noexcept { return {}; }
        std::suspend_never final_suspend() const noexcept { return {}; }
        void return_void() noexcept {}
        void unhandled_exception() { throw; }
    };
};

/// A coroutine that begins when it is awaited or started, and dies with its handle. Given an
/// executor before that, it goes on there after each wait for an operation.
template <class T>
class Lazy {
public:
    struct promise_type {
        Lazy get_return_object() noexcept {
            return Lazy(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        struct Final {
            bool await_ready() const noexcept { return false; }
            std::coroutine_handle<> await_suspend(
                std::coroutine_handle<promise_type> self) const noexcept {
                promise_type& promise = self.promise();
                const auto next = promise.awaiter ? promise.awaiter : std::noop_coroutine();
                promise.ended = true;  // from here on another thread may destroy it
                return next;
            }
            void await_resume() const noexcept {}
        };
        Final final_suspend() const noexcept { return {}; }
        void return_value(T value) { result = std::move(value); }
        void unhandled_exception() {
            if (rethrows) throw;
            thrown = std::current_exception();
        }
        Executor executor() const { return where; }

        Executor where = {};
        bool rethrows = false;
        std::coroutine_handle<> awaiter = {};
        std::optional<T> result = {};
        std::exception_ptr thrown = {};
        std::atomic<bool> ended{false};
    };

    explicit Lazy(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}
    Lazy(Lazy&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Lazy& operator=(Lazy&& other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~Lazy() {
        if (handle_) handle_.destroy();
    }

    void on(Executor where) { handle_.promise().where = std::move(where); }
    /// Let what it throws out to whoever resumes it.
    void rethrow() { handle_.promise().rethrows = true; }
    void start() { handle_.resume(); }
    bool ended() const { return handle_.promise().ended; }
    T value() {
        if (handle_.promise().thrown) std::rethrow_exception(handle_.promise().thrown);
        return *handle_.promise().result;
    }

    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiter) noexcept {
        handle_.promise().awaiter = awaiter;
        return handle_;
    }
    T await_resume() { return value(); }

private:
    std::coroutine_handle<promise_type> handle_;
};

}  // namespace test_support
