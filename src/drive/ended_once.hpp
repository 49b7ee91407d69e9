// The operations of this layer that are no coroutines: waited for by many, ended once.
// Under the host's lock.
#pragma once

#include <anynats/operation.hpp>
#include "core/wait.hpp"

namespace anynats {
inline namespace v0 {

template <class T>
class EndedOnce : public ResultState<T> {
public:
    void join(Waiter& waiter) noexcept final { waiters_.join(waiter); }
    /// Nobody would take the result: the same as cancel.
    void detach() noexcept final { this->cancel(); }

protected:
    void end(Result<T> ending) noexcept {
        this->result.emplace(std::move(ending));
        waiters_.wake_all();
        // At the very end: whoever sees it, without the lock, may take the result and end this.
        this->done_.store(true, std::memory_order_release);
    }

private:
    WaitQueue waiters_;
};

}  // namespace v0
}  // namespace anynats
