// Headers as a list, and the grammar of a header block: NATS/1.0 [status [text]] CRLF, then
// `Name: value` CRLF each, then CRLF (ADR-4). What breaks it is left out and told by
// header_block_flawed(); it is never an error of the connection, for any publisher can send it
// (T04, B16). Every pass is linear in the block, and each line is found by its own CRLF.
#include <anynats/message.hpp>

#include "core/header_block.hpp"
#include "core/text.hpp"

namespace anynats {
inline namespace v0 {
namespace {

constexpr std::string_view version = "NATS/1.0";
constexpr std::string_view line_end = "\r\n";

struct FieldView {
    std::string_view name, value;
};

bool breaks_line(std::string_view text) noexcept {
    for (const char c : text) {
        if (c == '\r' || c == '\n' || c == '\0') return true;
    }
    return false;
}

/// Split `Name: value`; false when it is no such line. Names are printable ASCII without blanks.
bool split_field(std::string_view line, FieldView& field) noexcept {
    std::size_t colon = 0;
    for (; colon < line.size() && line[colon] != ':'; ++colon) {
        if (line[colon] <= ' ' || line[colon] > '~') return false;  // also bytes of 0x80 and more
    }
    if (colon == 0 || colon == line.size()) return false;
    field = {line.substr(0, colon), trimmed(line.substr(colon + 1))};
    return !breaks_line(field.value);
}

/// Cut the first line off `block`, without its CRLF; false when no CRLF ends it.
bool take_line(std::string_view& block, std::string_view& line) noexcept {
    const std::size_t end = block.find(line_end);
    line = block.substr(0, end);
    block.remove_prefix(end == std::string_view::npos ? block.size() : end + line_end.size());
    return end != std::string_view::npos;
}

/// Call `take` with each proper field of `block`; returns whether all of it was proper.
template <class Take>
bool each_field(std::string_view block, Take take) {
    if (!block.starts_with(version)) return block.empty();
    bool proper = !read_status(block).flawed;
    std::string_view line;
    take_line(block, line);
    while (!block.empty()) {
        const bool ended = take_line(block, line);
        if (ended && line.empty()) return proper && block.empty();
        FieldView field;
        if (split_field(line, field)) {
            take(field);
        } else {
            proper = false;
        }
    }
    return false;  // the empty line is missing
}

}  // namespace

void Headers::add(std::string name, std::string value) {
    fields_.emplace_back(std::move(name), std::move(value));
}

const std::string* Headers::get(std::string_view name) const noexcept {
    for (const Field& field : fields_) {
        if (field.first == name) return &field.second;
    }
    return nullptr;
}

const std::string* Headers::find(std::string_view name) const noexcept {
    for (const Field& field : fields_) {
        if (same_in_any_case(field.first, name)) return &field.second;
    }
    return nullptr;
}

std::vector<std::string> Headers::all(std::string_view name) const {
    std::vector<std::string> values;
    for (const Field& field : fields_) {
        if (field.first == name) values.push_back(field.second);
    }
    return values;
}

Headers parse_headers(std::string_view block) {
    Headers headers;
    each_field(block, [&](const FieldView& field) {
        headers.add(std::string(field.name), std::string(field.value));
    });
    return headers;
}

bool header_block_flawed(std::string_view block) noexcept {
    return !each_field(block, [](const FieldView&) {});
}

HeaderStatus read_status(std::string_view block) noexcept {
    HeaderStatus none, flawed;
    flawed.flawed = true;
    if (block.empty()) return none;
    if (!block.starts_with(version)) return flawed;
    std::string_view line = block.substr(version.size(), std::string_view::npos);
    line = line.substr(0, line.find(line_end));
    if (line.empty()) return none;

    std::size_t at = 0;
    while (at < line.size() && line[at] == ' ') ++at;
    if (at == 0 || line.size() - at < 3) return flawed;  // B14: NATS/1.0418 is no status
    int code = 0;
    for (const char c : line.substr(at, 3)) {
        if (c < '0' || c > '9') return flawed;
        code = code * 10 + (c - '0');
    }
    const std::string_view rest = line.substr(at + 3);
    if (!rest.empty() && rest.front() != ' ') return flawed;
    if (breaks_line(rest)) return flawed;
    return {code, trimmed(rest), false};
}

}  // namespace v0
}  // namespace anynats
