// The table of -ERR texts, and the grammar of permission violations:
//   Permissions Violation for Publish to "S" | for Publish with Reply of "R"
//   Permissions Violation for Subscription to "S" [using queue "Q"] [(sid "N")]
#include "core/server_errors.hpp"

#include <charconv>

namespace anynats {
inline namespace v0 {

namespace {

bool starts_with_ignoring_case(std::string_view text, std::string_view start) noexcept {
    if (text.size() < start.size()) return false;
    for (std::size_t i = 0; i < start.size(); ++i) {
        const char a = text[i], b = start[i];
        const char lower = a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a;
        if (lower != b) return false;
    }
    return true;
}

/// Take `start` from the front of `text`, if it is there.
bool skip(std::string_view& text, std::string_view start) noexcept {
    if (!starts_with_ignoring_case(text, start)) return false;
    text.remove_prefix(start.size());
    return true;
}

/// Take `label "value"` from the front of `text`; empty when it is not there.
std::string_view take_quoted(std::string_view& text, std::string_view label) noexcept {
    std::string_view rest = text;
    if (!skip(rest, label) || !skip(rest, "\"")) return {};
    const std::size_t size = rest.find('"');
    if (size == std::string_view::npos) return {};
    text = rest.substr(size + 1);
    return rest.substr(0, size);
}

struct KnownText {
    std::string_view start;  // of the text, in lower case
    ErrorCode code;
    bool fatal;
};

constexpr KnownText known_texts[] = {
    {"permissions violation", ErrorCode::permission_violation, false},
    {"invalid subject", ErrorCode::server_error, false},
    {"invalid publish subject", ErrorCode::server_error, false},
    {"maximum subscriptions exceeded", ErrorCode::server_error, false},
    {"authorization violation", ErrorCode::authorization_error, true},
    {"authentication timeout", ErrorCode::authorization_error, true},
    {"user authentication", ErrorCode::authorization_error, true},
    {"account authentication", ErrorCode::authorization_error, true},
    {"stale connection", ErrorCode::stale_connection, true},
    {"maximum payload violation", ErrorCode::max_payload, true},
    {"secure connection", ErrorCode::tls_error, true},
    {"unknown protocol operation", ErrorCode::server_error, true},
    {"maximum connections exceeded", ErrorCode::server_error, true},
    {"maximum account active connections exceeded", ErrorCode::server_error, true},
    {"maximum control line exceeded", ErrorCode::server_error, true},
    {"connection throttling is active", ErrorCode::server_error, true},
    {"invalid client protocol", ErrorCode::server_error, true},
    {"no responders requires headers", ErrorCode::server_error, true},
    {"attempted to connect to", ErrorCode::server_error, true},
};

void read_permission(std::string_view text, ServerErrorMeaning& meaning) noexcept {
    using About = ServerErrorMeaning::About;
    skip(text, "permissions violation for ");
    if (!(meaning.subject = take_quoted(text, "publish to ")).empty()) {
        meaning.about = About::publish;
    } else if (!(meaning.subject = take_quoted(text, "publish with reply of ")).empty()) {
        meaning.about = About::reply;
    } else if (!(meaning.subject = take_quoted(text, "subscription to ")).empty()) {
        meaning.about = About::subscription;
        meaning.queue = take_quoted(text, " using queue ");
        const std::string_view sid = take_quoted(text, " (sid ");
        std::from_chars(sid.data(), sid.data() + sid.size(), meaning.sid);
    }
}

}  // namespace

ServerErrorMeaning meaning_of(std::string_view text) noexcept {
    ServerErrorMeaning meaning;
    for (const KnownText& known : known_texts) {
        if (!starts_with_ignoring_case(text, known.start)) continue;
        meaning.code = known.code;
        meaning.fatal = known.fatal;
        break;
    }
    if (meaning.code == ErrorCode::permission_violation) read_permission(text, meaning);
    return meaning;
}

}  // namespace v0
}  // namespace anynats
