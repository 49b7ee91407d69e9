// The operations of core NATS that take several steps: connect, request, flush, close.
// Each is written once, for every way of waiting. Arguments that are views are used before the
// first wait only; errors say what was attempted, where, and for how long.
#pragma once

#include <string_view>

#include <anynats/message.hpp>
#include "ops/task.hpp"

namespace anynats {
inline namespace v0 {

/// Wait for the first connection; with retry_on_failed_connect, do not wait at all.
Task<Done> connect(Session& session);

/// The same, with `value` as the result.
template <class T>
Task<T> connect_then(Session& session, T value) {
    auto connected = co_await connect(session);
    if (!connected.ok()) co_return connected.error();
    co_return std::move(value);
}

/// Publish with a reply subject of the multiplexed inbox and wait for the one reply (wire.md 4.3).
/// NoResponders when the server says that nobody listens; Disconnected, Closed, TimeoutError.
Task<Message> request(Session& session, std::string_view subject, std::string_view payload,
                      std::string_view header_block, Duration timeout);

/// Wait until the server has taken everything published before: one PING and its PONG. While
/// disconnected it waits for the connection first, within the same timeout.
Task<Done> flush(Session& session, Duration timeout);

/// How long a PING and its PONG take: what is buffered goes before the PING. Waits for the
/// connection as flush does; that wait is not counted.
Task<Duration> rtt(Session& session, Duration timeout);

/// Send what is still buffered, for at most `timeout` (0: do not wait), then close.
Task<Done> close(Session& session, Duration timeout);

}  // namespace v0
}  // namespace anynats
