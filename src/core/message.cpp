// What a Message can tell beyond views: its status, and a copy in memory of its own.
// Nothing here is on the way of a delivered message; headers are read when asked for (headers.cpp).
#include <anynats/message.hpp>

#include <cstring>

#include "core/chunk.hpp"
#include "core/header_block.hpp"

namespace anynats {
inline namespace v0 {

Headers Message::headers() const {
    return parse_headers(raw_headers());
}

bool Message::header_error() const noexcept {
    // The parser marks an empty header block by its place alone (T03).
    if (!has_headers()) return layout_.headers_at != 0;
    return header_block_flawed(raw_headers());
}

int Message::status() const noexcept {
    return read_status(raw_headers()).code;
}

std::string_view Message::description() const noexcept {
    return read_status(raw_headers()).description;
}

Message Message::to_owned() const {
    ChunkRef chunk = Chunk::make(size());
    char* const base = chunk.get()->data();
    MessageLayout layout = layout_;
    std::uint32_t used = 0;
    const auto put = [&](std::string_view bytes) {
        const std::uint32_t at = used;
        if (!bytes.empty()) std::memcpy(base + at, bytes.data(), bytes.size());
        used += static_cast<std::uint32_t>(bytes.size());
        return at;
    };
    put(subject());
    layout.reply_at = put(reply());
    const std::uint32_t headers_at = put(raw_headers());
    if (layout_.headers_at) layout.headers_at = headers_at;
    layout.payload_at = put(payload());
    return Message(std::move(chunk), base, layout, sid_);
}

}  // namespace v0
}  // namespace anynats
