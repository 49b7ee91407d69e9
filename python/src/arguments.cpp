// See arguments.hpp. Python code may run in here (a mapping's items, an iterable of values), so
// no native lock may be held by the caller.
#include "arguments.hpp"

#include <datetime.h>

#include <cmath>

#include <anynats/session.hpp>
#include "errors.hpp"

namespace anynats::python {
namespace {

constexpr double most_seconds = 1000.0 * 366 * 24 * 3600;  // nobody means to wait that long
constexpr double time_limit = 9.2e9;  // seconds that a count of nanoseconds can hold

bool number_of_seconds(PyObject* value, const char* name, double& out) {
    if (PyFloat_Check(value)) {
        out = PyFloat_AS_DOUBLE(value);
        return true;
    }
    if (PyLong_Check(value) && !PyBool_Check(value)) {
        out = PyLong_AsDouble(value);
        if (out != -1.0 || !PyErr_Occurred()) return true;
        PyErr_Clear();
        return refuse(name, "that many seconds are not supported");
    }
    if (!PyDateTimeAPI) PyDateTime_IMPORT;
    if (PyDateTimeAPI && PyDelta_Check(value)) {
        out = PyDateTime_DELTA_GET_DAYS(value) * 86400.0 + PyDateTime_DELTA_GET_SECONDS(value) +
              PyDateTime_DELTA_GET_MICROSECONDS(value) / 1e6;
        return true;
    }
    return refuse_type(name, "a number of seconds or a timedelta", value);
}

bool add_field(Headers& headers, std::string_view name, PyObject* value) {
    std::string_view text;
    if (!PyUnicode_Check(value)) return refuse_type("headers: a value", "str", value);
    if (!read_text(value, "headers: a value", text)) return false;
    headers.add(std::string(name), std::string(text));
    return true;
}

bool add_fields(Headers& headers, PyObject* name, PyObject* value) {
    std::string_view text;
    if (!PyUnicode_Check(name)) return refuse_type("headers: a name", "str", name);
    if (!read_text(name, "headers: a name", text)) return false;
    if (PyUnicode_Check(value)) return add_field(headers, text, value);
    constexpr const char* wanted = "str or an iterable of str";
    if (PyObject_CheckBuffer(value)) return refuse_type("headers: a value", wanted, value);
    const nb::object iterator = nb::steal(PyObject_GetIter(value));
    if (!iterator.is_valid()) {
        if (!PyErr_ExceptionMatches(PyExc_TypeError)) return false;
        PyErr_Clear();
        return refuse_type("headers: a value", wanted, value);
    }
    for (;;) {
        const nb::object item = nb::steal(PyIter_Next(iterator.ptr()));
        if (!item.is_valid()) return !PyErr_Occurred();
        if (!add_field(headers, text, item.ptr())) return false;
    }
}

/// The (name, value) pairs of a mapping; of our own Headers, with every value of a name.
nb::object pairs_of(PyObject* value) {
    const char* method =
        PyObject_HasAttrString(value, "_header_fields") ? "_header_fields" : "items";
    const nb::object items = PyDict_CheckExact(value)
                                 ? nb::steal(PyDict_Items(value))
                                 : nb::steal(PyObject_CallMethod(value, method, nullptr));
    if (!items.is_valid()) {
        if (PyErr_ExceptionMatches(PyExc_AttributeError)) {
            PyErr_Clear();
            refuse_type("headers", "a mapping of str to str or to an iterable of str", value);
        }
        return {};
    }
    return nb::steal(PySequence_Fast(items.ptr(), "headers: items() is not iterable"));
}

}  // namespace

bool read_text(PyObject* value, const char* name, std::string_view& out) noexcept {
    if (!PyUnicode_Check(value)) return refuse_type(name, "str", value);
    Py_ssize_t size;
    const char* const text = PyUnicode_AsUTF8AndSize(value, &size);
    if (!text) {
        if (!PyErr_ExceptionMatches(PyExc_UnicodeError)) return false;
        PyErr_Clear();
        return refuse(name, "holds surrogates, which cannot be sent as UTF-8");
    }
    out = {text, static_cast<std::size_t>(size)};
    return true;
}

bool read_text_or_none(PyObject* value, const char* name, std::string_view& out) noexcept {
    if (value == Py_None) return true;
    if (!PyUnicode_Check(value)) return refuse_type(name, "str or None", value);
    if (!read_text(value, name, out)) return false;
    return !out.empty() || refuse(name, "is empty");
}

bool read_bool(PyObject* value, const char* name, bool& out) noexcept {
    if (!PyBool_Check(value)) return refuse_type(name, "bool", value);
    out = value == Py_True;
    return true;
}

bool read_count(PyObject* value, const char* name, std::uint64_t most,
                std::uint64_t& out) noexcept {
    if (!PyLong_Check(value) || PyBool_Check(value)) return refuse_type(name, "int", value);
    int overflow;
    const long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow > 0) return refuse(name, "is too large");
    if (overflow < 0 || number < 0) return refuse(name, "is negative");
    if (static_cast<std::uint64_t>(number) > most) return refuse(name, "is too large");
    out = static_cast<std::uint64_t>(number);
    return true;
}

