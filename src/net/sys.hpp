// The one table of system calls that the network layer makes, so that a test can fail the n-th of
// them with any errno (requirement Q3); the clock and the random bits that the core is told.
// Any thread may use it. Nothing else in net may call the system directly.
#pragma once

#include <netdb.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include <anynats/session.hpp>
#include <anynats/time.hpp>

namespace anynats {
inline namespace v0 {

/// Named and typed as in POSIX and Linux; -1 and errno, or what the manual page says.
struct SysOps {
    int (*socket)(int domain, int type, int protocol);
    int (*setsockopt)(int fd, int level, int name, const void* value, socklen_t size);
    int (*connect)(int fd, const sockaddr* address, socklen_t size);
    int (*getsockopt)(int fd, int level, int name, void* value, socklen_t* size);
    int (*getsockname)(int fd, sockaddr* address, socklen_t* size);
    int (*getpeername)(int fd, sockaddr* address, socklen_t* size);
    ssize_t (*sendmsg)(int fd, const msghdr* message, int flags);
    ssize_t (*recv)(int fd, void* buffer, std::size_t size, int flags);
    int (*shutdown)(int fd, int how);
    int (*close)(int fd);
    int (*epoll_create1)(int flags);
    int (*epoll_ctl)(int fd, int operation, int target, epoll_event* event);
    int (*epoll_wait)(int fd, epoll_event* events, int most, int timeout);
    int (*eventfd)(unsigned value, int flags);
    int (*timerfd_create)(int clock, int flags);
    ssize_t (*write)(int fd, const void* bytes, std::size_t size);
    ssize_t (*getrandom)(void* bytes, std::size_t size, unsigned flags);
    int (*clock_gettime)(clockid_t clock, timespec* time);
    unsigned (*if_nametoindex)(const char* name);
    int (*getaddrinfo)(const char* host, const char* service, const addrinfo* hints,
                       addrinfo** found);
    void (*freeaddrinfo)(addrinfo* found);
    int (*pthread_create)(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*),
                          void* argument);
};

/// The table in use.
const SysOps& sys() noexcept;
/// The table that calls the system.
const SysOps& real_sys() noexcept;
/// Use `table` from now on, which must live as long as the process; for tests.
void replace_sys(const SysOps& table) noexcept;

/// What CLOCK_MONOTONIC says.
Time monotonic_now() noexcept;
/// 256 random bits of the operating system. Throws Error when it has none.
Seed random_seed();
/// How many forks lie between the program's start and this process. What was made under another
/// count belongs to the parent: its descriptors, its threads and maybe its locks (design 4b).
std::uint64_t fork_count() noexcept;
extern std::atomic<std::uint64_t> fork_counter;
/// Whether this is a child of the process in which fork_count() said `count`. Costs one load.
inline bool forked_since(std::uint64_t count) noexcept {
    return fork_counter.load(std::memory_order_relaxed) != count;
}
/// The text of an errno.
std::string errno_text(int number);

}  // namespace v0
}  // namespace anynats
