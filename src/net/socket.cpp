// See socket.hpp; every call goes through the table of net/sys.hpp.
// An errno travels as a value, never as the global, so that nothing between can overwrite it.
#include "net/socket.hpp"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/uio.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace anynats {
inline namespace v0 {

namespace {

constexpr std::size_t most_parts = 4;  // of one gathered write

std::uint32_t zone_index(const std::string& zone) {
    std::uint32_t number = 0;
    const char* const end = zone.data() + zone.size();
    const auto [stop, problem] = std::from_chars(zone.data(), end, number);
    if (problem == std::errc() && stop == end) return number;
    return sys().if_nametoindex(zone.c_str());
}

}  // namespace

void Fd::reset() noexcept {
    // Not repeated after EINTR: Linux has closed it already, and the number may be in use again.
    if (fd_ >= 0) sys().close(std::exchange(fd_, -1));
}

std::optional<Address> Address::of(const sockaddr* address, std::uint16_t port) noexcept {
    Address copy;
    if (address->sa_family == AF_INET) {
        std::memcpy(&copy.v4, address, sizeof copy.v4);
        copy.v4.sin_port = htons(port);
    } else if (address->sa_family == AF_INET6) {
        std::memcpy(&copy.v6, address, sizeof copy.v6);
        copy.v6.sin6_port = htons(port);
    } else {
        return {};
    }
    return copy;
}

std::string Address::text() const {
    char buffer[INET6_ADDRSTRLEN] = "?";
    if (!is_v6()) {
        ::inet_ntop(AF_INET, &v4.sin_addr, buffer, sizeof buffer);
        return std::string(buffer) + ':' + std::to_string(ntohs(v4.sin_port));
    }
    ::inet_ntop(AF_INET6, &v6.sin6_addr, buffer, sizeof buffer);
    std::string text = "[" + std::string(buffer);
    if (v6.sin6_scope_id) text += '%' + std::to_string(v6.sin6_scope_id);
    return text + "]:" + std::to_string(ntohs(v6.sin6_port));
}

bool operator==(const Address& a, const Address& b) noexcept {
    if (a.any.sa_family != b.any.sa_family) return false;
    if (!a.is_v6()) {
        return a.v4.sin_port == b.v4.sin_port && a.v4.sin_addr.s_addr == b.v4.sin_addr.s_addr;
    }
    return a.v6.sin6_port == b.v6.sin6_port && a.v6.sin6_scope_id == b.v6.sin6_scope_id &&
           std::memcmp(&a.v6.sin6_addr, &b.v6.sin6_addr, sizeof a.v6.sin6_addr) == 0;
}

std::optional<Address> parse_literal(std::string_view host, std::uint16_t port) {
    if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    }
    const std::size_t percent = host.find('%');
    const std::string digits(host.substr(0, percent));
    Address address;
    if (percent == std::string_view::npos &&
        ::inet_pton(AF_INET, digits.c_str(), &address.v4.sin_addr) == 1) {
        address.v4.sin_family = AF_INET;
        address.v4.sin_port = htons(port);
        return address;
    }
    address = Address();
    if (::inet_pton(AF_INET6, digits.c_str(), &address.v6.sin6_addr) != 1) return {};
    address.v6.sin6_family = AF_INET6;
    address.v6.sin6_port = htons(port);
    if (percent != std::string_view::npos) {
        address.v6.sin6_scope_id = zone_index(std::string(host.substr(percent + 1)));
        if (address.v6.sin6_scope_id == 0) return {};  // getaddrinfo will say what is wrong
    }
    return address;
}

bool Transfer::try_later() const noexcept {
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

Fd open_tcp(const Address& address, int& error) noexcept {
    Fd fd(sys().socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) {
        error = errno;
        return fd;
    }
    // Without it small messages wait for the peer's delayed ACK. A refusal costs only speed.
    const int on = 1;
    sys().setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

Transfer send_parts(int fd, std::span<const std::string_view> parts) noexcept {
    iovec vectors[most_parts];
    msghdr message{};
    message.msg_iov = vectors;
    for (const std::string_view part : parts.first(std::min(parts.size(), most_parts))) {
        if (part.empty()) continue;
        vectors[message.msg_iovlen].iov_base = const_cast<char*>(part.data());
        vectors[message.msg_iovlen++].iov_len = part.size();
    }
    for (;;) {
        const ssize_t n = sys().sendmsg(fd, &message, MSG_NOSIGNAL);
        if (n >= 0) return {static_cast<std::size_t>(n), 0};
        if (errno != EINTR) return {0, errno};
    }
}

Transfer receive(int fd, char* space, std::size_t size) noexcept {
    const ssize_t n = sys().recv(fd, space, size, 0);
    return n >= 0 ? Transfer{static_cast<std::size_t>(n), 0} : Transfer{0, errno};
}

bool connected_to_itself(int fd) noexcept {
    Address mine, theirs;
    socklen_t size = sizeof mine.v6, their_size = sizeof theirs.v6;
    if (sys().getsockname(fd, &mine.any, &size) != 0) return false;
    if (sys().getpeername(fd, &theirs.any, &their_size) != 0) return false;
    return mine == theirs;
}

}  // namespace v0
}  // namespace anynats
