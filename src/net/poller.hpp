// The one descriptor that a connection shows to whoever waits: an epoll instance that holds the
// connection's socket, its dialing sockets or its look-up. Under the connection's lock, except that
// anybody may poll fd(). It never blocks.
// Linux only so far; a macOS version is this class over kqueue, whose descriptor can be polled too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "net/socket.hpp"

namespace anynats {
inline namespace v0 {

class Poller {
public:
    static constexpr unsigned readable = 1, writable = 2;

    /// Throws Error when the process has no descriptor left.
    Poller();
    int fd() const noexcept { return epoll_.get(); }

    /// Watch `fd`; errors of it always count as both. Returns 0 or an errno.
    int add(int fd, unsigned what, std::uint64_t tag) noexcept;
    int modify(int fd, unsigned what, std::uint64_t tag) noexcept;
    /// Must precede closing: a descriptor that a forked child shares would stay in the instance.
    void remove(int fd) noexcept;
    /// The tags of what is ready now, as many as fit (the others stay ready).
    std::size_t wait(std::span<std::uint64_t> tags) noexcept;

    /// Whether this is a forked copy. The instance is then the parent's, and is left alone.
    bool inherited() const noexcept { return forks_ != fork_count(); }

private:
    int control(int operation, int fd, unsigned what, std::uint64_t tag) noexcept;

    Fd epoll_;
    std::uint64_t forks_;
};

}  // namespace v0
}  // namespace anynats
