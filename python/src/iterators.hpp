// The iterators behind `for msg in sub` and `async for msg in sub`: taking a message that is at
// hand costs no Python call. What to do when none is, the blocking one knows itself; the other asks
// its face (a callable that returns an awaitable). With the GIL.
#pragma once

#include "native.hpp"

namespace anynats::python {

void bind_iterators(nb::module_& module);

/// A type with __iter__ and __next__ that waits in the calling thread.
nb::object make_iterator(std::shared_ptr<SubscriptionQueue> queue, bool threads);
/// A type with __aiter__ and __anext__. When there is nothing at hand, or when it is time for
/// another turn of the loop, `wait` is called with the iterator, whose try_next() and start_next()
/// take, and whether messages were taken in a row.
nb::object make_async_iterator(std::shared_ptr<SubscriptionQueue> queue, bool threads,
                               nb::object wait);

}  // namespace anynats::python
