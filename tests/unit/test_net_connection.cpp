// A Connection against a scripted server on real sockets: handshake, failures, half frames, full
// sockets, reconnects, forks, and a turn taken apart as the drivers do.
#include <sys/wait.h>

#include <mutex>
#include <thread>

#include "test_net_support.hpp"

namespace net_test {
namespace {

TEST(NetConnection, ConnectsAndExchangesTheHandshake) {
    Server server;
    Connection connection(options_for({url(server)}), monotonic_now());
    const int fd = connection.poll_fd();
    ASSERT_TRUE(run_to_state(connection, {&server}, ConnectionState::connected));
    ASSERT_TRUE(run_until(connection, {&server},
                          [&] { return server.last().received.ends_with("PING\r\n"); }));
    EXPECT_TRUE(server.last().received.starts_with("CONNECT {"));
    server.last().to_send = "PING\r\n";
    ASSERT_TRUE(run_until(connection, {&server},
                          [&] { return server.last().received.ends_with("PONG\r\n"); }));
    EXPECT_EQ(connection.poll_fd(), fd);
    EXPECT_FALSE(connection.blocked());
    EXPECT_GT(connection.next_timeout(), monotonic_now());
    EXPECT_EQ(connection.session().counters().stale_events, 0u);
}

TEST(NetConnection, RefusedNamesTheAddress) {
    Server server;
    server.stop();
    Connection connection(options_for({url(server)}), monotonic_now());
    ASSERT_TRUE(run_to_state(connection, {}, ConnectionState::closed));
    const std::string place = "127.0.0.1:" + std::to_string(server.port());
    EXPECT_EQ(last_error(connection),
              "ConnectFailed nats://" + place + ": " + place + ": Connection refused");
    EXPECT_EQ(connection.next_timeout(), never);
}

TEST(NetConnection, TheNextServerIsTriedWhenTheFirstIsDead) {
    Server dead, server;
    dead.stop();
    Connection connection(options_for({url(dead), url(server)}), monotonic_now());
    ASSERT_TRUE(run_to_state(connection, {&server}, ConnectionState::connected));
    EXPECT_EQ(connection.session().counters().attempts, 2u);
}

TEST(NetConnection, ConnectsToAnIPv6Literal) {
    Server server("::1");
    if (!server.bound) GTEST_SKIP() << "this machine has no ::1";
    Connection connection(options_for({url(server, "[::1]")}), monotonic_now());
    ASSERT_TRUE(run_to_state(connection, {&server}, ConnectionState::connected));
}

TEST(NetConnection, ASilentServerRunsIntoTheDeadline) {
    Server server;
    server.silent = true;
    Options options = options_for({url(server)});
    options.connect_timeout = 50ms;
    Connection connection(options, monotonic_now());
    const Time begun = monotonic_now();
    ASSERT_TRUE(run_to_state(connection, {&server}, ConnectionState::closed));
    EXPECT_GE(monotonic_now() - begun, 50ms);
    EXPECT_TRUE(last_error(connection).starts_with("ConnectTimeout")) << last_error(connection);
}

TEST(NetConnection, FramesMayComeByteByByte) {
    Server server;
    server.piece = 1;
    Connection connection(options_for({url(server)}), monotonic_now());
    auto sub = connection.session().subscribe("a");
    server.on_line = [](Peer& peer, std::string_view line) {
        if (line.starts_with("SUB a")) peer.to_send += "MSG a 1 5\r\nhello\r\n";
    };
    std::vector<Message> messages;
    ASSERT_TRUE(run_until(connection, {&server},
                          [&] { return connection.session().take(**sub, messages, 10) == 1; }));
    EXPECT_EQ(messages[0].payload(), "hello");
}

TEST(NetConnection, AFullSocketLosesNothing) {
    Server server("127.0.0.1", 0, 4096);
    Options options = options_for({url(server)});
    options.pending_limit = 64 << 20;
    Connection connection(options, monotonic_now());
    ASSERT_TRUE(run_to_state(connection, {&server}, ConnectionState::connected));
    server.last().received.clear();
    const int small = 4096;
    ::setsockopt(connection.write_fd(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    server.reading = false;
    std::string expected;
    for (int i = 0; i < 300; ++i) {
        const std::string payload(static_cast<std::size_t>(1000 + i * 37), char('a' + i % 26));
        ASSERT_FALSE(connection.session().publish("x", payload));
        expected += "PUB x " + std::to_string(payload.size()) + "\r\n" + payload + "\r\n";
    }
    ASSERT_TRUE(run_until(connection, {&server}, [&] { return connection.blocked(); }));
    EXPECT_FALSE(connection.flush(monotonic_now()));
    pollfd readable{connection.poll_fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&readable, 1, 0), 0) << "a full socket must not keep the loop spinning";
    server.reading = true;
    ASSERT_TRUE(run_until(connection, {&server},
                          [&] { return server.last().received.size() >= expected.size(); }));
    EXPECT_TRUE(server.last().received == expected);
    ASSERT_TRUE(run_until(connection, {&server}, [&] { return !connection.blocked(); }));
}

TEST(NetConnection, ConnectsAgainWhenTheServerCloses) {
    Server server;
    Connection connection(options_for({url(server)}), monotonic_now());
    for (unsigned round = 0; round < 5; ++round) {
        ASSERT_TRUE(run_until(connection, {&server}, [&] {
            return connection.session().counters().reconnects == round &&
                   connection.session().state() == ConnectionState::connected;
        }));
        server.peers.clear();
    }
    ASSERT_TRUE(run_to_state(connection, {&server}, ConnectionState::reconnecting));
    EXPECT_TRUE(last_error(connection).starts_with("Disconnected nats://127.0.0.1:"))
        << last_error(connection);
}

TEST(NetConnection, AResetIsReportedWithServerAndReason) {
    Server server;
    Options options = options_for({url(server)});
    options.reconnect = false;
    Connection connection(options, monotonic_now());
    ASSERT_TRUE(run_to_state(connection, {&server}, ConnectionState::connected));
    const linger hard{1, 0};
    ::setsockopt(server.last().fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    server.peers.clear();
    ASSERT_TRUE(run_to_state(connection, {&server}, ConnectionState::closed));
    EXPECT_EQ(last_error(connection), "Disconnected " + url(server) + ": Connection reset by peer");
}

TEST(NetConnection, CloseShutsTheSocketAndNothingIsLeft) {
    Server server;
    const std::size_t before = open_descriptors();
    {
        Connection connection(options_for({url(server)}), monotonic_now());
        ASSERT_TRUE(run_to_state(connection, {&server}, ConnectionState::connected));
        connection.session().close();
        EXPECT_LE(connection.next_timeout(), monotonic_now()) << "a wish is a reason to drive";
        connection.drive(monotonic_now());
        EXPECT_EQ(connection.write_fd(), -1);
        EXPECT_EQ(connection.next_timeout(), never);
        ASSERT_TRUE(run_until(connection, {&server}, [&] { return server.last().ended; }));
    }
    server.peers.clear();
    EXPECT_EQ(open_descriptors(), before);
}

TEST(NetConnection, ATurnIsBounded) {
    Server server;
    Options options = options_for({url(server)});
    options.read_chunk = 4096;
    Connection connection(options, monotonic_now());
    auto sub = connection.session().subscribe("a");
    ASSERT_TRUE(run_to_state(connection, {&server}, ConnectionState::connected));
    for (int i = 0; i < 20'000; ++i) server.last().to_send += "MSG a 1 2\r\nhi\r\n";
    server.pump();
    pollfd readable{connection.poll_fd(), POLLIN, 0};
    ASSERT_EQ(::poll(&readable, 1, 20'000), 1);
    bool bounded = false;
    ASSERT_TRUE(run_until(
        connection, {&server},
        [&] { return connection.session().counters().in_messages == 20'000; }, 20s,
        [&](Time now) {
            const std::uint64_t before = connection.session().counters().in_bytes;
            const bool more = connection.drive(now);
            const std::uint64_t got = connection.session().counters().in_bytes - before;
            EXPECT_LE(got, 16u * 4096u);
            bounded = bounded || more;
            return more;
        }));
    EXPECT_TRUE(bounded);
}

TEST(NetConnection, AForkedChildLeavesTheParentsSocketAlone) {
    Server server;
    Connection connection(options_for({url(server)}), monotonic_now());
    ASSERT_TRUE(run_to_state(connection, {&server}, ConnectionState::connected));
    const pid_t child = ::fork();
    if (child == 0) {
        static_cast<void>(connection.session().publish("x", "from the child"));
        connection.flush(monotonic_now());
        connection.drive(monotonic_now());
        const bool closed = connection.session().state() == ConnectionState::closed &&
                            last_error(connection).starts_with("ForkError");
        ::_exit(closed && connection.write_fd() == -1 ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    ASSERT_FALSE(connection.session().publish("x", "from the parent"));
    ASSERT_TRUE(run_until(connection, {&server},
                          [&] { return server.last().received.ends_with("from the parent\r\n"); }));
    EXPECT_EQ(server.last().received.find("child"), std::string::npos);
    EXPECT_EQ(connection.session().counters().reconnects, 0u);
}

// A turn in parts.

TEST(NetConnection, ReadKeepsMemoryAndDescriptorWhenTheLinkEnds) {
    Server server;
    Connection connection(options_for({url(server)}), monotonic_now());
    ASSERT_TRUE(run_to_state(connection, {&server}, ConnectionState::connected));
    Connection::Read* read = connection.begin_read(monotonic_now());
    ASSERT_NE(read, nullptr);
    EXPECT_EQ(connection.begin_read(monotonic_now()), nullptr) << "there is one reader";
    const int fd = Connection::read_fd(*read);
    connection.session().transport_down(connection.session().epoch(),
                                        Error(ErrorCode::disconnected, "cut"), monotonic_now());
    connection.act(monotonic_now());
    EXPECT_EQ(connection.write_fd(), -1);
    EXPECT_GE(::fcntl(fd, F_GETFD), 0) << "the reader may be polling it";
    pollfd readable{fd, POLLIN, 0};
    EXPECT_EQ(::poll(&readable, 1, 0), 1) << "the reader must wake";
    Connection::perform(*read);
    connection.finish_read(monotonic_now());
    EXPECT_EQ(::fcntl(fd, F_GETFD), -1);
    EXPECT_EQ(connection.session().counters().stale_events, 1u);
    ASSERT_TRUE(run_to_state(connection, {&server}, ConnectionState::connected));
}

TEST(NetConnection, APinnedDescriptorIsNotClosed) {
    Server server;
    Connection connection(options_for({url(server)}), monotonic_now());
    ASSERT_TRUE(run_to_state(connection, {&server}, ConnectionState::connected));
    connection.pin();
    const int fd = connection.write_fd();
    server.peers.clear();
    ASSERT_TRUE(run_until(connection, {&server},
                          [&] { return connection.session().counters().reconnects == 1; }));
    EXPECT_NE(connection.write_fd(), fd);
    EXPECT_GE(::fcntl(fd, F_GETFD), 0);
    connection.unpin();
    EXPECT_EQ(::fcntl(fd, F_GETFD), -1);
}

TEST(NetConnection, AReadThatWasNotPerformedChangesNothing) {
    Server server;
    Connection connection(options_for({url(server)}), monotonic_now());
    ASSERT_TRUE(run_to_state(connection, {&server}, ConnectionState::connected));
    for (int i = 0; i < 3; ++i) {
        ASSERT_NE(connection.begin_read(monotonic_now()), nullptr);
        connection.finish_read(monotonic_now());
    }
    EXPECT_EQ(connection.session().state(), ConnectionState::connected);
}

/// A thread that leads: waits and reads without the lock, everything else with it.
void lead(Connection& connection, std::mutex& mutex, const std::atomic<bool>& stop) {
    while (!stop) {
        std::unique_lock lock(mutex);
        Connection::Read* read = connection.begin_read(monotonic_now());
        pollfd fd{read ? Connection::read_fd(*read) : connection.poll_fd(), POLLIN, 0};
        const Time due = std::min(connection.next_timeout(), after(monotonic_now(), 20ms));
        lock.unlock();
        const int ready = ::poll(&fd, 1, poll_timeout(due, never));
        if (read && ready > 0) Connection::perform(*read);
        lock.lock();
        if (read)
            connection.finish_read(monotonic_now());
        else
            connection.drive(monotonic_now());
    }
}

TEST(NetConnection, ALeaderReadsWhileOthersPublishAndTheLinkBreaks) {
    Server server;
    Connection connection(options_for({url(server)}), monotonic_now());
    server.on_line = [](Peer& peer, std::string_view line) {
        if (line.starts_with("PUB")) peer.to_send += "MSG a 1 2\r\nhi\r\n";
    };
    auto sub = connection.session().subscribe("a");
    std::mutex mutex;
    std::atomic<bool> stop{false};
    std::thread leader(lead, std::ref(connection), std::ref(mutex), std::cref(stop));
    std::uint64_t breaks = 0, taken = 0;
    const Time end = after(monotonic_now(), 30s);
    while (monotonic_now() < end && (breaks < 20 || taken < 1000)) {
        server.pump();
        std::vector<Message> messages;
        {
            const std::lock_guard lock(mutex);
            static_cast<void>(connection.session().publish("b", "payload"));
            connection.flush(monotonic_now());
            taken += connection.session().take(**sub, messages, 1000);
        }
        if (!messages.empty() && taken / 50 > breaks && breaks < 20) {
            ++breaks;
            if (breaks % 2) {
                server.peers.clear();
            } else {
                const std::lock_guard lock(mutex);
                connection.session().transport_down(connection.session().epoch(),
                                                    Error(ErrorCode::disconnected, "cut"),
                                                    monotonic_now());
                connection.act(monotonic_now());
            }
        }
    }
    {
        const std::lock_guard lock(mutex);
        connection.session().close();
        connection.act(monotonic_now());
        EXPECT_EQ(connection.session().check(), nullptr);
    }
    stop = true;
    leader.join();
    EXPECT_EQ(breaks, 20u);
    EXPECT_GE(taken, 1000u);
    EXPECT_TRUE(connection.inner().retired.empty());
}

}  // namespace
}  // namespace net_test
