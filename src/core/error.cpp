// What an Error owns: its message, its cause and the two as one text. Immutable once made, so
// copies share it between threads. The table of codes is error_table.cpp.
#include <anynats/error.hpp>

#include <new>
#include <optional>

namespace anynats {
inline namespace v0 {

struct Error::Detail {
    std::string message;
    std::optional<Error> cause;
    std::string what;  // the message and the chain of causes
};

Error::Error(ErrorCode code, std::string message) : code_(code) {
    try {
        auto detail = std::make_shared<Detail>();
        detail->what = message;
        detail->message = std::move(message);
        detail_ = std::move(detail);
    } catch (const std::bad_alloc&) {
        if (code != ErrorCode::out_of_memory) throw;  // that one can always be told
    }
}

const char* Error::what() const noexcept {
    if (detail_) return detail_->what.c_str();
    return code_ == ErrorCode::out_of_memory ? "not enough memory" : "";
}

bool Error::is(ErrorCode base) const noexcept {
    return is_a(code_, base);
}

const Error* Error::cause() const noexcept {
    return detail_ && detail_->cause ? &*detail_->cause : nullptr;
}

Error Error::because(Error cause) const {
    auto detail = std::make_shared<Detail>();
    if (detail_) detail->message = detail_->message;
    detail->what = detail->message;
    detail->what += ": caused by ";
    detail->what += cause.what();
    detail->cause = std::move(cause);
    Error copy = *this;
    copy.detail_ = std::move(detail);
    return copy;
}

}  // namespace v0
}  // namespace anynats
