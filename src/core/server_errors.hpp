// What a server means by the text of an -ERR (wire.md 4.1): which error it is, whether the
// connection ends with it, and whom it concerns. Texts have no codes; what is not known is reported
// and fatal only if the server then closes.
#pragma once

#include <cstdint>
#include <string_view>

#include <anynats/error.hpp>

namespace anynats {
inline namespace v0 {

struct ServerErrorMeaning {
    enum class About { connection, publish, reply, subscription };

    ErrorCode code = ErrorCode::server_error;
    bool fatal = false;  // the server closes the connection after it
    About about = About::connection;
    std::string_view subject = {};  // what may not be published to, replied to or subscribed to
    std::string_view queue = {};
    std::uint64_t sid = 0;  // of the subscription, when the text tells
};

/// The views of the answer point into `text`.
ServerErrorMeaning meaning_of(std::string_view text) noexcept;

}  // namespace v0
}  // namespace anynats
