// Just enough sockets and NATS for the raw programs: connect, listen, send everything, cut the
// input into frames. Blocking, one thread. Any trouble ends the program with a message and exit
// code 1; an alarm ends it when whoever started it went away.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

constexpr unsigned program_deadline_s = 180;
constexpr int accept_deadline_ms = 30'000;
constexpr std::size_t read_size = 256 * 1024;

[[noreturn]] inline void die(const char* what) {
    std::fprintf(stderr, "%s: %s\n", what, errno != 0 ? std::strerror(errno) : "failed");
    std::exit(1);
}

inline std::int64_t number(std::string_view digits) {
    std::int64_t value = 0;
    for (const char c : digits) {
        if (c < '0' || c > '9') die("not a number");
        value = value * 10 + (c - '0');
    }
    return value;
}

// The positional arguments as numbers; all raw programs take nothing else.
inline std::vector<std::int64_t> arguments(int argc, char** argv, int wanted, const char* usage) {
    alarm(program_deadline_s);
    if (argc != wanted + 1) {
        std::fprintf(stderr, "usage: %s %s\n", argv[0], usage);
        std::exit(2);
    }
    std::vector<std::int64_t> values;
    for (int i = 1; i < argc; ++i) values.push_back(number(argv[i]));
    return values;
}

inline void no_delay(int fd) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

inline sockaddr_in loopback(std::int64_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    return address;
}

inline int connect_to(std::int64_t port) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(port);
    if (fd < 0 || connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        die("connect");
    }
    no_delay(fd);
    return fd;
}

// Takes a free port, prints it as the first line of output, and waits for the one client.
inline int accept_one() {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    if (listener < 0 || bind(listener, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
        listen(listener, 1) != 0 ||
        getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
        die("listen");
    }
    std::printf("{\"port\":%d}\n", ntohs(address.sin_port));
    std::fflush(stdout);
    pollfd waiting{listener, POLLIN, 0};
    if (poll(&waiting, 1, accept_deadline_ms) != 1) die("nobody connected");
    const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) die("accept");
    close(listener);
    no_delay(fd);
    return fd;
}

// False when the peer went away, which is how the servers here learn that a run is over.
inline bool send_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) return false;
        if (sent < 0) die("send");
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

inline constexpr std::string_view server_info =
    "INFO {\"server_id\":\"BENCH\",\"server_name\":\"bench\",\"version\":\"2.15.0\",\"proto\":1,"
    "\"go\":\"go1.26\",\"host\":\"127.0.0.1\",\"port\":4222,\"headers\":true,"
    "\"max_payload\":1048576,\"client_id\":1}\r\n";

inline constexpr std::string_view client_connect =
    "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"raw\",\"version\":\"0\","
    "\"protocol\":1,\"headers\":true,\"no_responders\":true}\r\nPING\r\n";

// One line without its end, and for MSG its payload. Views are good until the next call.
struct Frame {
    std::string_view line;
    std::string_view payload;
};

// Cuts the input into frames with a byte loop: for lines this short that beats memchr.
class Frames {
public:
    explicit Frames(int fd) : fd_(fd), buffer_(read_size) {}

    // False at the end of input, or when wait is false and no whole frame is here yet.
    bool next(Frame& frame, bool wait = true) {
        while (!cut(frame)) {
            if (!fill(wait)) return false;
        }
        return true;
    }

    [[nodiscard]] bool closed() const { return closed_; }

private:
    bool cut(Frame& frame) {
        const char* const start = buffer_.data() + begin_;
        const char* const end = buffer_.data() + end_;
        const char* last_space = start;
        const char* at = start;
        for (; at != end && *at != '\n'; ++at) {
            if (*at == ' ') last_space = at;
        }
        if (at == end) return false;
        const char* const next = at + 1;
        if (at != start && at[-1] == '\r') --at;
        std::size_t body = 0;
        if (*start == 'M') {
            for (const char* digit = last_space + 1; digit < at; ++digit) {
                body = body * 10 + static_cast<std::size_t>(*digit - '0');
            }
            if (static_cast<std::size_t>(end - next) < body + 2) return false;
            frame.payload = {next, body};
            body += 2;
        }
        frame.line = {start, static_cast<std::size_t>(at - start)};
        begin_ = static_cast<std::size_t>(next - buffer_.data()) + body;
        return true;
    }

    bool fill(bool wait) {
        if (begin_ > 0) {
            std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
            end_ -= begin_;
            begin_ = 0;
        }
        if (end_ == buffer_.size()) die("a frame larger than the buffer");
        const int flags = wait ? 0 : MSG_DONTWAIT;
        ssize_t got = 0;
        do {
            got = recv(fd_, buffer_.data() + end_, buffer_.size() - end_, flags);
        } while (got < 0 && errno == EINTR);
        if (got < 0 && errno == EAGAIN) return false;
        if (got < 0 && errno != ECONNRESET) die("recv");
        if (got <= 0) {
            closed_ = true;
            return false;
        }
        end_ += static_cast<std::size_t>(got);
        return true;
    }

    int fd_;
    std::vector<char> buffer_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    bool closed_ = false;
};

// The next frame that is not the server's own talk (INFO, PONG, its PINGs, which are answered).
inline Frame next_message(int fd, Frames& frames) {
    Frame frame;
    while (frames.next(frame)) {
        if (frame.line.front() == 'M') return frame;
        if (frame.line.starts_with("PING")) send_all(fd, "PONG\r\n");
        if (frame.line.starts_with("-ERR")) die(std::string(frame.line).c_str());
    }
    errno = 0;
    die("the server closed the connection");
}

inline void wait_for_pong(int fd, Frames& frames) {
    Frame frame;
    while (frames.next(frame)) {
        if (frame.line.starts_with("PONG")) return;
        if (frame.line.starts_with("PING")) send_all(fd, "PONG\r\n");
        if (frame.line.starts_with("-ERR")) die(std::string(frame.line).c_str());
    }
    errno = 0;
    die("the server closed the connection before PONG");
}

// One block to send, made of `count` whole frames.
inline std::string repeated(std::string_view frame, std::size_t count) {
    std::string block;
    block.reserve(frame.size() * count);
    for (std::size_t i = 0; i < count; ++i) block += frame;
    return block;
}

// Sends n frames in blocks of whole frames. False when the peer went away or `between` said stop.
template <class Between>
bool send_frames(int fd, std::string_view frame, std::int64_t n, std::size_t block_size,
                 Between between) {
    const std::size_t in_block = std::max<std::size_t>(1, block_size / frame.size());
    const std::string block = repeated(frame, in_block);
    while (n > 0) {
        const std::size_t count = std::min(in_block, static_cast<std::size_t>(n));
        if (!send_all(fd, std::string_view(block).substr(0, count * frame.size()))) return false;
        n -= static_cast<std::int64_t>(count);
        if (!between()) return false;
    }
    return true;
}

}  // namespace bench
