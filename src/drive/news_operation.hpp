// Waiting for news as an operation: for room to publish again, for an event. That it is done is a
// reason to look again, and nothing more: others may have been faster.
// Under the host's lock.
#pragma once

#include <anynats/operation.hpp>
#include "core/wait.hpp"

namespace anynats {
inline namespace v0 {

class NewsOperation final : public ResultState<Done>, public Waiter {
public:
    explicit NewsOperation(const Error& cancelled) : cancelled_(cancelled) {}

    void join(Waiter& waiter) noexcept override { waiters_.join(waiter); }
    void cancel() noexcept override {
        if (!done()) finish(cancelled_);
    }
    /// Nobody would hear of it: the same as cancel.
    void detach() noexcept override { cancel(); }
    void wake() noexcept override { finish(Done{}); }

private:
    void finish(Result<Done> ending) noexcept {
        unlink();
        result.emplace(std::move(ending));
        waiters_.wake_all();
        // At the very end: whoever sees it, without the lock, may end this.
        done_.store(true, std::memory_order_release);
    }

    WaitQueue waiters_;
    const Error cancelled_;
};

}  // namespace v0
}  // namespace anynats
