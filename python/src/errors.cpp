// See errors.hpp. The classes are looked up once, when the module is imported, and kept for ever.
// Every function needs the GIL.
#include "errors.hpp"

#include <array>
#include <new>

namespace anynats::python {
namespace {

constexpr std::size_t max_code = 64;
std::array<PyObject*, max_code> classes{};

PyObject* class_of(ErrorCode code) noexcept {
    const auto index = static_cast<std::size_t>(code);
    PyObject* found = index < max_code ? classes[index] : nullptr;
    return found ? found : classes[static_cast<std::size_t>(ErrorCode::error)];
}

}  // namespace

void load_error_classes() {
    const nb::object table = nb::module_::import_("anynats.errors").attr("BY_CODE");
    for (const auto& [code, type] : nb::cast<nb::dict>(table)) {
        classes.at(nb::cast<std::size_t>(code)) = nb::object(nb::borrow(type)).release().ptr();
    }
}

PyObject* make_exception(const Error& error) noexcept {
    const std::string_view text = error.message();
    PyObject* const message =
        PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "backslashreplace");
    if (!message) return nullptr;
    PyObject* const made = PyObject_CallOneArg(class_of(error.code()), message);
    Py_DECREF(message);
    if (!made) return nullptr;
    if (const Error* cause = error.cause()) {
        PyObject* const led_to_it = make_exception(*cause);
        if (!led_to_it) {
            Py_DECREF(made);
            return nullptr;
        }
        PyException_SetCause(made, led_to_it);
    }
    return made;
}

PyObject* set_error(const Error& error) noexcept {
    if (PyErr_Occurred()) return nullptr;  // KeyboardInterrupt, or what a handler raised
    if (PyObject* const made = make_exception(error)) {
        PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(made)), made);
        Py_DECREF(made);
    }
    return nullptr;
}

PyObject* set_current_error() noexcept {
    try {
        throw;
    } catch (nb::python_error& error) {
        error.restore();
    } catch (const Error& error) {
        set_error(error);
    } catch (const std::bad_alloc&) {
        PyErr_SetString(class_of(ErrorCode::out_of_memory), "no memory for the operation");
    } catch (const std::exception& error) {
        PyErr_SetString(class_of(ErrorCode::error), error.what());
    }
    return nullptr;
}

void raise(const Error& error) {
    set_error(error);
    throw nb::python_error();
}

bool refuse(const char* argument, const char* why) noexcept {
    PyErr_Format(class_of(ErrorCode::usage_error), "%s: %s", argument, why);
    return false;
}

bool refuse_type(const char* argument, const char* wanted, PyObject* given) noexcept {
    PyErr_Format(PyExc_TypeError, "%s must be %s, not %s", argument, wanted,
                 Py_TYPE(given)->tp_name);
    return false;
}

}  // namespace anynats::python
