// A real nats-server for the integration tests: found by NATS_SERVER_BIN, on the PATH or where
// `make` put it; on a free port of the loopback, with a configuration of its own in a file that
// goes with it. It can be killed and started again on the same port, and ends with the test.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace test_support {

class NatsServer {
public:
    /// `config`: what stands in the file besides the address to listen on.
    explicit NatsServer(std::string config = {}, std::string host = "127.0.0.1")
        : host_(std::move(host)), port_(free_port(host_)) {
        char name[] = "/tmp/anynats_test_XXXXXX";
        const int fd = ::mkstemp(name);
        config_ = name;
        config = "listen: \"" + url().substr(7) + "\"\n" + config;
        EXPECT_EQ(::write(fd, config.data(), config.size()), ssize_t(config.size()));
        ::close(fd);
        start();
    }
    ~NatsServer() {
        kill();
        ::unlink(config_.c_str());
    }
    NatsServer(const NatsServer&) = delete;
    NatsServer& operator=(const NatsServer&) = delete;

    /// `nats://host:port`, with `user@` if one is given.
    std::string url(const std::string& user = {}) const {
        const std::string host = host_.find(':') == std::string::npos ? host_ : '[' + host_ + ']';
        return "nats://" + (user.empty() ? user : user + '@') + host + ':' + std::to_string(port_);
    }

    void start() {
        const std::string program = find();
        const char* const arguments[] = {"nats-server", "-c", config_.c_str(), nullptr};
        int log[2];
        ASSERT_EQ(::pipe2(log, O_CLOEXEC), 0);
        pid_ = ::fork();
        if (pid_ == 0) {  // only what may be called between fork and exec
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::dup2(log[1], STDERR_FILENO);
            ::execv(program.c_str(), const_cast<char* const*>(arguments));
            ::_exit(127);
        }
        ::close(log[1]);
        await_ready(log[0], program);
        if (log_ >= 0) ::close(log_);
        log_ = log[0];  // stays open: its log must go somewhere
    }

    /// End it at once, as if its machine had gone.
    /// SIGUSR2: say goodbye to the clients (lame duck).
    void signal(int number) { ::kill(pid_, number); }
    void kill() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        pid_ = 0;
        ::close(log_);
        log_ = -1;
    }

    /// Whether an address of this machine can be listened on.
    static bool possible(const std::string& host) { return free_port(host) != 0; }

private:
    static std::uint16_t free_port(const std::string& host) {
        sockaddr_storage storage{};
        auto* const address = reinterpret_cast<sockaddr*>(&storage);
        auto* const v4 = reinterpret_cast<sockaddr_in*>(&storage);
        auto* const v6 = reinterpret_cast<sockaddr_in6*>(&storage);
        const bool is_v6 = host.find(':') != std::string::npos;
        storage.ss_family = is_v6 ? AF_INET6 : AF_INET;
        ::inet_pton(storage.ss_family, host.c_str(),
                    is_v6 ? static_cast<void*>(&v6->sin6_addr) : &v4->sin_addr);
        socklen_t size = is_v6 ? sizeof *v6 : sizeof *v4;
        const int fd = ::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const bool bound =
            fd >= 0 && ::bind(fd, address, size) == 0 && ::getsockname(fd, address, &size) == 0;
        if (fd >= 0) ::close(fd);
        return bound ? ntohs(is_v6 ? v6->sin6_port : v4->sin_port) : 0;
    }

    static std::string find() {
        if (const char* const named = std::getenv("NATS_SERVER_BIN")) return named;
        const char* const path = std::getenv("PATH");
        for (std::string_view rest = path ? path : ""; !rest.empty();) {
            const std::size_t end = std::min(rest.find(':'), rest.size());
            const std::string candidate = std::string(rest.substr(0, end)) + "/nats-server";
            if (::access(candidate.c_str(), X_OK) == 0) return candidate;
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
        return ANYNATS_NATS_SERVER;
    }

    static void await_ready(int log, const std::string& program) {
        using namespace std::chrono;
        const auto deadline = steady_clock::now() + seconds(30);
        std::string text;
        while (text.find("Server is ready") == std::string::npos) {
            const auto left = duration_cast<milliseconds>(deadline - steady_clock::now());
            pollfd fd{log, POLLIN, 0};
            char buffer[4096];
            ssize_t n = 0;
            if (left.count() > 0 && ::poll(&fd, 1, static_cast<int>(left.count())) > 0) {
                n = ::read(log, buffer, sizeof buffer);
            }
            if (n <= 0) {
                FAIL() << program << " does not start (NATS_SERVER_BIN names another): " << text;
            }
            text.append(buffer, static_cast<std::size_t>(n));
        }
    }

    const std::string host_;
    const std::uint16_t port_;
    std::string config_;
    pid_t pid_ = 0;
    int log_ = -1;
};

}  // namespace test_support
