// The memory that received bytes go into, between prepare() and the parser.
// The space handed out belongs to the one reader until it commits, also without the lock. Messages
// are slices of the chunk, so a chunk that still has readers is left to them and replaced.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "core/chunk.hpp"

namespace anynats {
inline namespace v0 {

class Inbound {
public:
    explicit Inbound(std::size_t largest) noexcept : largest_(largest) {}
    ~Inbound() { settle(); }
    Inbound(const Inbound&) = delete;
    Inbound& operator=(const Inbound&) = delete;

    /// Space to read into. `wanted` is how long the frame at the front is going to be, 0 when that
    /// is not known; memory runs at most 1 MiB, or once what has arrived, ahead of the data (T02).
    std::span<char> prepare(std::size_t wanted);
    /// `n` bytes of the prepared space were filled.
    void commit(std::size_t n) noexcept;
    std::string_view unread() const noexcept;
    void consume(std::size_t n) noexcept { read_ += n; }
    const ChunkRef& chunk() const noexcept { return chunk_; }
    /// A reference for one message. References are counted many at a time: one by one, the count
    /// costs as much as the parser.
    ChunkRef share() noexcept;
    /// Whether the next prepare() will leave the current chunk to its messages.
    bool retiring(std::size_t wanted) noexcept;
    std::size_t capacity() const noexcept;
    /// Begin small again, at the next prepare() that finds the chunk done with.
    void rest() noexcept { size_ = smallest; }

private:
    static constexpr std::size_t smallest = 4 << 10;
    static constexpr std::size_t ahead = 1 << 20;
    static constexpr std::uint32_t stock = 256;  // references taken at a time
    static constexpr unsigned patience = 64;     // small reads in a row before the chunk shrinks

    void settle() noexcept;
    std::size_t next_capacity(std::size_t wanted) const noexcept;

    ChunkRef chunk_;
    std::size_t read_ = 0, fill_ = 0, given_ = 0;
    std::size_t size_ = smallest;
    std::size_t largest_;
    unsigned small_reads_ = 0;
    std::uint32_t stocked_ = 0;  // references to chunk_ counted and not given out
};

}  // namespace v0
}  // namespace anynats
