// When to reuse, replace, grow and shrink the chunk that a connection reads into.
// Only the partial frame at the end is ever copied.
#include "core/inbound.hpp"

#include <algorithm>
#include <cstring>

namespace anynats {
inline namespace v0 {

std::size_t Inbound::capacity() const noexcept {
    return chunk_.get() ? chunk_.get()->capacity : 0;
}

ChunkRef Inbound::share() noexcept {
    if (stocked_ == 0) {
        chunk_.get()->refs.fetch_add(stock, std::memory_order_relaxed);
        stocked_ = stock;
    }
    --stocked_;
    return ChunkRef::adopt(chunk_.get());
}

/// Give back the references that nobody took.
void Inbound::settle() noexcept {
    if (stocked_) chunk_.get()->refs.fetch_sub(stocked_, std::memory_order_release);
    stocked_ = 0;
}

std::string_view Inbound::unread() const noexcept {
    if (!chunk_.get()) return {};
    return {chunk_.get()->data() + read_, fill_ - read_};
}

bool Inbound::retiring(std::size_t wanted) noexcept {
    settle();
    if (!chunk_.get()) return false;
    if (read_ == fill_ && !chunk_.get()->shared()) return false;
    const std::size_t room = capacity() - fill_;
    // What is left unused is kept alive with the messages, and no limit of theirs counts it.
    if (room < capacity() / 16) return true;
    // A frame that does not fit: move it once, to where it fits or has twice the room. Each move
    // copies what has arrived, so many small ones would cost the square of its size.
    return wanted && read_ + wanted > capacity() &&
           next_capacity(wanted) >= std::min(wanted, 2 * capacity());
}

std::size_t Inbound::next_capacity(std::size_t wanted) const noexcept {
    const std::size_t have = fill_ - read_;
    const std::size_t reach = have + std::max(ahead, have);
    return std::max({size_, std::min(wanted, reach), have + smallest});
}

std::span<char> Inbound::prepare(std::size_t wanted) {
    settle();  // so that shared() speaks of messages only
    const bool dry = read_ == fill_;
    if (dry && chunk_.get() && !chunk_.get()->shared()) {
        read_ = fill_ = 0;  // nobody looks at the old bytes any more
        if (capacity() != size_) chunk_ = ChunkRef();
    }
    if (!chunk_.get()) {
        chunk_ = Chunk::make(next_capacity(wanted));
    } else if (retiring(wanted)) {
        ChunkRef fresh = Chunk::make(next_capacity(wanted));
        std::memcpy(fresh.get()->data(), chunk_.get()->data() + read_, fill_ - read_);
        fill_ -= read_;
        read_ = 0;
        chunk_ = std::move(fresh);
    }
    given_ = capacity() - fill_;
    return {chunk_.get()->data() + fill_, given_};
}

void Inbound::commit(std::size_t n) noexcept {
    fill_ += n;
    if (n == given_ && n >= size_ / 4) {  // not the rest of a chunk
        size_ = std::min(largest_, size_ * 4);
        small_reads_ = 0;
    } else if (n > size_ / 8) {
        small_reads_ = 0;
    } else if (size_ > smallest && ++small_reads_ >= patience) {
        size_ = std::max(smallest, size_ / 4);
        small_reads_ = 0;
    }
}

}  // namespace v0
}  // namespace anynats
