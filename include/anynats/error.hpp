// What goes wrong, as a value and as an exception: one class serves for both. Errors come out of
// operations inside a Result; `.get()` throws them as the class that the table names.
// Owns its text and its cause; immutable, so copies may be shared between threads.
// The table of codes and classes is tools/errors.json.
#pragma once

#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <anynats/error_codes.hpp>
#include <anynats/export.hpp>

namespace anynats {
inline namespace v0 {

/// One error: what was attempted, on which subject and server, and (maybe) what caused it.
class ANYNATS_API Error : public std::exception {
public:
    Error(ErrorCode code, std::string message);

    ErrorCode code() const noexcept { return code_; }
    const char* what() const noexcept override;
    std::string_view message() const noexcept { return what(); }

    /// Tell whether this error is of the kind `base` or of one derived from it.
    bool is(ErrorCode base) const noexcept;

    /// The error that led to this one, or null.
    const Error* cause() const noexcept;

    /// Return a copy of this error that carries `cause`.
    Error because(Error cause) const;

private:
    struct Detail;
    ErrorCode code_;
    std::shared_ptr<const Detail> detail_;
};

/// The name of the error's class, for example "ConnectTimeout".
ANYNATS_API std::string_view to_string(ErrorCode code) noexcept;

/// Tell whether `code` is `base` or derived from it (ConnectTimeout is a TimeoutError too).
ANYNATS_API bool is_a(ErrorCode code, ErrorCode base) noexcept;

/// Throw `error` as its own class of error_types.hpp.
[[noreturn]] ANYNATS_API void throw_error(const Error& error);

/// A value of type T, or the Error that came instead of it. Only value() throws.
template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    bool ok() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return ok(); }
    /// Only when it is not ok().
    const Error& error() const { return *std::get_if<1>(&state_); }

    /// The value; throws the error when there is none.
    T& value() & {
        require();
        return **this;
    }
    const T& value() const& {
        require();
        return **this;
    }
    T&& value() && {
        require();
        return *std::move(*this);
    }

    /// The value, only when it is ok().
    T& operator*() & { return *std::get_if<0>(&state_); }
    const T& operator*() const& { return *std::get_if<0>(&state_); }
    T&& operator*() && { return std::move(*std::get_if<0>(&state_)); }
    T* operator->() { return std::get_if<0>(&state_); }
    const T* operator->() const { return std::get_if<0>(&state_); }

private:
    void require() const {
        if (!ok()) throw_error(error());
    }
    std::variant<T, Error> state_;
};

/// The result of something that has no value.
struct Done {};

}  // namespace v0
}  // namespace anynats
