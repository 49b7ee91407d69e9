// The options of a client, read from keyword arguments by the generated table. Limits are checked
// by the library; here only the types, and words of enums.
#pragma once

#include <anynats/options.hpp>
#include "native.hpp"

namespace anynats::python {

/// Read every item of `keywords` (a dict); throws with the Python exception set.
Options read_options(const nb::dict& keywords);
/// A str, or several.
bool read_str_list(PyObject* value, const char* name, std::vector<std::string>& out);
/// One of the words of the enum, or None for the client's default.
std::optional<SlowConsumerPolicy> read_policy(PyObject* value);

}  // namespace anynats::python