bool read_seconds(PyObject* value, const char* name, Duration& out) {
    double seconds = 0;
    if (!number_of_seconds(value, name, seconds)) return false;
    if (std::isnan(seconds)) return refuse(name, "is not a number (NaN)");
    if (seconds < 0) return refuse(name, "is negative");
    if (seconds > most_seconds) return refuse(name, "that many seconds are not supported");
    // What is beyond the count of nanoseconds is as good as without end.
    out = seconds >= time_limit ? Duration::max() : Duration(std::llround(seconds * 1e9));
    return true;
}

bool read_timeout(PyObject* value, std::optional<Duration>& out, const char* name) {
    if (value == Py_None) return true;
    Duration duration;
    if (!read_seconds(value, name, duration)) return false;
    out = duration;
    return true;
}

bool read_now(PyObject* value, Time& out) {
    double seconds = 0;
    if (PyLong_Check(value) && !PyBool_Check(value)) {
        seconds = PyLong_AsDouble(value);
        if (seconds == -1.0 && PyErr_Occurred()) return false;
    } else if (PyFloat_Check(value)) {
        seconds = PyFloat_AS_DOUBLE(value);
    } else {
        return refuse_type("now", "a number of seconds", value);
    }
    if (!std::isfinite(seconds) || seconds < 0 || seconds >= time_limit) {
        return refuse("now", "is not a moment between 0 and 9.2e9 seconds");
    }
    out = Time(Duration(std::llround(seconds * 1e9)));
    return true;
}

double to_seconds(Time time) noexcept {
    const auto count = time.time_since_epoch().count();
    double seconds = static_cast<double>(count) / 1e9;
    // Told back to us, it must not be before the moment that was meant.
    while (std::llround(seconds * 1e9) < count) seconds = std::nextafter(seconds, 1e300);
    return seconds;
}

bool read_headers(PyObject* value, std::string& block) {
    if (value == Py_None) return true;
    const nb::object pairs = pairs_of(value);
    if (!pairs.is_valid()) return false;
    Headers headers;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(pairs.ptr()); ++i) {
        const nb::object pair = nb::steal(PySequence_Fast(PySequence_Fast_GET_ITEM(pairs.ptr(), i),
                                                          "headers: items() does not yield pairs"));
        if (!pair.is_valid()) return false;
        if (PySequence_Fast_GET_SIZE(pair.ptr()) != 2) {
            return refuse("headers", "items() does not yield pairs");
        }
        PyObject* const name = PySequence_Fast_GET_ITEM(pair.ptr(), 0);
        if (!add_fields(headers, name, PySequence_Fast_GET_ITEM(pair.ptr(), 1))) return false;
    }
    Result<std::string> encoded = header_block(headers);
    if (!encoded.ok()) return set_error(encoded.error()) != nullptr;
    block = std::move(*encoded);
    return true;
}

bool Payload::read_buffer(PyObject* value, const char* name) noexcept {
    if (PyUnicode_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s must be bytes-like, not str: encode it first", name);
        return false;
    }
    if (!PyObject_CheckBuffer(value)) return refuse_type(name, "bytes-like", value);
    if (PyObject_GetBuffer(value, &buffer_, PyBUF_SIMPLE) != 0) {
        PyErr_Clear();
        return refuse(name, "is not one contiguous piece of memory");
    }
    held_ = true;
    view_ = {static_cast<const char*>(buffer_.buf), static_cast<std::size_t>(buffer_.len)};
    return true;
}

PyObject* to_str(std::string_view bytes) noexcept {
    return PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()),
                                "surrogateescape");
}

nb::object to_str_object(std::string_view bytes) {
    PyObject* const text = to_str(bytes);
    require(text != nullptr);
    return nb::steal(text);
}

}  // namespace anynats::python
