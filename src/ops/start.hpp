// start(session, name, task): run a task as an Operation, which somebody else can wait for.
// Under the session's lock. The task's frame is destroyed when the operation ends or is cancelled,
// never from inside itself.
#pragma once

#include <memory>
#include <utility>

#include <anynats/operation.hpp>
#include "ops/task.hpp"

namespace anynats {
inline namespace v0 {

template <class T>
class RunningOperation final : public ResultState<T>,
                               public Runnable,
                               public std::enable_shared_from_this<RunningOperation<T>> {
public:
    RunningOperation(Session& session, const char* name, Task<T> task)
        : session_(session), task_(std::move(task)) {
        live_.name = name;
        live_.since = session.now();
        session.inner().operations.push_back(live_);
    }

    void start() { task_->start(*this); }

    void run() override { finish(task_->take_result()); }

    void join(Waiter& waiter) noexcept override { waiters_.join(waiter); }

    void cancel() noexcept override {
        if (this->done()) return;
        ListHook::unlink();
        finish(cancelled());
    }

    void detach() noexcept override {
        if (!this->done()) itself_ = this->shared_from_this();
    }

private:
    Error cancelled() const noexcept {
        try {
            return Error(ErrorCode::cancelled, std::string(live_.name) + " was cancelled");
        } catch (const std::bad_alloc&) {
            return session_.inner().cancelled_error;
        }
    }

    void finish(Result<T> ending) noexcept {
        task_.reset();
        live_.unlink();
        this->result.emplace(std::move(ending));
        const auto last = std::move(itself_);  // may end this object, at the end of the block
        waiters_.wake_all();
        // At the very end: whoever sees it, without the lock, may take the result and end this.
        this->done_.store(true, std::memory_order_release);
    }

    Session& session_;  // stands until this is done
    std::optional<Task<T>> task_;
    LiveOperation live_;
    WaitQueue waiters_;
    std::shared_ptr<RunningOperation> itself_;  // while detached
};

/// Run `task` to its first wait and return what it becomes.
template <class T>
std::shared_ptr<ResultState<T>> start(Session& session, const char* name, Task<T> task) {
    auto running = std::make_shared<RunningOperation<T>>(session, name, std::move(task));
    running->start();
    session.run_ready();
    return running;
}

}  // namespace v0
}  // namespace anynats
