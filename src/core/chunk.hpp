// Counted blocks of memory that sockets are read into.
// A chunk is written by the one reader of its connection and read by whoever holds a message in
// it; the count is atomic.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <anynats/message.hpp>

namespace anynats {
inline namespace v0 {

struct Chunk {
    std::atomic<std::uint32_t> refs{0};
    std::uint32_t capacity = 0;

    char* data() noexcept { return reinterpret_cast<char*>(this + 1); }
    bool shared() const noexcept { return refs.load(std::memory_order_acquire) > 1; }

    /// Allocate a chunk with `capacity` bytes; throws std::bad_alloc.
    static ChunkRef make(std::size_t capacity);
};

}  // namespace v0
}  // namespace anynats
