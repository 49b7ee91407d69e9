// What all parts of the native module share: the includes, owned references, and the one class that
// stands for a client of any kind. Everything is called with the GIL unless it says otherwise.
#pragma once

#include <Python.h>

#include <nanobind/nanobind.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "drive/host.hpp"

namespace anynats {
inline namespace v0 {
class BareHost;
class LoopHost;
}  // namespace v0
}  // namespace anynats

namespace anynats::python {

namespace nb = nanobind;

/// An argument as it was given, None included; the function that gets it says what is wrong.
struct Given {
    PyObject* object = nullptr;
    PyObject* ptr() const noexcept { return object; }
    bool is_none() const noexcept { return object == Py_None; }
};

/// A client as Python sees it. Only a host with a lock of its own is used without the GIL: the
/// others rely on the GIL to keep threads apart.
struct NativeClient {
    std::shared_ptr<Host> host;
    bool threads = false;      // the host has a lock
    LoopHost* loop = nullptr;  // the same host, if it is one
    BareHost* bare = nullptr;
    unsigned granted = 0;  // publishes that publish_in_row may do before the face is asked again
};

/// End `object`, which belongs to `host`; or keep it until the thread of the host's event loop
/// comes by, because the garbage collector of another thread must not end it.
void bury(const std::shared_ptr<Host>& host, std::shared_ptr<void> object) noexcept;
/// End what was buried and may end in this thread.
void end_buried() noexcept;

void bind_client(nb::module_& module);
void bind_codec(nb::module_& module);
void bind_loop(nb::module_& module);
void bind_threads(nb::module_& module);
void bind_operation(nb::module_& module);
void bind_queue(nb::module_& module);

}  // namespace anynats::python

template <>
struct nanobind::detail::has_arg_defaults<anynats::python::Given> : std::true_type {};

template <>
struct nanobind::detail::type_caster<anynats::python::Given> {
    NB_TYPE_CASTER(anynats::python::Given, const_name("object"))
    bool from_python(handle given, std::uint32_t, cleanup_list*) noexcept {
        value.object = given.ptr();
        return true;
    }
};
