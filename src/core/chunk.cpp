// Making, counting and freeing chunks; there is no pool, the allocator is one.
// Any thread may copy or drop a ChunkRef; the last one frees.
#include "core/chunk.hpp"

#include <new>

namespace anynats {
inline namespace v0 {

ChunkRef Chunk::make(std::size_t capacity) {
    if (capacity > UINT32_MAX) throw std::bad_alloc();
    void* const memory = ::operator new(sizeof(Chunk) + capacity);
    Chunk* const chunk = ::new (memory) Chunk;
    chunk->capacity = static_cast<std::uint32_t>(capacity);
    return ChunkRef(chunk);
}

ChunkRef::ChunkRef(Chunk* chunk) noexcept : chunk_(chunk) {
    if (chunk_) chunk_->refs.fetch_add(1, std::memory_order_relaxed);
}

ChunkRef::ChunkRef(const ChunkRef& other) noexcept : ChunkRef(other.chunk_) {}

void ChunkRef::release() noexcept {
    // Acquire pairs with the release of every other holder: their reads come before the free.
    if (chunk_->refs.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    chunk_->~Chunk();
    ::operator delete(chunk_);
}

}  // namespace v0
}  // namespace anynats
