// The grammars of what users put into protocol lines. Each check is one pass and allocates nothing;
// they run on every publish, so the common case looks at eight bytes at a time (T20: < 2 %).
// They judge bytes only, never UTF-8: the wire knows no encoding (B12).
#include "core/subject.hpp"

#include "core/scan.hpp"

namespace anynats {
inline namespace v0 {
namespace {

const char* flaw_in_byte(unsigned char c) noexcept {
    switch (c) {
        case ' ':
            return "holds a space";
        case '\t':
            return "holds a tab";
        case '\r':
        case '\n':
            return "holds a line break";
        case '\0':
            return "holds a NUL";
        default:
            return c < 0x20 || c == 0x7F ? "holds a control byte" : nullptr;
    }
}

/// Flaws of one word: empty, blanks, control bytes.
const char* flaw_in_word(std::string_view word) noexcept {
    if (word.empty()) return "is empty";
    for (const char c : word) {
        if (const char* flaw = flaw_in_byte(static_cast<unsigned char>(c))) return flaw;
    }
    return nullptr;
}

/// The same for a subject, byte by byte, to name the first flaw.
const char* first_flaw_in_subject(std::string_view subject) noexcept {
    if (const char* flaw = flaw_in_word(subject)) return flaw;
    char before = '.';
    for (const char c : subject) {
        if (c == '.' && before == '.') return "holds an empty token";
        before = c;
    }
    return before == '.' ? "holds an empty token" : nullptr;
}

/// Tell whether eight bytes of a subject hold a flaw; `after_dot`: the byte before them is a dot.
bool flawed_eight(std::uint64_t word, bool after_dot) noexcept {
    const std::uint64_t dots = scan::equal(word, '.');
    const std::uint64_t doubled = dots & ((dots << 8) | (after_dot ? 0x80u : 0u));
    return (scan::blanks(word) | scan::equal(word, 0x7F) | doubled) != 0;
}

/// A subject of less than eight bytes, with harmless ones behind it.
std::uint64_t load_short(const char* at, std::size_t size) noexcept {
    std::uint64_t word = 0;
    if (size >= 4) {
        std::uint32_t first, last;  // may overlap
        std::memcpy(&first, at, 4);
        std::memcpy(&last, at + size - 4, 4);
        word = first | (std::uint64_t{last} << (8 * (size - 4)));
    } else {
        const auto byte = [&](std::size_t i) {
            return std::uint64_t{static_cast<unsigned char>(at[i])} << (8 * i);
        };
        word = byte(0) | byte(size / 2) | byte(size - 1);
    }
    return word | (scan::repeated('a') << (8 * size));
}

bool is_token_char(unsigned char c) noexcept {
    if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')) return true;
    return c != 0 && std::strchr("!#$%&'*+-.^_`|~", c) != nullptr;
}

/// Bytes of the UTF-8 sequence that starts `text`, 0 when it is none.
std::size_t utf8_size(std::string_view text) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(0);
    if (lead < 0x80) return 1;
    std::size_t size = 0;
    if (lead >= 0xC2 && lead <= 0xDF) size = 2;
    if (lead >= 0xE0 && lead <= 0xEF) size = 3;
    if (lead >= 0xF0 && lead <= 0xF4) size = 4;
    if (size == 0 || text.size() < size) return 0;
    for (std::size_t i = 1; i < size; ++i) {
        if ((byte(i) & 0xC0) != 0x80) return 0;
    }
    if (lead == 0xE0 && byte(1) < 0xA0) return 0;  // overlong
    if (lead == 0xED && byte(1) > 0x9F) return 0;  // surrogates
    if (lead == 0xF0 && byte(1) < 0x90) return 0;  // overlong
    if (lead == 0xF4 && byte(1) > 0x8F) return 0;  // beyond U+10FFFF
    return size;
}

}  // namespace

const char* flaw_in_publish_subject(std::string_view subject) noexcept {
    return is_publish_subject(subject) ? nullptr : first_flaw_in_subject(subject);
}

bool is_publish_subject(std::string_view subject) noexcept {
    const char* const start = subject.data();
    const std::size_t size = subject.size();
    if (size == 0 || start[size - 1] == '.') return false;
    if constexpr (std::endian::native != std::endian::little) {
        return first_flaw_in_subject(subject) == nullptr;
    }
    bool after_dot = true;  // a dot at the very start opens an empty token
    if (size < 8) return !flawed_eight(load_short(start, size), after_dot);
    const std::size_t last = size - 8;
    for (std::size_t at = 0; at < last; at += 8) {
        if (flawed_eight(scan::load(start + at), after_dot)) return false;
        after_dot = start[at + 7] == '.';
    }
    if (last > 0) after_dot = start[last - 1] == '.';
    return !flawed_eight(scan::load(start + last), after_dot);
}

const char* flaw_in_subscribe_subject(std::string_view subject) noexcept {
    if (const char* flaw = first_flaw_in_subject(subject)) return flaw;
    for (std::size_t at = 0; at < subject.size(); ++at) {
        if (subject[at] != '*' && subject[at] != '>') continue;
        const bool starts = at == 0 || subject[at - 1] == '.';
        const bool last = at + 1 == subject.size();
        if (subject[at] == '>' && !(starts && last)) {
            return "holds a '>' that is not the whole last token";
        }
        if (!starts || !(last || subject[at + 1] == '.')) {
            return "holds a '*' that is not a whole token";
        }
    }
    return nullptr;
}

const char* flaw_in_queue(std::string_view queue) noexcept {
    return flaw_in_word(queue);
}

const char* flaw_in_literal_subject(std::string_view subject) noexcept {
    if (const char* flaw = first_flaw_in_subject(subject)) return flaw;
    return subject.find_first_of("*>") == std::string_view::npos ? nullptr : "holds a wildcard";
}

const char* flaw_in_header_name(std::string_view name) noexcept {
    if (name.empty()) return "is empty";
    for (const char c : name) {
        if (is_token_char(static_cast<unsigned char>(c))) continue;
        if (const char* flaw = flaw_in_byte(static_cast<unsigned char>(c))) return flaw;
        return c == ':' ? "holds a colon" : "holds a character that header names may not have";
    }
    return nullptr;
}

const char* flaw_in_header_value(std::string_view value) noexcept {
    for (const char c : value) {
        if (c == '\r' || c == '\n') return "holds a line break";
        if (c == '\0') return "holds a NUL";
    }
    return nullptr;
}

Error bad_argument(std::string_view argument, std::string_view value, std::string_view flaw) {
    std::string text(argument);
    text += ' ';
    text += quote_text(value);
    text += ": ";
    text += flaw;
    return Error(ErrorCode::usage_error, std::move(text));
}

std::string quote_text(std::string_view text, std::size_t most) {
    constexpr char digits[] = "0123456789abcdef";
    std::string shown = "\"";
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t size = utf8_size(text.substr(at));
        const std::size_t step = size ? size : 1;
        if (at + step > most) break;
        const auto c = static_cast<unsigned char>(text[at]);
        if (size == 0 || c < 0x20 || c == 0x7F) {
            shown += {'\\', 'x', digits[c >> 4], digits[c & 15]};
        } else {
            if (c == '"' || c == '\\') shown += '\\';
            shown += text.substr(at, size);
        }
        at += step;
    }
    shown += at < text.size() ? "...\"" : "\"";
    return shown;
}

bool is_utf8(std::string_view text) noexcept {
    while (!text.empty()) {
        const std::size_t size = utf8_size(text);
        if (size == 0) return false;
        text.remove_prefix(size);
    }
    return true;
}

}  // namespace v0
}  // namespace anynats
