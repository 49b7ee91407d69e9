// How a thread sleeps and is woken: on a futex word, or in poll with a descriptor of its own.
// Futexes and not condition variables, because only the former return when a signal comes.
// Linux only; elsewhere a pipe in place of the eventfd and a timed semaphore would stand here.
#pragma once

#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <ctime>
#include <utility>

#include <anynats/time.hpp>
#include "net/sys.hpp"

namespace anynats {
inline namespace v0 {

inline timespec to_timespec(Duration time) noexcept {
    const std::int64_t count = std::max<std::int64_t>(time.count(), 0);
    return {static_cast<time_t>(count / 1'000'000'000), static_cast<long>(count % 1'000'000'000)};
}

/// Sleep while `word` is `value`, until `until` (CLOCK_MONOTONIC), or for no reason at all. Returns
/// whether a signal ended it.
inline bool futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t value, Time until) noexcept {
    if (word.load(std::memory_order_acquire) != value) return false;
    const timespec at = to_timespec(until.time_since_epoch());
    const long result =
        ::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), FUTEX_WAIT_BITSET_PRIVATE,
                  value, until == never ? nullptr : &at, nullptr, FUTEX_BITSET_MATCH_ANY);
    return result != 0 && errno == EINTR;
}

/// Wake who sleeps on `word`, if anybody still does: the address may be gone by now.
inline void futex_wake(std::atomic<std::uint32_t>& word) noexcept {
    ::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), FUTEX_WAKE_PRIVATE, 1, nullptr,
              nullptr, 0);
}

inline void futex_wake_all(std::atomic<std::uint32_t>& word) noexcept {
    ::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), FUTEX_WAKE_PRIVATE, INT_MAX,
              nullptr, nullptr, 0);
}

/// A thread's own wake-up descriptor, for the time it spends in poll.
class WakeDescriptor {
public:
    int fd() const noexcept { return fd_; }
    void wake() const noexcept {
        const std::uint64_t one = 1;
        [[maybe_unused]] const ssize_t n = ::write(fd_, &one, sizeof one);
    }
    void drain() const noexcept {
        std::uint64_t times;
        [[maybe_unused]] const ssize_t n = ::read(fd_, &times, sizeof times);
    }

    /// The calling thread's. It has none (-1) while the process has no descriptor left.
    static WakeDescriptor& mine() noexcept {
        // Without a destructor: objects that outlive the thread's, as those of static storage do
        // in the main thread, may still wait in theirs.
        thread_local constinit WakeDescriptor descriptor;
        if (descriptor.fd_ < 0 || forked_since(descriptor.forks_)) descriptor.open();
        return descriptor;
    }

private:
    struct Closer {
        WakeDescriptor* descriptor = nullptr;
        ~Closer() {
            if (descriptor) ::close(std::exchange(descriptor->fd_, -1));
        }
    };

    /// Not the one of the thread that forked: who reads it takes the parent's wake-ups.
    void open() noexcept {
        thread_local Closer closer;
        if (fd_ >= 0) ::close(fd_);
        forks_ = fork_count();
        fd_ = sys().eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        closer.descriptor = fd_ >= 0 ? this : nullptr;
    }

    int fd_ = -1;
    std::uint64_t forks_ = 0;
};

}  // namespace v0
}  // namespace anynats
