// The real system calls, and the pointer that a test can turn to others. The pointer is atomic
// because the resolver's thread reads it too.
#include "net/sys.hpp"

#include <errno.h>
#include <net/if.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <atomic>
#include <system_error>

namespace anynats {
inline namespace v0 {

namespace {

const SysOps real = {
    ::socket,        ::setsockopt,     ::connect,       ::getsockopt,     ::getsockname,
    ::getpeername,   ::sendmsg,        ::recv,          ::shutdown,       ::close,
    ::epoll_create1, ::epoll_ctl,      ::epoll_wait,    ::eventfd,        ::timerfd_create,
    ::write,         ::getrandom,      ::clock_gettime, ::if_nametoindex, ::getaddrinfo,
    ::freeaddrinfo,  ::pthread_create,
};

constinit std::atomic<const SysOps*> current{&real};

extern "C" void anynats_count_fork() {
    fork_counter.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

constinit std::atomic<std::uint64_t> fork_counter{0};

const SysOps& sys() noexcept {
    return *current.load(std::memory_order_acquire);
}

const SysOps& real_sys() noexcept {
    return real;
}

void replace_sys(const SysOps& table) noexcept {
    current.store(&table, std::memory_order_release);
}

Time monotonic_now() noexcept {
    timespec time{};
    sys().clock_gettime(CLOCK_MONOTONIC, &time);
    return Time(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

Seed random_seed() {
    Seed seed{};
    for (std::size_t have = 0; have < seed.size();) {
        const ssize_t n = sys().getrandom(seed.data() + have, seed.size() - have, 0);
        if (n > 0) {
            have += static_cast<std::size_t>(n);
        } else if (n == 0 || errno != EINTR) {
            throw_error(Error(ErrorCode::connection_error,
                              "the operating system gives no random bits: " + errno_text(errno)));
        }
    }
    return seed;
}

std::uint64_t fork_count() noexcept {
    // A handler of pthread_atfork may do no more than this: the child of a process with threads
    // finds every lock as it was.
    static const int registered = ::pthread_atfork(nullptr, nullptr, anynats_count_fork);
    static_cast<void>(registered);
    return fork_counter.load(std::memory_order_relaxed);
}

std::string errno_text(int number) {
    return std::generic_category().message(number);
}

}  // namespace v0
}  // namespace anynats
