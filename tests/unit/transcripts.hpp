// The transcripts of tests/data/transcripts as C++ values; tests/data/README.md has the format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/parser.hpp"

namespace transcripts {

struct Frame {
    std::string kind, subject, reply, headers_raw, payload, text;
    std::uint64_t sid = 0;
    bool with_headers = false;  // HMSG
    std::optional<std::int64_t> status;
    std::optional<std::string> description;
    std::optional<bool> header_error;
    std::optional<std::vector<std::pair<std::string, std::string>>> headers;
};

struct Transcript {
    std::string name, bytes;
    std::vector<Frame> frames;
    std::string failed;  // part of the reason; empty when the stream does not fail
    anynats::ParserLimits limits;
};

/// Every transcript, by name; throws when a file is not in order.
std::vector<Transcript> all();

}  // namespace transcripts
