// The seam for what lies between the socket and the session: later TLS and WebSocket. A filter is
// sans-IO: wire bytes go in and come out of it, plain bytes go up and come down; at most one copy
// each way. One filter per transport, made anew for each epoch; plain TCP has none.
// Under the connection's lock, except that the space of prepare() belongs to the reader until
// commit, also without the lock: it must not move while the filter lives and nobody commits.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include <anynats/error.hpp>
#include "core/bytes.hpp"

namespace anynats {
inline namespace v0 {

/// What lies above a filter: the session, or another filter.
class PlainSink {
public:
    virtual ~PlainSink() = default;
    virtual std::span<char> prepare() = 0;
    /// `n` bytes of the prepared space were filled. False: nobody wants more, stop.
    virtual bool commit(std::size_t n) = 0;
};

class Filter {
public:
    /// Most wire bytes that a filter holds before accept() takes nothing more.
    static constexpr std::size_t wire_limit = 64 << 10;

    virtual ~Filter() = default;

    /// Space for wire bytes from the socket.
    virtual std::span<char> prepare() = 0;
    /// `n` wire bytes came: offer what they hold upwards. An error ends the transport.
    virtual std::optional<Error> commit(std::size_t n, PlainSink& above) = 0;
    /// Take plain bytes to be sent; returns how many of them, 0 when wire() is too full.
    virtual std::size_t accept(std::string_view plain) = 0;
    /// What is to be sent; the transport consumes it.
    Bytes& wire() noexcept { return wire_; }

private:
    Bytes wire_;
};

/// Makes the filter of a new transport; null: none.
using FilterFactory = std::function<std::shared_ptr<Filter>()>;

}  // namespace v0
}  // namespace anynats
