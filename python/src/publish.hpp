// publish as a function of its own kind: vectorcall straight into the session, no conversion layer.
// It keeps the GIL when the lock is free and nothing is to be sent.
#pragma once

#include "native.hpp"

namespace anynats::python {

/// For Py_tp_methods of the native clients: publish, publish_nowait, and publish_in_row for faces
/// whose publish returns an awaitable.
extern PyMethodDef publish_methods[];

}  // namespace anynats::python
