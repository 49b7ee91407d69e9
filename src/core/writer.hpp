// The protocol as a client speaks it: CONNECT, PUB, HPUB, SUB, UNSUB, PING, PONG (wire.md 4.1).
// Plain functions that append one frame to a buffer; arguments have been checked by flaw_in_*
// of subject.hpp before. They must never write part of a frame: room is reserved first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <anynats/message.hpp>
#include "core/bytes.hpp"

namespace anynats {
inline namespace v0 {

/// Append PUB, or HPUB when `header_block` (from encode_headers) is not empty.
void encode_publish(Bytes& out, std::string_view subject, std::string_view reply,
                    std::string_view header_block, std::string_view payload);
/// Append SUB; `queue` may be empty.
void encode_subscribe(Bytes& out, std::string_view subject, std::string_view queue,
                      std::uint64_t sid);
/// Append UNSUB; `max` is the total number of deliveries since SUB, 0 = now.
void encode_unsubscribe(Bytes& out, std::uint64_t sid, std::uint64_t max);
void encode_ping(Bytes& out);
void encode_pong(Bytes& out);
/// Append CONNECT with `json`.
void encode_connect(Bytes& out, std::string_view json);

/// Append the header block of `headers` (NATS/1.0 CRLF ... CRLF CRLF); nothing when it is empty.
void encode_headers(Bytes& out, const Headers& headers);

/// The length of the first frame in `frames` (written by the functions above), and whether it is a
/// publish. Used to find the boundary of a half-written frame when a connection breaks (B20).
/// At most the size of `frames`, also if that ends early.
struct WrittenFrame {
    std::size_t size;
    bool is_publish;
    bool has_headers = false;
    std::size_t body = 0;  // of a publish: headers and payload
};
WrittenFrame measure_written(std::string_view frames) noexcept;
/// The reply subject of a written publish, empty if it has none.
std::string_view reply_of_written(std::string_view frame) noexcept;

}  // namespace v0
}  // namespace anynats
