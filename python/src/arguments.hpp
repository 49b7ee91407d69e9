// Arguments from Python, checked: each refusal names the argument. A wrong type is a TypeError, a
// wrong value a UsageError. Functions return false with the exception set. What NATS allows in a
// subject is not known here: the session checks that.
#pragma once

#include <anynats/message.hpp>
#include <anynats/time.hpp>
#include "native.hpp"

namespace anynats::python {

/// A str as UTF-8; the view lives as long as the str.
bool read_text(PyObject* value, const char* name, std::string_view& out) noexcept;
/// The same, and None for nothing.
bool read_text_or_none(PyObject* value, const char* name, std::string_view& out) noexcept;
bool read_bool(PyObject* value, const char* name, bool& out) noexcept;
bool read_count(PyObject* value, const char* name, std::uint64_t most, std::uint64_t& out) noexcept;

/// Seconds as int, float or timedelta; finite, not negative, below 1,000 years.
bool read_seconds(PyObject* value, const char* name, Duration& out);
/// None leaves `out` empty.
bool read_timeout(PyObject* value, std::optional<Duration>& out, const char* name = "timeout");
/// A moment of the caller's own clock, in seconds.
bool read_now(PyObject* value, Time& out);
double to_seconds(Time time) noexcept;

/// Mapping[str, str | Iterable[str]] or None, as a header block (empty for none).
bool read_headers(PyObject* value, std::string& block);

/// The bytes of any contiguous buffer, for as long as this lives.
class Payload {
public:
    Payload() = default;
    ~Payload() {
        if (held_) PyBuffer_Release(&buffer_);
    }
    Payload(const Payload&) = delete;
    Payload& operator=(const Payload&) = delete;

    bool read(PyObject* value, const char* name) noexcept {
        if (PyBytes_CheckExact(value)) {
            view_ = {PyBytes_AS_STRING(value), static_cast<std::size_t>(PyBytes_GET_SIZE(value))};
            return true;
        }
        return read_buffer(value, name);
    }
    std::string_view view() const noexcept { return view_; }

private:
    bool read_buffer(PyObject* value, const char* name) noexcept;
    Py_buffer buffer_{};
    bool held_ = false;
    std::string_view view_;
};

/// Bytes of the wire as str: what is not UTF-8 becomes lone surrogates (surrogateescape).
PyObject* to_str(std::string_view bytes) noexcept;
nb::object to_str_object(std::string_view bytes);

}  // namespace anynats::python
