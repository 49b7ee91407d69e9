// A lock of one word. A publish takes and gives back one lock and does little else, and
// std::mutex, which must know of recursive and robust kinds, costs twice as much as the two atomic
// operations that are needed. Waiters sleep on a futex; nobody spins.
#pragma once

#include <atomic>
#include <cstdint>

#include "drive/parking.hpp"

namespace anynats {
inline namespace v0 {

class Mutex {
public:
    void lock() noexcept {
        if (!try_lock()) lock_contended();
    }
    bool try_lock() noexcept {
        std::uint32_t expected = free;
        return word_.compare_exchange_strong(expected, held, std::memory_order_acquire);
    }
    void unlock() noexcept {
        if (word_.exchange(free, std::memory_order_release) == contended) futex_wake(word_);
    }

private:
    enum : std::uint32_t { free, held, contended };  // contended: somebody may sleep

    void lock_contended() noexcept {
        while (word_.exchange(contended, std::memory_order_acquire) != free) {
            futex_wait(word_, contended, never);
        }
    }
    std::atomic<std::uint32_t> word_{free};
};

}  // namespace v0
}  // namespace anynats
