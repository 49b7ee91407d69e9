// Level-triggered on purpose: a turn may stop anywhere and the rest is found at the next one.
// See poller.hpp.
#include "net/poller.hpp"

#include <errno.h>

#include <algorithm>

namespace anynats {
inline namespace v0 {

Poller::Poller() : epoll_(sys().epoll_create1(EPOLL_CLOEXEC)), forks_(fork_count()) {
    if (!epoll_) {
        throw_error(Error(ErrorCode::connection_error,
                          "connect: no descriptor to poll: " + errno_text(errno)));
    }
}

int Poller::control(int operation, int fd, unsigned what, std::uint64_t tag) noexcept {
    if (inherited()) return 0;
    epoll_event event{};
    if (what & readable) event.events |= EPOLLIN;
    if (what & writable) event.events |= EPOLLOUT;
    event.data.u64 = tag;
    return sys().epoll_ctl(epoll_.get(), operation, fd, &event) == 0 ? 0 : errno;
}

int Poller::add(int fd, unsigned what, std::uint64_t tag) noexcept {
    return control(EPOLL_CTL_ADD, fd, what, tag);
}

int Poller::modify(int fd, unsigned what, std::uint64_t tag) noexcept {
    return control(EPOLL_CTL_MOD, fd, what, tag);
}

void Poller::remove(int fd) noexcept {
    control(EPOLL_CTL_DEL, fd, 0, 0);
}

std::size_t Poller::wait(std::span<std::uint64_t> tags) noexcept {
    epoll_event events[16];
    const int most = static_cast<int>(std::min<std::size_t>(tags.size(), 16));
    const int n = sys().epoll_wait(epoll_.get(), events, most, 0);
    for (int i = 0; i < n; ++i) tags[static_cast<std::size_t>(i)] = events[i].data.u64;
    return n > 0 ? static_cast<std::size_t>(n) : 0;
}

}  // namespace v0
}  // namespace anynats
