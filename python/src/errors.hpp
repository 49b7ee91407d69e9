// C++ errors as Python exceptions: the class by its code (anynats.errors.BY_CODE), the text, and
// the causes as __cause__. With the GIL, and outside all native locks.
#pragma once

#include <anynats/error.hpp>
#include "native.hpp"

namespace anynats::python {

void load_error_classes();
/// A new exception; nullptr with MemoryError set when there is no memory for it.
PyObject* make_exception(const Error& error) noexcept;
/// Set the exception for `error`, unless a signal handler has set one; returns nullptr.
PyObject* set_error(const Error& error) noexcept;
/// The same for the C++ exception that is being handled.
PyObject* set_current_error() noexcept;
[[noreturn]] void raise(const Error& error);
/// Set a UsageError, or a TypeError, that begins with the argument's name; returns false.
bool refuse(const char* argument, const char* why) noexcept;
bool refuse_type(const char* argument, const char* wanted, PyObject* given) noexcept;
/// Let the exception that is set fly through C++ frames.
inline void require(bool fine) {
    if (!fine) throw nb::python_error();
}

}  // namespace anynats::python
