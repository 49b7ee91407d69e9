// A NATS server for the tests of drivers, in a thread of the test's own process: INFO, CONNECT,
// PING, SUB, UNSUB, PUB and HPUB to whoever subscribed, in order. It answers requests on `echo.>`
// with their own payload, leaves those on `slow.>` alone, and tells when nobody listens.
// Tests can make it stop reading, speak out of turn and cut connections. It never blocks on a
// client; told to be `strict` it stops reading one whose output is not taken, as a naive peer does.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace test_support {

class EchoServer {
public:
    /// `strict`: bytes of output for one client above which it is not read from. `buffer`: of the
    /// sockets, 0 for what the system likes.
    explicit EchoServer(std::size_t strict = SIZE_MAX, int buffer = 0)
        : strict_(strict), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (buffer) {
            ::setsockopt(listener_, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
            ::setsockopt(listener_, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
        }
        sockaddr_in where{};
        where.sin_family = AF_INET;
        where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof where;
        auto* address = reinterpret_cast<sockaddr*>(&where);
        if (wake_ < 0 || ::bind(listener_, address, size) != 0 || ::listen(listener_, 64) != 0 ||
            ::getsockname(listener_, address, &size) != 0) {
            ADD_FAILURE() << "the echo server has no socket: " << errno;
        }
        port_ = ntohs(where.sin_port);
        thread_ = std::thread([this] { run(); });
        tid_.wait(0);
    }
    ~EchoServer() {
        stopping_ = true;
        poke();
        thread_.join();
        ::close(listener_);
        ::close(wake_);
    }
    EchoServer(const EchoServer&) = delete;
    EchoServer& operator=(const EchoServer&) = delete;

    std::string url() const { return "nats://127.0.0.1:" + std::to_string(port_); }

    /// Read from clients, or let what they send pile up.
    void read(bool yes) {
        reading_ = yes;
        poke();
    }
    /// Send `bytes` to every client as they are.
    void say(std::string_view bytes) {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            said_ += bytes;
        }
        poke();
    }
    /// Close every connection. Those who connect anew are served.
    void cut() {
        cutting_ = true;
        poke();
    }

    /// Held while a server's thread does anything but wait. Who forks holds it meanwhile: a child
    /// of a process with ASan waits for ever when another thread was allocating (GCC 12).
    static inline std::mutex at_work;

    /// The number of the server's thread, for those who count what threads do.
    int tid() const { return tid_; }
    std::uint64_t pongs() const { return pongs_; }
    std::uint64_t publishes() const { return publishes_; }
    std::uint64_t connections() const { return connections_; }

private:
    struct Sub {
        std::string subject, sid;
        std::uint64_t left;  // deliveries
    };
    struct Peer {
        int fd;
        std::string in = {}, out = {};
        std::size_t at = 0;  // how much of `in` is done with
        std::vector<Sub> subs = {};
        bool ended = false;
    };

    void poke() {
        const std::uint64_t one = 1;
        [[maybe_unused]] const ssize_t n = ::write(wake_, &one, sizeof one);
    }

    void run() {
        std::unique_lock<std::mutex> working(at_work);
        tid_ = static_cast<int>(::syscall(SYS_gettid));
        tid_.notify_all();
        while (!stopping_) {
            std::vector<pollfd> fds{{wake_, POLLIN, 0}, {listener_, POLLIN, 0}};
            for (const Peer& peer : peers_) {
                short what = reading_ && peer.out.size() < strict_ ? POLLIN : 0;
                if (!peer.out.empty()) what |= POLLOUT;
                fds.push_back({peer.fd, what, 0});
            }
            working.unlock();
            ::poll(fds.data(), fds.size(), -1);
            working.lock();
            std::size_t i = 2;
            for (Peer& peer : peers_) {
                if (fds[i++].revents & (POLLIN | POLLHUP | POLLERR)) receive(peer);
            }
            if (fds[0].revents) told();
            if (fds[1].revents) accept();
            peers_.remove_if([](Peer& peer) {
                send(peer);
                if (peer.ended) ::close(peer.fd);
                return peer.ended;
            });
        }
        for (Peer& peer : peers_) ::close(peer.fd);
    }

