// What waits to be sent: the handshake of this connection, then everything else in call order.
// A connection that breaks takes its handshake and control frames with it, and the frame that was
// begun; publishes that no byte of was handed to a socket stay for the next one (B20, I05, I06).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "core/bytes.hpp"
#include "core/writer.hpp"

namespace anynats {
inline namespace v0 {

class Outbound {
public:
    /// Frames that open a connection and precede everything: CONNECT, PING, the replayed SUBs.
    Bytes& opening() noexcept { return opening_; }
    /// Everything else. Not sent before `open(true)`.
    Bytes& pending() noexcept { return pending_; }

    /// Whether the handshake is over, so that `pending` may follow `opening`.
    void open(bool yes) noexcept { open_ = yes; }
    /// Send what waits now on this connection, and what comes later on the next one.
    void hold() noexcept { most_ = pending_.size(); }
    void release() noexcept { most_ = all; }

    std::array<std::string_view, 2> to_send() const noexcept {
        return {opening_.view(), pending_.view().substr(0, sendable())};
    }
    std::size_t size_to_send() const noexcept { return opening_.size() + sendable(); }
    /// Give back what large writes made of the buffers, if they are empty.
    void rest() noexcept { pending_.shrink(resting); }
    /// Bytes that count against Options::pending_limit.
    std::size_t pending_size() const noexcept { return pending_.size(); }
    /// The socket took the first `n` bytes of to_send().
    void sent(std::size_t n) noexcept;
    /// The connection broke. Returns how many publishes were begun and are lost (0 or 1).
    std::size_t broken() noexcept;
    /// Give up the waiting publishes that `unwelcome` says so of, each as a whole frame; returns
    /// how many. Before anything has been sent on this connection.
    template <class Unwelcome>
    std::size_t drop(Unwelcome unwelcome) noexcept {
        return filter([&](std::string_view frame, const WrittenFrame& measured) {
            return !measured.is_publish || !unwelcome(frame, measured);
        });
    }
    /// Give up everything; returns how many publishes that were.
    std::size_t clear() noexcept;
    /// Publishes that are waiting and have not been begun (walks the buffer; for checks).
    std::size_t count_publishes() const noexcept;

private:
    static constexpr std::size_t all = static_cast<std::size_t>(-1);
    static constexpr std::size_t resting = 4 << 10;  // bytes of an idle connection
    std::size_t sendable() const noexcept { return open_ ? std::min(most_, pending_.size()) : 0; }

    /// Keep the frames that `keep` says so of, in place; returns how many went.
    template <class Keep>
    std::size_t filter(Keep keep) noexcept {
        char* const base = pending_.front();
        const std::size_t size = pending_.size();
        std::size_t kept = 0, gone = 0;
        for (std::size_t at = 0; at < size;) {
            const WrittenFrame frame = measure_written({base + at, size - at});
            if (keep({base + at, frame.size}, frame)) {
                std::memmove(base + kept, base + at, frame.size);
                kept += frame.size;
            } else {
                ++gone;
            }
            at += frame.size;
        }
        pending_.truncate(kept);
        return gone;
    }

    Bytes opening_, pending_;
    std::size_t most_ = all;  // bytes at the front of pending_ that this connection may still send
    std::size_t begun_ = 0;   // bytes at the front of pending_ that belong to a frame already begun
    bool begun_publish_ = false;
    bool open_ = false;
};

}  // namespace v0
}  // namespace anynats
