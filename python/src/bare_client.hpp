// The native client without I/O, for anynats.sansio: the session's contract, call by call.
#pragma once

#include "native.hpp"

namespace anynats::python {

void bind_bare_client(nb::module_& module);

}  // namespace anynats::python
