// Subscriptions as Python objects, below the faces. With the GIL.
// Waiting gives the GIL up (gil.hpp).
#pragma once

#include "native.hpp"

namespace anynats::python {

struct NativeQueue {
    std::shared_ptr<SubscriptionQueue> queue;
    bool threads = false;

    NativeQueue(std::shared_ptr<SubscriptionQueue> queue_, bool threads_)
        : queue(std::move(queue_)), threads(threads_) {}
    NativeQueue(NativeQueue&&) = default;
    NativeQueue& operator=(NativeQueue&&) = delete;
    ~NativeQueue();
};

}  // namespace anynats::python
