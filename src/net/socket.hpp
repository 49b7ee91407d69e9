// Descriptors with an owner, addresses, and the three things done to a TCP socket: open, send,
// receive. Nothing here blocks, and nothing raises SIGPIPE; descriptors do not survive an exec.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "net/sys.hpp"

namespace anynats {
inline namespace v0 {

/// A descriptor that is closed with its owner.
class Fd {
public:
    Fd() = default;
    explicit Fd(int fd) noexcept : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        if (this != &other) {
            reset();
            fd_ = std::exchange(other.fd_, -1);
        }
        return *this;
    }
    ~Fd() { reset(); }

    int get() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ >= 0; }
    void reset() noexcept;

private:
    int fd_ = -1;
};

/// An IPv4 or IPv6 address with its port.
struct Address {
    union {
        sockaddr any;
        sockaddr_in v4;
        sockaddr_in6 v6;
    };
    Address() noexcept : v6{} {}

    /// A copy of what getaddrinfo found, with `port`; empty for other families.
    static std::optional<Address> of(const sockaddr* address, std::uint16_t port) noexcept;
    bool is_v6() const noexcept { return any.sa_family == AF_INET6; }
    socklen_t size() const noexcept { return is_v6() ? sizeof v6 : sizeof v4; }
    /// 127.0.0.1:4222, [::1]:4222, [fe80::1%2]:4222
    std::string text() const;
    friend bool operator==(const Address& a, const Address& b) noexcept;
};

/// The address that `host` is, with or without brackets and with a scope zone (fe80::1%eth0); empty
/// when it is a name that must be looked up.
std::optional<Address> parse_literal(std::string_view host, std::uint16_t port);

/// What one non-blocking call came to: bytes, or an errno.
struct Transfer {
    std::size_t size = 0;
    int error = 0;
    /// Nothing is wrong, it is only not the time for it.
    bool try_later() const noexcept;
};

/// A non-blocking TCP socket without Nagle's delay; when that fails, `error` is the errno.
Fd open_tcp(const Address& address, int& error) noexcept;
/// Send the parts in one system call; interrupted calls are repeated.
Transfer send_parts(int fd, std::span<const std::string_view> parts) noexcept;
/// One recv; 0 bytes without an error is the end of the stream.
Transfer receive(int fd, char* space, std::size_t size) noexcept;
/// Whether a freshly connected socket is connected to itself: connecting to an unused local port of
/// the ephemeral range does that now and then.
bool connected_to_itself(int fd) noexcept;

}  // namespace v0
}  // namespace anynats
