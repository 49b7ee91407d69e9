// What may stand in a protocol line: subjects, queue names, header fields, prefixes.
// Pure functions; each returns null when the text is fine, and otherwise says what is wrong with
// it, so that the caller can name the argument. Threat T20, B95, B96; ADR-6 for the grammars.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <anynats/error.hpp>

namespace anynats {
inline namespace v0 {

/// A subject to publish to, or a reply: not empty, no byte <= 0x20 or 0x7F, no empty token.
/// Wildcards pass (the server decides).
const char* flaw_in_publish_subject(std::string_view subject) noexcept;
/// Whether there is none: the same answer, for every publish.
bool is_publish_subject(std::string_view subject) noexcept;
/// A subject to subscribe to: as above, and `*` stands alone in a token, `>` alone and last.
const char* flaw_in_subscribe_subject(std::string_view subject) noexcept;
/// A queue group: not empty, no byte <= 0x20 or 0x7F; dots are fine.
const char* flaw_in_queue(std::string_view queue) noexcept;
/// A literal subject, for example an inbox prefix: as to publish, and no `*` or `>` anywhere.
const char* flaw_in_literal_subject(std::string_view subject) noexcept;
/// A header name: RFC 9110 token characters only.
const char* flaw_in_header_name(std::string_view name) noexcept;
/// A header value: no CR, LF or NUL.
const char* flaw_in_header_value(std::string_view value) noexcept;

/// A usage_error `subject "a b": holds a space`, with the text shortened and made printable.
Error bad_argument(std::string_view argument, std::string_view value, std::string_view flaw);

/// `text` between double quotes, shortened to `most` bytes; what is not printable is escaped.
std::string quote_text(std::string_view text, std::size_t most = 64);

/// Tell whether `text` is UTF-8: no surrogates, no overlong forms.
bool is_utf8(std::string_view text) noexcept;

}  // namespace v0
}  // namespace anynats
