// The frames a client sends, appended whole: room for the largest form is reserved first, so that
// an allocation that fails leaves nothing behind. Arguments have been checked (subject.hpp); these
// functions check nothing and must never be given unchecked text. wire.md 4.1, B20.
#include "core/writer.hpp"

#include <algorithm>
#include <cstring>

namespace anynats {
inline namespace v0 {
namespace {

constexpr std::size_t most_digits = 20;  // of a 64-bit number

/// Subjects and small payloads are copied in place: a call costs more than their bytes.
char* put(char* at, std::string_view text) noexcept {
    const std::size_t size = text.size();
    const char* const from = text.data();
    if (size >= 8 && size <= 16) {  // two words, which may overlap
        std::uint64_t first, last;
        std::memcpy(&first, from, 8);
        std::memcpy(&last, from + size - 8, 8);
        std::memcpy(at, &first, 8);
        std::memcpy(at + size - 8, &last, 8);
    } else if (size >= 4 && size < 8) {
        std::uint32_t first, last;
        std::memcpy(&first, from, 4);
        std::memcpy(&last, from + size - 4, 4);
        std::memcpy(at, &first, 4);
        std::memcpy(at + size - 4, &last, 4);
    } else if (size != 0) {
        std::memcpy(at, from, size);
    }
    return at + size;
}

char* put_number(char* at, std::uint64_t value) noexcept {
    if (value < 100) {  // most sizes
        if (value >= 10) *at++ = static_cast<char>('0' + value / 10);
        *at++ = static_cast<char>('0' + value % 10);
        return at;
    }
    char digits[most_digits];
    char* first = digits + most_digits;
    do {
        *--first = static_cast<char>('0' + value % 10);
        value /= 10;
    } while (value);
    const auto count = static_cast<std::size_t>(digits + most_digits - first);
    std::memcpy(at, first, count);
    return at + count;
}

char* put_line_end(char* at) noexcept {
    at[0] = '\r';
    at[1] = '\n';
    return at + 2;
}

/// The decimal number that ends at `end`, in a line of our own making.
std::size_t number_before(const char* begin, const char* end) noexcept {
    std::size_t value = 0, weight = 1;
    while (end != begin && end[-1] >= '0' && end[-1] <= '9') {
        value += static_cast<std::size_t>(*--end - '0') * weight;
        weight *= 10;
    }
    return value;
}

}  // namespace

void encode_publish(Bytes& out, std::string_view subject, std::string_view reply,
                    std::string_view header_block, std::string_view payload) {
    const std::size_t body = header_block.size() + payload.size();
    char* const start = out.reserve(subject.size() + reply.size() + body + 2 * most_digits +
                                    sizeof "HPUB    \r\n\r\n");
    char* at = start;
    if (!header_block.empty()) *at++ = 'H';
    std::memcpy(at, "PUB ", 4);
    at = put(at + 4, subject);
    *at++ = ' ';
    if (!reply.empty()) {
        at = put(at, reply);
        *at++ = ' ';
    }
    if (!header_block.empty()) {
        at = put_number(at, header_block.size());
        *at++ = ' ';
    }
    at = put_number(at, body);
    at = put_line_end(at);
    if (!header_block.empty()) at = put(at, header_block);
    at = put(at, payload);
    at = put_line_end(at);
    out.grow_by(static_cast<std::size_t>(at - start));
}

void encode_subscribe(Bytes& out, std::string_view subject, std::string_view queue,
                      std::uint64_t sid) {
    char* const start =
        out.reserve(subject.size() + queue.size() + most_digits + sizeof "SUB   \r\n");
    char* at = put(start, "SUB ");
    at = put(at, subject);
    *at++ = ' ';
    if (!queue.empty()) {
        at = put(at, queue);
        *at++ = ' ';
    }
    at = put_number(at, sid);
    at = put_line_end(at);
    out.grow_by(static_cast<std::size_t>(at - start));
}

void encode_unsubscribe(Bytes& out, std::uint64_t sid, std::uint64_t max) {
    char* const start = out.reserve(2 * most_digits + sizeof "UNSUB  \r\n");
    char* at = put(start, "UNSUB ");
    at = put_number(at, sid);
    if (max) {
        *at++ = ' ';
        at = put_number(at, max);
    }
    at = put_line_end(at);
    out.grow_by(static_cast<std::size_t>(at - start));
}

void encode_ping(Bytes& out) {
    out.append("PING\r\n");
}

void encode_pong(Bytes& out) {
    out.append("PONG\r\n");
}

void encode_connect(Bytes& out, std::string_view json) {
    char* const start = out.reserve(json.size() + sizeof "CONNECT \r\n");
    char* at = put(start, "CONNECT ");
    at = put(at, json);
    at = put_line_end(at);
    out.grow_by(static_cast<std::size_t>(at - start));
}

void encode_headers(Bytes& out, const Headers& headers) {
    if (headers.empty()) return;
    std::size_t size = sizeof "NATS/1.0\r\n\r\n";
    for (const auto& [name, value] : headers) size += name.size() + value.size() + 4;
    char* const start = out.reserve(size);
    char* at = put(start, "NATS/1.0\r\n");
    for (const auto& [name, value] : headers) {
        at = put(at, name);
        at = put(at, ": ");
        at = put(at, value);
        at = put_line_end(at);
    }
    at = put_line_end(at);
    out.grow_by(static_cast<std::size_t>(at - start));
}

WrittenFrame measure_written(std::string_view frames) noexcept {
    const std::size_t feed = frames.find('\n');
    if (feed == std::string_view::npos || feed == 0) return {frames.size(), false};
    const bool is_publish = frames.starts_with("PUB ") || frames.starts_with("HPUB ");
    std::size_t size = feed + 1, body = 0;
    if (is_publish) {
        const char* const line_end = frames.data() + feed - 1;
        body = number_before(frames.data(), line_end);
        size += body + 2;
    }
    return {std::min(size, frames.size()), is_publish, frames.starts_with('H'), body};
}

std::string_view reply_of_written(std::string_view frame) noexcept {
    std::string_view line = frame.substr(0, frame.find('\r'));
    const auto blanks = std::count(line.begin(), line.end(), ' ');
    if (blanks < (line.starts_with('H') ? 4 : 3)) return {};
    line.remove_prefix(line.find(' ') + 1);  // the verb
    line.remove_prefix(line.find(' ') + 1);  // the subject
    return line.substr(0, line.find(' '));
}

}  // namespace v0
}  // namespace anynats
