// For the tests of net: a scripted NATS server on real sockets in the test's own thread, a loop
// that drives connection and servers together, and tables of system calls that go wrong.
// Nothing sleeps; every wait has a deadline.
#pragma once

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <list>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "core/session_state.hpp"
#include "net/connection_state.hpp"
#include "net/sys.hpp"

namespace net_test {

using namespace anynats;
using namespace std::chrono_literals;

/// One client's connection, seen from the server.
struct Peer {
    explicit Peer(int socket) : fd(socket) {}
    ~Peer() { ::close(fd); }
    Peer(const Peer&) = delete;
    int fd;
    std::string received, parsed, to_send;
    bool ended = false;
};

/// Speaks as much NATS as a test needs, without blocking.
class Server {
public:
    explicit Server(const char* address = "127.0.0.1", std::uint16_t port = 0, int buffer = 0) {
        Address where = *parse_literal(address, port);
        fd_ = ::socket(where.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        const int on = 1;
        ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (buffer) ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
        bound = ::bind(fd_, &where.any, where.size()) == 0 && ::listen(fd_, 16) == 0;
        socklen_t size = sizeof where.v6;
        ::getsockname(fd_, &where.any, &size);
        port_ = ntohs(where.is_v6() ? where.v6.sin6_port : where.v4.sin_port);
    }
    ~Server() { stop(); }
    Server(const Server&) = delete;

    void stop() {
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    }
    std::uint16_t port() const { return port_; }
    Peer& last() { return peers.back(); }

    void watch(std::vector<pollfd>& fds) {
        if (fd_ >= 0) fds.push_back({fd_, POLLIN, 0});
        for (const Peer& peer : peers) {
            short what = reading && !peer.ended ? POLLIN : 0;
            if (!peer.to_send.empty()) what |= POLLOUT;
            fds.push_back({peer.fd, what, 0});
        }
    }

    void pump() {
        for (int fd; fd_ >= 0 && (fd = ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
            peers.emplace_back(fd);
            if (!silent) peers.back().to_send = info;
        }
        for (Peer& peer : peers) {
            char buffer[64 << 10];
            for (ssize_t n; reading && (n = ::recv(peer.fd, buffer, sizeof buffer, 0)) >= 0;) {
                if (n == 0) peer.ended = true;
                if (n == 0) break;
                peer.received.append(buffer, static_cast<std::size_t>(n));
                peer.parsed.append(buffer, static_cast<std::size_t>(n));
            }
            answer(peer);
            while (!peer.to_send.empty()) {
                const std::size_t size = std::min(piece, peer.to_send.size());
                const ssize_t n = ::send(peer.fd, peer.to_send.data(), size, MSG_NOSIGNAL);
                if (n <= 0) break;
                peer.to_send.erase(0, static_cast<std::size_t>(n));
                if (piece < 1000) break;  // one piece per turn
            }
        }
    }

    std::string info =
        "INFO {\"server_id\":\"S\",\"version\":\"2.15.0\",\"max_payload\":1048576,"
        "\"headers\":true,\"proto\":1}\r\n";
    std::list<Peer> peers;
    bool silent = false, reading = true, bound = false;
    std::size_t piece = 1 << 20;  // bytes per send
    std::function<void(Peer&, std::string_view line)> on_line;

private:
    void answer(Peer& peer) {
        for (std::size_t end; (end = peer.parsed.find("\r\n")) != std::string::npos;) {
            const std::string line = peer.parsed.substr(0, end);
            peer.parsed.erase(0, end + 2);
            if (silent) continue;
            if (line == "PING") peer.to_send += "PONG\r\n";
            if (on_line) on_line(peer, line);
        }
    }
    int fd_;
    std::uint16_t port_ = 0;
};

inline std::string url(const Server& server, const std::string& host = "127.0.0.1") {
    return "nats://" + host + ":" + std::to_string(server.port());
}

inline Options options_for(std::vector<std::string> servers) {
    Options options;
    options.servers = std::move(servers);
    options.randomize_servers = false;
    options.reconnect_wait_min = 1ms;
    options.reconnect_wait_max = 5ms;
    return options;
}

inline int poll_timeout(Time due, Time limit) {
    const Time now = monotonic_now();
    const Duration wait = std::min(due, limit) - now;
    if (wait <= Duration::zero()) return 0;
    return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(wait).count());
}

/// Drive until `done`; false when it is not so within `limit`. `turn` is one turn of the client.
inline bool run_until(Connection& connection, std::vector<Server*> servers,
                      const std::function<bool()>& done, Duration limit = 20s,
                      const std::function<bool(Time)>& turn = {}) {
    const Time end = after(monotonic_now(), limit);
    for (;;) {
        const Time now = monotonic_now();
        const bool more = turn ? turn(now) : connection.drive(now);
        for (Server* server : servers) server->pump();
        const char* flaw = connection.session().check();
        EXPECT_EQ(flaw, nullptr) << flaw;
        if (done()) return true;
        if (now >= end) return false;
        std::vector<pollfd> fds{{connection.poll_fd(), POLLIN, 0}};
        for (Server* server : servers) server->watch(fds);
        ::poll(fds.data(), fds.size(), more ? 0 : poll_timeout(connection.next_timeout(), end));
    }
}

inline bool run_to_state(Connection& connection, std::vector<Server*> servers,
                         ConnectionState state, Duration limit = 20s) {
    return run_until(
        connection, std::move(servers), [&] { return connection.session().state() == state; },
        limit);
}

inline std::string last_error(Connection& connection) {
    const std::optional<Error>& error = connection.session().last_error();
    return error ? std::string(to_string(error->code())) + " " + error->what() : "";
}

/// Descriptors of this process.
inline std::size_t open_descriptors() {
    std::size_t count = 0;
    DIR* const directory = ::opendir("/proc/self/fd");
    while (::readdir(directory)) ++count;
    ::closedir(directory);
    return count;
}

/// Uses another table of system calls while it lives.
class SysScope {
public:
    explicit SysScope(const SysOps& table) { replace_sys(table); }
    ~SysScope() { replace_sys(real_sys()); }
    SysScope(const SysScope&) = delete;
};

}  // namespace net_test
