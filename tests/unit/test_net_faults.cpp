// One scripted conversation, run again and again with the n-th system call failing, for n = 1, 2,
// ... until none fails any more, and for several errnos (requirement Q3). Each run must recover or
// end with an error, without a crash, a hang or a lost descriptor. Also: every transfer cut short.
#include <cstdio>
#include <new>

#include "test_net_support.hpp"

namespace net_test {
namespace {

std::atomic<int> countdown{0};  // the call that makes it 0 fails
std::atomic<int> fault{0};      // its errno
std::atomic<int> fired{0};

bool fails() {
    if (countdown.load() <= 0 || countdown.fetch_sub(1) != 1) return false;
    fired = 1;
    errno = fault;
    return true;
}

/// The system call `Member` behind the countdown.
template <auto Member, class Pointer = decltype(Member)>
struct Failing;
template <auto Member, class R, class... A>
struct Failing<Member, R (*SysOps::*)(A...)> {
    static R call(A... arguments) {
        if (fails()) return static_cast<R>(-1);
        return (real_sys().*Member)(arguments...);
    }
};

int failing_pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*),
                           void* argument) {
    return fails() ? EAGAIN : ::pthread_create(thread, attributes, run, argument);
}

int failing_getaddrinfo(const char* host, const char* service, const addrinfo* hints,
                        addrinfo** found) {
    return fails() ? EAI_SYSTEM : ::getaddrinfo(host, service, hints, found);
}

SysOps failing_table() {
    SysOps table = real_sys();
    table.socket = Failing<&SysOps::socket>::call;
    table.setsockopt = Failing<&SysOps::setsockopt>::call;
    table.connect = Failing<&SysOps::connect>::call;
    table.getsockopt = Failing<&SysOps::getsockopt>::call;
    table.getsockname = Failing<&SysOps::getsockname>::call;
    table.getpeername = Failing<&SysOps::getpeername>::call;
    table.sendmsg = Failing<&SysOps::sendmsg>::call;
    table.recv = Failing<&SysOps::recv>::call;
    table.shutdown = Failing<&SysOps::shutdown>::call;
    table.epoll_create1 = Failing<&SysOps::epoll_create1>::call;
    table.epoll_ctl = Failing<&SysOps::epoll_ctl>::call;
    table.epoll_wait = Failing<&SysOps::epoll_wait>::call;
    table.eventfd = Failing<&SysOps::eventfd>::call;
    table.write = Failing<&SysOps::write>::call;
    table.getrandom = Failing<&SysOps::getrandom>::call;
    table.pthread_create = failing_pthread_create;
    table.getaddrinfo = failing_getaddrinfo;
    return table;
}

/// Connect, subscribe, receive, publish, lose the connection, do it again, close. Returns what went
/// wrong: empty when everything was done.
std::string live_through(const std::string& host) {
    Server server;
    server.on_line = [](Peer& peer, std::string_view line) {
        if (line.starts_with("SUB a")) peer.to_send += "MSG a 1 2\r\nhi\r\n";
    };
    Options options = options_for({url(server, host)});
    options.retry_on_failed_connect = true;
    options.connect_timeout = 200ms;
    std::unique_ptr<Connection> connection;
    try {
        connection = std::make_unique<Connection>(options, monotonic_now());
    } catch (const Error& error) {
        return error.what();
    }
    Session& session = connection->session();
    auto sub = session.subscribe("a");
    std::vector<Message> messages;
    for (const char* word : {"first", "second"}) {
        messages.clear();
        std::uint64_t told = 0;
        const bool heard = run_until(*connection, {&server}, [&] {
            session.take(**sub, messages, 10);
            if (messages.empty() || session.state() != ConnectionState::connected) return false;
            // What was being sent when a connection broke is lost; say it again on the next one.
            if (told != session.epoch()) static_cast<void>(session.publish("b", word));
            told = session.epoch();
            if (session.pending_size()) connection->flush(monotonic_now());
            return std::any_of(server.peers.begin(), server.peers.end(), [&](const Peer& peer) {
                return peer.received.find(word) != std::string::npos;
            });
        });
        EXPECT_TRUE(heard) << word << ": " << last_error(*connection);
        server.peers.clear();
    }
    session.close();
    connection->drive(monotonic_now());
    EXPECT_EQ(connection->write_fd(), -1);
    EXPECT_EQ(connection->next_timeout(), never);
    return {};
}

TEST(NetFaults, EachSystemCallMayFail) {
    static const SysOps table = failing_table();
    // Starts the resolver's thread, whatever else is open.
    ASSERT_EQ(live_through("localhost"), "");
    const std::size_t before = open_descriptors();
    for (const char* host : {"127.0.0.1", "localhost"}) {
        for (const int error : {EMFILE, ENOMEM, ECONNRESET, ENETUNREACH, EINTR, EAGAIN}) {
            int step = 0, refused = 0;
            do {
                ++step;
                fault = error;
                fired = 0;
                countdown = step;
                const SysScope scope(table);
                refused += !live_through(host).empty();
                ASSERT_EQ(open_descriptors(), before) << errno_text(error) << " at " << step;
            } while (fired && !::testing::Test::HasFailure());
            EXPECT_GT(step, 20);
            std::printf("%s, %s: %d steps failed, %d of them in the constructor\n", host,
                        errno_text(error).c_str(), step - 1, refused);
        }
    }
    countdown = 0;
}

ssize_t send_one(int fd, const msghdr* message, int flags) {
    return ::send(fd, message->msg_iov[0].iov_base, message->msg_iov[0].iov_len ? 1 : 0, flags);
}

ssize_t receive_one(int fd, void* space, std::size_t size, int flags) {
    return ::recv(fd, space, size ? 1 : 0, flags);
}

TEST(NetFaults, EachTransferMayBeOneByte) {
    static SysOps table = real_sys();
    table.sendmsg = send_one;
    table.recv = receive_one;
    const SysScope scope(table);
    EXPECT_EQ(live_through("127.0.0.1"), "");
}

}  // namespace
}  // namespace net_test
