// The awaitable of something that is done already and has no result: one object for all of them.
// It looks like a coroutine to create_task, and ends at its first step, so no turn of the loop
// passes.
#pragma once

#include "native.hpp"

namespace anynats::python {

void bind_done();

/// A new reference to it.
PyObject* done_awaitable() noexcept;

}  // namespace anynats::python