    void told() {
        std::uint64_t times;
        [[maybe_unused]] const ssize_t n = ::read(wake_, &times, sizeof times);
        std::string said;
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            said.swap(said_);
        }
        const bool cut = cutting_.exchange(false);
        for (Peer& peer : peers_) {
            peer.out += said;
            peer.ended |= cut;
        }
    }

    void accept() {
        const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        ++connections_;
        peers_.push_back({fd});
        peers_.back().out =
            "INFO {\"server_id\":\"echo\",\"version\":\"2.12.0\",\"proto\":1,\"headers\":true,"
            "\"max_payload\":1048576}\r\n";
    }

    static void send(Peer& peer) {
        while (!peer.out.empty() && !peer.ended) {
            const ssize_t n = ::send(peer.fd, peer.out.data(), peer.out.size(), MSG_NOSIGNAL);
            if (n < 0 && errno == EAGAIN) return;
            if (n < 0) {
                peer.ended = true;
            } else {
                peer.out.erase(0, static_cast<std::size_t>(n));
            }
        }
    }

    void receive(Peer& peer) {
        char buffer[64 << 10];
        const ssize_t n = ::recv(peer.fd, buffer, sizeof buffer, 0);
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) {
            peer.ended = true;
            return;
        }
        peer.in.append(buffer, static_cast<std::size_t>(n));
        while (!peer.ended && step(peer)) {
        }
        peer.in.erase(0, std::exchange(peer.at, 0));
    }

    /// Do one line, with its payload. False when it is not complete.
    bool step(Peer& peer) {
        const std::string_view rest = std::string_view(peer.in).substr(peer.at);
        const std::size_t end = rest.find("\r\n");
        if (end == std::string_view::npos) return false;
        std::vector<std::string_view> words;
        for (std::string_view line = rest.substr(0, end); !line.empty() && words.size() < 8;) {
            const std::size_t blank = line.find(' ');
            words.push_back(line.substr(0, blank));
            line.remove_prefix(blank == std::string_view::npos ? line.size() : blank + 1);
        }
        std::size_t used = end + 2;
        const std::string_view verb = words.empty() ? std::string_view() : words[0];
        if (verb == "PUB" || verb == "HPUB") {
            const std::size_t size = number(words.back());
            if (rest.size() < used + size + 2) return false;
            publish(words, rest.substr(used, size));
            used += size + 2;
        } else if (verb == "PING") {
            peer.out += "PONG\r\n";
        } else if (verb == "PONG") {
            ++pongs_;
        } else if (verb == "SUB" && words.size() >= 3) {
            peer.subs.push_back({std::string(words[1]), std::string(words.back()), UINT64_MAX});
        } else if (verb == "UNSUB" && words.size() >= 2) {
            const std::uint64_t left = words.size() > 2 ? number(words[2]) : 0;
            for (Sub& sub : peer.subs) {
                if (sub.sid == words[1]) sub.left = left;
            }
            std::erase_if(peer.subs, [](const Sub& sub) { return sub.left == 0; });
        } else if (verb != "CONNECT") {
            ADD_FAILURE() << "the client sent \"" << rest.substr(0, end) << '"';
            peer.ended = true;
        }
        peer.at += used;
        return true;
    }

    void publish(const std::vector<std::string_view>& words, std::string_view body) {
        ++publishes_;
        const bool headers = words[0] == "HPUB";
        const std::size_t numbers = headers ? 2 : 1;
        const std::string_view subject = words[1];
        const std::string_view reply = words.size() > 2 + numbers ? words[2] : std::string_view();
        const std::size_t block = headers ? number(words[words.size() - 2]) : 0;
        if (!reply.empty() && subject.starts_with("echo.")) {
            deliver(reply, {}, 0, body.substr(block));
        } else if (!deliver(subject, reply, block, body) && !reply.empty() &&
                   !subject.starts_with("slow.")) {
            constexpr std::string_view nobody = "NATS/1.0 503\r\n\r\n";
            deliver(reply, {}, nobody.size(), nobody);
        }
    }

    bool deliver(std::string_view subject, std::string_view reply, std::size_t block,
                 std::string_view body) {
        bool any = false;
        for (Peer& peer : peers_) {
            for (Sub& sub : peer.subs) {
                if (sub.left == 0 || !matches(sub.subject, subject)) continue;
                any = true;
                if (sub.left != UINT64_MAX) --sub.left;
                std::string& out = peer.out;
                out.append(block ? "HMSG " : "MSG ").append(subject).append(" ").append(sub.sid);
                if (!reply.empty()) out.append(" ").append(reply);
                if (block) out.append(" ").append(std::to_string(block));
                out.append(" ").append(std::to_string(body.size())).append("\r\n");
                out.append(body).append("\r\n");
            }
        }
        return any;
    }

    static bool matches(std::string_view pattern, std::string_view subject) {
        if (pattern == subject) return true;
        for (;;) {
            const std::size_t p = pattern.find('.'), s = subject.find('.');
            const std::string_view token = pattern.substr(0, p);
            if (token == ">") return true;
            if (token != "*" && token != subject.substr(0, s)) return false;
            const bool last = p == std::string_view::npos;
            if (last || s == std::string_view::npos) return last && s == std::string_view::npos;
            pattern.remove_prefix(p + 1);
            subject.remove_prefix(s + 1);
        }
    }

    static std::uint64_t number(std::string_view digits) {
        std::uint64_t value = 0;
        std::from_chars(digits.data(), digits.data() + digits.size(), value);
        return value;
    }

    const std::size_t strict_;
    const int wake_;
    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::list<Peer> peers_;  // the server's thread only, as all below that is no atomic
    std::mutex mutex_;
    std::string said_;
    std::atomic<bool> stopping_{false}, reading_{true}, cutting_{false};
    std::atomic<std::uint64_t> pongs_{0}, publishes_{0}, connections_{0};
    std::atomic<int> tid_{0};
    std::thread thread_;
};

}  // namespace test_support
