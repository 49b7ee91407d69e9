// publish as a function of its own kind: vectorcall straight into the session, no conversion layer.
// It keeps the GIL when the lock is free and nothing is to be sent.
#pragma once

#include "native.hpp"

namespace anynats::python {

/// For Py_tp_methods of the native clients: publish and publish_nowait.
extern PyMethodDef publish_methods[];
/// For that of event loops besides: publish_in_row.
extern PyMethodDef publish_in_row_methods[];

}  // namespace anynats::python
