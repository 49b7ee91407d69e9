// The parser of what servers send: a quick path for well-formed MSG and HMSG lines, and a slow one
// that knows every blank, every verb and every reason. The quick path only ever says yes: what it
// does not like it leaves to the slow one, so that each stream has one outcome, however it is
// split. It must never allocate and never read beyond the bytes it was given. T01, T02, T03, T08;
// B07-B11.
#include "core/parser.hpp"

#include <algorithm>
#include <bit>

#include "core/scan.hpp"
#include "core/text.hpp"

namespace anynats {
inline namespace v0 {
namespace {

constexpr std::size_t largest_line = std::size_t{1} << 29;  // MessageLayout counts in 32 bits:
constexpr std::size_t largest_message = 3u << 30;           // a line and a message must fit

struct Word {
    char bytes[4];
};
constexpr std::uint32_t lower_case = std::bit_cast<std::uint32_t>(Word{{0x20, 0x20, 0x20, 0}});
constexpr std::uint32_t msg_verb = std::bit_cast<std::uint32_t>(Word{{'m', 's', 'g', ' '}});

bool is_msg(const char* at) noexcept {
    std::uint32_t word;
    std::memcpy(&word, at, sizeof word);
    return (word | lower_case) == msg_verb;
}

/// Read at most 19 digits, which cannot overflow; returns where they end.
const char* read_digits(const char* at, const char* end, std::uint64_t& value) noexcept {
    value = 0;
    if (end - at > 19) end = at + 19;
    for (; at != end; ++at) {
        const unsigned digit = static_cast<unsigned char>(*at) - unsigned{'0'};
        if (digit > 9) break;
        value = value * 10 + digit;
    }
    return at;
}

/// A whole field as a number: digits only, at most `most_digits` beyond leading zeros (T02).
bool to_number(std::string_view field, std::size_t most_digits, std::uint64_t& value) noexcept {
    if (field.empty()) return false;
    value = 0;
    std::size_t digits = 0;
    for (const char c : field) {
        const unsigned digit = static_cast<unsigned char>(c) - unsigned{'0'};
        if (digit > 9) return false;
        if ((digits || digit) && ++digits > most_digits) return false;
        if (__builtin_mul_overflow(value, std::uint64_t{10}, &value)) return false;
        if (__builtin_add_overflow(value, std::uint64_t{digit}, &value)) return false;
    }
    return true;
}

/// The rest of `line` behind `verb` (upper case) and a blank; null data when it is another verb.
std::string_view behind_verb(std::string_view line, std::string_view verb) noexcept {
    if (line.size() < verb.size()) return {};
    for (std::size_t i = 0; i < verb.size(); ++i) {
        const char c = line[i];
        if ((c >= 'a' && c <= 'z' ? c - 0x20 : c) != verb[i]) return {};
    }
    const std::string_view rest = line.substr(verb.size());
    if (!rest.empty() && !is_blank(rest.front())) return {};
    return rest;
}

}  // namespace

Parser::Parser(ParserLimits limits) noexcept : limits_(limits) {
    limits_.max_control_line = std::min(limits_.max_control_line, largest_line);
    limits_.max_inbound_message = std::min(limits_.max_inbound_message, largest_message);
}

ParseStatus Parser::next(std::string_view unread) noexcept {
    switch (state_) {
        case State::line:
            // A line that came in part was looked at once: it is split again only when complete.
            if (scanned_ != 0 || unread.size() < 12) return line(unread);
            if (is_msg(unread.data())) return quick_message<false>(unread);
            if ((unread[0] | 0x20) == 'h' && is_msg(unread.data() + 1)) {
                return quick_message<true>(unread);
            }
            return line(unread);
        case State::payload:
            return payload(unread, total_);
        case State::skip:
            return skip(unread);
        case State::failed:
            break;
    }
    return ParseStatus::failed;
}

/// Take a complete `MSG subject sid [reply] size` (or HMSG) with single spaces, in one pass; all
/// else, also a line that is not complete, goes to line(). What the next message waits for, the
/// total, stays in a register.
template <bool with_headers>
ParseStatus Parser::quick_message(std::string_view unread) noexcept {
    const char* const begin = unread.data();
    const char* const end = begin + unread.size();
    const char* const subject = begin + (with_headers ? 5 : 4);
    const char* at = scan::find_blank(subject, end);
    if (at == end || *at != ' ' || at == subject) return line(unread);
    const char* const subject_end = at;

    std::uint64_t sid, size = 0, headers = 0;
    at = read_digits(at + 1, end, sid);
    if (sid == 0 || at == end || *at != ' ') return line(unread);

    const char* reply = ++at;
    const char* reply_end = reply;
    at = read_digits(reply, end, size);
    if (at == end || at == reply || *at != (with_headers ? ' ' : '\r')) {
        reply_end = scan::find_blank(at, end);
        if (reply_end == end || reply_end == reply || *reply_end != ' ') return line(unread);
        at = read_digits(reply_end + 1, end, size);
        if (at == end || at == reply_end + 1) return line(unread);
    }
    if constexpr (with_headers) {
        if (*at != ' ') return line(unread);
        const char* const field = at + 1;
        headers = size;
        at = read_digits(field, end, size);
        if (at == field) return line(unread);
    }
    if (end - at < 2 || at[0] != '\r' || at[1] != '\n') return line(unread);
    const auto line_size = static_cast<std::size_t>(at + 2 - begin);
    if (line_size > limits_.max_control_line) return line(unread);
    if (size > limits_.max_inbound_message || headers > size) return line(unread);

    const auto offset = [subject](const char* to) {
        return static_cast<std::uint32_t>(to - subject);
    };
    frame_.sid = sid;
    frame_.layout.subject_size = offset(subject_end);
    frame_.layout.reply_at = reply_end == reply ? 0 : offset(reply);
    frame_.layout.reply_size = static_cast<std::uint32_t>(reply_end - reply);
    lay_out_body(offset(at + 2), size, headers, with_headers);
    base_at_ = static_cast<std::size_t>(subject - begin);
    return payload(unread, line_size + static_cast<std::size_t>(size) + 2);
}

/// Set where headers and payload lie, `at` bytes behind the start of the subject.
void Parser::lay_out_body(std::uint32_t at, std::uint64_t size, std::uint64_t headers,
                          bool with_headers) noexcept {
    MessageLayout& layout = frame_.layout;
    // An empty header block is a flaw, but not in the framing: `headers_at` alone marks it (T03).
    layout.headers_at = with_headers ? at : 0;
    layout.headers_size = static_cast<std::uint32_t>(headers);
    layout.payload_at = at + static_cast<std::uint32_t>(headers);
    layout.payload_size = static_cast<std::uint32_t>(size - headers);
}

ParseStatus Parser::line(std::string_view unread) noexcept {
    if (unread.empty()) return ParseStatus::need_more;
    const bool is_info = (unread[0] | 0x20) == 'i';  // never held to the limit of others (B18)
    const std::size_t limit = is_info ? limits_.max_info_line : limits_.max_control_line;
    const std::size_t window = std::min(unread.size(), limit);
    if (scanned_ < window) {
        if (const void* feed = std::memchr(unread.data() + scanned_, '\n', window - scanned_)) {
            const auto end = static_cast<const char*>(feed);
            return whole_line(unread, static_cast<std::size_t>(end + 1 - unread.data()));
        }
    }
    return partial_line(unread, limit);
}

ParseStatus Parser::partial_line(std::string_view unread, std::size_t limit) noexcept {
    // Told at the first byte, so that what is no NATS server is not waited for until a timeout.
    if (!std::memchr("IiMmHhPp+-", unread[0], 10)) return fail("unknown verb");
    if (unread.size() > limit) return fail("line longer than its limit");
    scanned_ = unread.size();
    return ParseStatus::need_more;
}

/// Parse a line of `size` bytes including its LF.
ParseStatus Parser::whole_line(std::string_view unread, std::size_t size) noexcept {
    if (!std::memchr("IiMmHhPp+-", unread[0], 10)) return fail("unknown verb");
    if (size < 2 || unread[size - 2] != '\r') return fail("line feed without carriage return");
    const std::string_view line = unread.substr(0, size - 2);

    std::string_view rest;
    const bool with_headers = (line[0] | 0x20) == 'h';
    if ((rest = behind_verb(line, with_headers ? "HMSG" : "MSG")).data()) {
        const std::size_t args_at = line.size() - rest.size();
        if (const char* reason = message_line(line, args_at, with_headers)) return fail(reason);
        return payload(unread, total_);
    }
    if ((rest = behind_verb(line, "PING")).data()) {
        return trimmed(rest).empty() ? done(FrameKind::ping, size) : fail("text behind PING");
    }
    if ((rest = behind_verb(line, "PONG")).data()) {
        return trimmed(rest).empty() ? done(FrameKind::pong, size) : fail("text behind PONG");
    }
    if ((rest = behind_verb(line, "+OK")).data()) {
        return trimmed(rest).empty() ? done(FrameKind::ok, size) : fail("text behind +OK");
    }
    if ((rest = behind_verb(line, "INFO")).data()) {
        frame_.text = trimmed(rest);
        return done(FrameKind::info, size);
    }
    if ((rest = behind_verb(line, "-ERR")).data()) {
        rest = trimmed(rest);
        if (rest.size() >= 2 && rest.front() == '\'' && rest.back() == '\'') {
            rest = rest.substr(1, rest.size() - 2);
        }
        frame_.text = rest;
        return done(FrameKind::err, size);
    }
    return fail("unknown verb");
}

/// Split the fields of MSG or HMSG behind `args_at`; returns what is wrong with them, or null.
const char* Parser::message_line(std::string_view line, std::size_t args_at,
                                 bool with_headers) noexcept {
    const std::size_t least = with_headers ? 4 : 3;
    std::string_view fields[5];
    std::size_t count = 0;
    for (std::size_t at = args_at; at < line.size();) {
        if (is_blank(line[at])) {
            ++at;
            continue;
        }
        const std::size_t start = at;
        while (at < line.size() && !is_blank(line[at])) ++at;
        if (count == least + 1) return "too many fields in a message line";
        fields[count++] = line.substr(start, at - start);
    }
    if (count < least) return "fields missing in a message line";

    std::uint64_t size = 0, headers = 0;
    if (!to_number(fields[1], 20, frame_.sid) || frame_.sid == 0) return "bad subscription id";
    if (!to_number(fields[count - 1], 10, size)) return "bad message size";
    if (with_headers && !to_number(fields[count - 2], 10, headers)) return "bad header size";
    if (size > limits_.max_inbound_message) return "message larger than max_inbound_message";
    if (headers > size) return "header size larger than the message";
    const std::string_view reply = count > least ? fields[2] : std::string_view{};
    base_at_ = static_cast<std::size_t>(fields[0].data() - line.data());
    frame_.layout.subject_size = static_cast<std::uint32_t>(fields[0].size());
    frame_.layout.reply_at =
        reply.empty() ? 0 : static_cast<std::uint32_t>(reply.data() - fields[0].data());
    frame_.layout.reply_size = static_cast<std::uint32_t>(reply.size());
    lay_out_body(static_cast<std::uint32_t>(line.size() + 2 - base_at_), size, headers,
                 with_headers);
    total_ = line.size() + 2 + static_cast<std::size_t>(size) + 2;
    return nullptr;
}

/// The line is known: wait for the body, then check that it ends where it says (B15).
inline ParseStatus Parser::payload(std::string_view unread, std::size_t total) noexcept {
    if (unread.size() < total) {
        total_ = total;
        state_ = State::payload;
        return ParseStatus::need_more;
    }
    const char* const tail = unread.data() + total - 2;
    if (tail[0] != '\r' || tail[1] != '\n') return fail("no CR LF behind a payload");
    frame_.base = unread.data() + base_at_;
    frame_.discarded = false;
    return done(FrameKind::msg, total);
}

void Parser::discard() noexcept {
    if (state_ == State::payload) state_ = State::skip;
}

ParseStatus Parser::skip(std::string_view unread) noexcept {
    if (unread.size() >= total_) {
        const char* const tail = unread.data() + total_ - 2;
        if (tail[0] != '\r' || tail[1] != '\n') return fail("no CR LF behind a payload");
        frame_.base = nullptr;
        frame_.layout = {};
        frame_.discarded = true;
        return done(FrameKind::msg, total_);
    }
    // The CR LF stays together, so that it can be checked at one glance.
    const std::size_t some = std::min(unread.size(), total_ - 2);
    if (some == 0) return ParseStatus::need_more;
    total_ -= some;
    consumed_ = some;
    return ParseStatus::skipped;
}

ParseStatus Parser::done(FrameKind kind, std::size_t consumed) noexcept {
    frame_.kind = kind;
    consumed_ = consumed;
    scanned_ = 0;
    state_ = State::line;
    return ParseStatus::frame;
}

ParseStatus Parser::fail(const char* reason) noexcept {
    state_ = State::failed;
    consumed_ = 0;
    reason_ = reason;
    return ParseStatus::failed;
}

}  // namespace v0
}  // namespace anynats
