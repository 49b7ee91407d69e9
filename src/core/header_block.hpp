// The header block of a message as it came (ADR-4, wire.md 4.2): status and grammar.
// Pure functions; they allocate nothing and take any bytes. Threats T03, T04, T05, T07.
#pragma once

#include <string_view>

namespace anynats {
inline namespace v0 {

struct HeaderStatus {
    int code = 0;                  // three digits of the version line, 0 without
    std::string_view description;  // the text behind it
    bool flawed = false;           // the version line is neither plain nor a proper status
};

/// Read the version line of `block`; an empty block has no status and no flaw.
HeaderStatus read_status(std::string_view block) noexcept;

/// Tell whether any line of `block` breaks the grammar, or its end is not an empty line.
bool header_block_flawed(std::string_view block) noexcept;

}  // namespace v0
}  // namespace anynats
