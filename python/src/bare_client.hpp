// The native client without I/O, for anynats.sansio: the session's contract, call by call.
// Whoever calls keeps threads apart (the GIL does); nothing here waits.
#pragma once

#include "native.hpp"

namespace anynats::python {

void bind_bare_client(nb::module_& module);

}  // namespace anynats::python
