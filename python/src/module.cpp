// The module anynats._native: what the Python faces stand on. Private; the public names are in the
// faces. It imports anynats.errors and anynats._headers, and nothing else of the package.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include "done.hpp"
#include "errors.hpp"
#include "gil.hpp"
#include "iterators.hpp"
#include "message.hpp"
#include "native.hpp"

NB_MODULE(_native, module) {
    namespace py = anynats::python;
    nanobind::set_leak_warnings(false);  // a client in a daemon thread is no leak
    nanobind::register_exception_translator([](const std::exception_ptr& error, void*) {
        try {
            std::rethrow_exception(error);
        } catch (const anynats::Error& known) {
            py::set_error(known);
        } catch (const std::bad_alloc&) {
            py::set_current_error();
        }
    });
    module.attr("__version__") = ANYNATS_VERSION;
    py::load_error_classes();
    py::bind_message(module);
    py::bind_done();
    py::bind_iterators(module);
    py::bind_operation(module);
    py::bind_queue(module);
    py::bind_client(module);
    py::bind_codec(module);
    py::install_gil_hooks(module);
}
