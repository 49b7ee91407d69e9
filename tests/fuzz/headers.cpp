// Header blocks: any bytes are read without harm, and what was read can be written in one canonical
// form that reads the same (FZ-04). A Message tells the same as the functions below it.
// Input: the block.
#include <anynats/message.hpp>

#include <algorithm>

#include "core/bytes.hpp"
#include "core/chunk.hpp"
#include "core/header_block.hpp"
#include "core/writer.hpp"
#include "fuzz.hpp"

using namespace anynats;
using fuzz::require;

namespace {

/// The canonical form, written down a second time: `Name: value`, one blank, CR LF.
std::string canonical(const Headers& headers) {
    if (headers.empty()) return {};
    std::string block = "NATS/1.0\r\n";
    for (const auto& [name, value] : headers) block += name + ": " + value + "\r\n";
    return block + "\r\n";
}

void check_fields(const Headers& headers, std::string_view block) {
    std::string_view rest = block;  // in order, and nothing is made up
    for (const auto& [name, value] : headers) {
        require(!name.empty(), "a name without letters");
        const bool proper = std::all_of(name.begin(), name.end(),
                                        [](char c) { return c > ' ' && c <= '~' && c != ':'; });
        require(proper, "a name that is none");
        require(value.find_first_of(std::string_view("\r\n\0", 3)) == value.npos, "a bad value");
        const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
        require(value.empty() || (!is_blank(value.front()) && !is_blank(value.back())),
                "blanks around a value");
        const std::size_t at = rest.find("\r\n" + name + ":");
        require(at != rest.npos, "a field that is not in the block");
        rest.remove_prefix(at + 2);
        require(rest.find(value) != rest.npos, "a value that is not in the block");
    }
}

void check_message(const fuzz::Exact& block, const Headers& headers) {
    const std::string_view bytes = block.view();
    const ChunkRef chunk = Chunk::make(bytes.size() + 2);
    char* const base = chunk.get()->data();
    std::memcpy(base, "s ", 2);
    if (!bytes.empty()) std::memcpy(base + 2, bytes.data(), bytes.size());
    MessageLayout layout;
    layout.subject_size = 1;
    layout.headers_at = 2;
    layout.headers_size = static_cast<std::uint32_t>(bytes.size());
    layout.payload_at = 2 + layout.headers_size;
    const Message message(chunk, base, layout, 1);
    const Message copy = message.to_owned();
    for (const Message* one : {&message, &copy}) {
        require(one->raw_headers() == bytes, "other raw headers");
        require(one->headers() == headers, "other headers");
        require(one->header_error() == (bytes.empty() || header_block_flawed(bytes)),
                "another verdict");
        require(one->status() == read_status(bytes).code, "another status");
        require(one->description() == read_status(bytes).description, "another description");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const fuzz::Exact block(fuzz::Input(data, size).rest());
    const Headers headers = parse_headers(block.view());
    const bool flawed = header_block_flawed(block.view());
    check_fields(headers, block.view());
    check_message(block, headers);

    const HeaderStatus status = read_status(block.view());
    require(status.code >= 0 && status.code <= 999, "a status of more than three digits");
    require(!status.flawed || (status.code == 0 && flawed), "a flawed status that counts");
    require(status.code == 0 || block.view().starts_with("NATS/1.0 "), "a status from elsewhere");
    require(status.description.find("\r\n") == std::string_view::npos, "a long description");

    Bytes written;
    encode_headers(written, headers);
    require(written.view() == canonical(headers), "not the canonical form");
    require(parse_headers(written.view()) == headers, "what was written reads differently");
    require(!header_block_flawed(written.view()), "what was written has a flaw");
    return 0;
}
