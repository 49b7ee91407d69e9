// Many of a thing: subscriptions of one connection, reconnects, idle connections, messages that
// nobody takes. Each with its goal, and what was measured is printed. The suites named Long reach
// the full numbers.
#include <malloc.h>

#include <algorithm>
#include <vector>

#include "../support/echo_server.hpp"
#include "../support/nats_server.hpp"
#include "allocations.hpp"
#include "support.hpp"

namespace process_test {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

Options options_for(const std::string& url) {
    Options options;
    options.servers = {url};
    options.reconnect_wait_min = options.reconnect_wait_max = 1ms;
    return options;
}

class Scale : public testing::Test {
protected:
    const EndsWithin limit{280};
};
class ScaleLong : public testing::Test {
protected:
    void SetUp() override {
        if (!from_environment("ANYNATS_LONG", 0)) GTEST_SKIP() << "with ANYNATS_LONG=1 only";
    }
    const EndsWithin limit{3'000};
};

// --- subscriptions ------------------------------------------------------------------------------

TEST_F(Scale, SubscriptionsOfOneConnection) {
    const int count = sanitized ? 5'000 : 100'000;
    NatsServer server;
    Client nc = connect(options_for(server.url())).get();
    std::vector<Subscription> subs;
    subs.reserve(static_cast<std::size_t>(count));
    nc.flush(far_away).get();
    const Alive before = alive();
    for (int i = 0; i < count; ++i) subs.push_back(nc.subscribe("scale." + std::to_string(i)));
    nc.flush(far_away).get();
    const long each = (alive().bytes - before.bytes) / count;
    server.kill();
    ASSERT_TRUE(becomes_true([&] { return nc.state() == ConnectionState::reconnecting; }));
    server.start();
    const auto start = Clock::now();
    nc.flush(far_away).get();
    const double took = seconds_since(start);
    std::printf("[ measured ] %d subscriptions: %ld bytes each, replayed in %.2f s\n", count, each,
                took);
    EXPECT_LE(each, 1024);
    EXPECT_LT(took, 5);
    for (const int i : {0, count / 2, count - 1}) {
        nc.publish("scale." + std::to_string(i), "x");
        subs[static_cast<std::size_t>(i)].next(far_away).get();
    }
}

// --- reconnects ---------------------------------------------------------------------------------

/// Have `nc` lose its connection `rounds` times by `cut`; nothing may be left behind of any.
void reconnect_often(Client& nc, int rounds, const std::function<void()>& cut) {
    const auto round = [&] {
        const std::uint64_t before = nc.counters().reconnects;
        cut();
        ASSERT_TRUE(becomes_true([&] { return nc.counters().reconnects > before; }));
        ASSERT_TRUE(becomes_true([&] { return nc.flush(far_away).result().ok(); }));
        while (nc.next_event()) {
        }
    };
    for (int i = 0; i < std::max(20, rounds / 10) && !testing::Test::HasFailure(); ++i) round();
    ::malloc_trim(0);
    const Alive memory_before = alive();
    const std::size_t files = open_descriptors(), running = threads();
    const long resident = memory("VmRSS");
    const auto start = Clock::now();
    for (int i = 0; i < rounds && !testing::Test::HasFailure(); ++i) round();
    const double took = seconds_since(start);
    // What the test's own server holds of the last connection may be gone a moment later.
    EXPECT_TRUE(becomes_true([&] {
        return alive().blocks <= memory_before.blocks && open_descriptors() <= files;
    })) << alive().blocks - memory_before.blocks
        << " blocks more";
    EXPECT_EQ(threads(), running);
    const Alive now = alive();
    std::printf(
        "[ measured ] %d reconnects in %.1f s: %+ld allocations, %+ld bytes, %+ld KiB resident\n",
        rounds, took, now.blocks - memory_before.blocks, now.bytes - memory_before.bytes,
        (memory("VmRSS") - resident) / 1024);
    EXPECT_LE(now.bytes, memory_before.bytes + 4096);  // a buffer may have become larger
    if (!sanitized) {
        EXPECT_LE(memory("VmRSS"), resident + (2 << 20));
    }
}

void reconnect_to_the_tests_own(int rounds) {
    EchoServer server;
    Client nc = connect(options_for(server.url())).get();
    Subscription sub = nc.subscribe("a"), other = nc.subscribe("b", {.queue = "q"});
    reconnect_often(nc, rounds, [&] { server.cut(); });
}

TEST_F(Scale, Reconnects) {
    reconnect_to_the_tests_own(sanitized ? 200 : 1'000);
}
TEST_F(ScaleLong, Reconnects) {
    reconnect_to_the_tests_own(10'000);
}

std::string member(const std::string& json, const std::string& name) {
    const std::size_t at = json.find('"' + name + "\":") + name.size() + 3;
    const std::string value = json.substr(at, json.find_first_of(",}", at) - at);
    return value[0] == '"' ? value.substr(1, value.size() - 2) : value;
}

TEST_F(Scale, ReconnectsToARealServer) {
    NatsServer server(
        "accounts { A: { users: [ { user: a, password: p } ] },"
        " S: { users: [ { user: s, password: p } ] } }\nsystem_account: S\n");
    Client nc = connect(options_for(server.url("a:p"))).get();
    Client admin = connect(options_for(server.url("s:p"))).get();
    Subscription sub = nc.subscribe("a"), other = nc.subscribe("b", {.queue = "q"});
    reconnect_often(nc, sanitized ? 50 : 200, [&] {
        const std::string info = nc.server_info_json();
        admin
            .request("$SYS.REQ.SERVER." + member(info, "server_id") + ".KICK",
                     "{\"cid\":" + member(info, "client_id") + "}", far_away)
            .get();
    });
}

// --- idle connections ---------------------------------------------------------------------------

void hold_connections(std::size_t wanted) {
    const FileLimit files(2 * wanted + 200);  // an epoll instance and a socket for each
    const std::size_t count = std::min(wanted, (files.files() - 200) / 2);
    if (count < wanted) std::printf("[ measured ] RLIMIT_NOFILE allows only %zu\n", count);
    NatsServer server("max_connections: 20000\n");
    Options options = options_for(server.url());
    options.connect_timeout = far_away;
    Client first = connect(options).get();
    std::vector<Client> clients;
    clients.reserve(count);
    ::malloc_trim(0);
    const Alive before = alive();
    const long resident = memory("VmRSS");
    const std::size_t running = threads();
    for (std::size_t i = 0; i < count; ++i) clients.push_back(connect(options).get());
    for (Client& nc : clients) nc.flush(far_away).get();
    const long each = (alive().bytes - before.bytes) / static_cast<long>(count);
    const long resident_each = (memory("VmRSS") - resident) / static_cast<long>(count);
    std::printf("[ measured ] %zu idle connections: %ld bytes each allocated, %ld resident\n",
                count, each, resident_each);
    EXPECT_LE(each, 32 << 10);
    if (!sanitized) {
        EXPECT_LE(resident_each, 32 << 10);
    }
    EXPECT_EQ(threads(), running);
    Subscription sub = clients.front().subscribe("x");
    clients.front().flush(far_away).get();
    clients.back().publish("x", "y");
    EXPECT_EQ(sub.next(far_away).get().payload(), "y");
}

TEST_F(Scale, IdleConnections) {
    hold_connections(sanitized ? 100 : 500);
}
TEST_F(ScaleLong, IdleConnections) {
    hold_connections(10'000);
}

TEST_F(Scale, AConnectionThatHasBecomeIdleGivesItsBuffersBack) {
    NatsServer server;
    Options options = options_for(server.url());
    options.ping_interval = 20ms;
    options.max_pings_outstanding = 1'000;  // the pongs stand behind the data
    Client nc = connect(options).get();
    Subscription sub = nc.subscribe("x");
    nc.publish("x", "y");
    sub.next(far_away).get();
    const Alive before = alive();
    for (int i = 0; i < 50; ++i) nc.publish("x", std::string(200'000, 'x'));
    for (int i = 0; i < 50; ++i) sub.next(far_away).get();
    EXPECT_TRUE(becomes_true([&] { return alive().bytes < before.bytes + (32 << 10); }))
        << alive().bytes - before.bytes << " bytes more";
}

// --- messages that nobody takes -----------------------------------------------------------------

/// Publish to a subscription that nobody takes from, so many bytes a second.
void stall(SlowConsumerPolicy policy, double seconds, std::size_t size, double rate = 100e6) {
    NatsServer server("ping_interval: \"0.5s\"\nping_max: 2\n");
    Options options = options_for(server.url());
    options.ping_interval = 250ms;
    options.slow_consumer = policy;
    options.pending_limit = 1 << 20;
    Client nc = connect(options).get(), publisher = connect(options).get();
    Subscription stalled = nc.subscribe("stalled"), other = nc.subscribe("other");
    nc.flush(far_away).get();
    const long limit = static_cast<long>(options.sub_pending_bytes) + (16 << 20);
    ::malloc_trim(0);
    const long before = alive().bytes, resident = memory("VmRSS");
    long most = 0, most_resident = 0;
    const std::string payload(size, '.');
    std::uint64_t published = 0;
    int asked = 0;
    const auto start = Clock::now();
    for (double now; (now = seconds_since(start)) < seconds;) {
        for (; static_cast<double>(published * size) < now * rate; ++published) {
            publisher.publish("stalled", payload);
        }
        most = std::max(most, alive().bytes - before);
        most_resident = std::max(most_resident, memory("VmRSS") - resident);
        publisher.publish("other", "?");  // those who are taken from come through
        other.next(far_away).get();
        ++asked;
    }
    publisher.flush(far_away).get();
    nc.flush(far_away).get();
    const double took = seconds_since(start);
    const Counters counters = nc.counters();
    std::printf(
        "[ measured ] stalled for %.0f s at %.0f MB/s (%zu bytes each): at most %ld KiB allocated, "
        "%ld KiB resident; %llu messages dropped, %d came through beside them\n",
        took, static_cast<double>(counters.in_bytes) / took / 1e6, size, most / 1024,
        most_resident / 1024, static_cast<unsigned long long>(counters.dropped), asked);
    EXPECT_LE(most, limit);
    if (!sanitized) {
        // With the holes that malloc keeps between blocks of both clients that come and go.
        EXPECT_LE(most_resident, limit + (8 << 20));
    }
    EXPECT_EQ(counters.reconnects, 0u);
    EXPECT_EQ(publisher.counters().reconnects, 0u);
    EXPECT_GT(counters.dropped, 0u);
    EXPECT_EQ(counters.dropped + stalled.pending(), published);
}

TEST_F(Scale, AStalledSubscription) {
    stall(SlowConsumerPolicy::drop_new, 2, 4096);
    stall(SlowConsumerPolicy::drop_old, 2, 4096);
}
TEST_F(ScaleLong, AStalledSubscription) {
    stall(SlowConsumerPolicy::drop_new, 60, 4096);
    stall(SlowConsumerPolicy::drop_old, 60, 4096);
    stall(SlowConsumerPolicy::drop_old, 20, 128, 10e6);
}

}  // namespace
}  // namespace process_test
