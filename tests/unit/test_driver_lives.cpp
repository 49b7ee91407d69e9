// What outlives what, and what many do at once: full pipes and back-pressure, subscriptions that
// several threads take from, operations and subscriptions without their client, clients that come
// and go without leaving descriptors or threads behind.
#include <atomic>
#include <set>
#include <thread>

#include <anynats/anynats.hpp>

#include "../support/echo_server.hpp"
#include "../support/waiting.hpp"

namespace {

using namespace anynats;
using namespace std::chrono_literals;
using namespace test_support;

Options options_for(const EchoServer& server) {
    Options options;
    options.servers = {server.url()};
    return options;
}

// --- back-pressure ------------------------------------------------------------------------------

/// A server that stops reading whom it has much to say to, and small buffers: both pipes fill.
class DriverPressure : public testing::TestWithParam<bool> {
protected:
    static constexpr int messages = 20'000;  // far more than the kernel's buffers hold
    static constexpr std::size_t size = 1000;

    static Duration cpu_time(std::thread& thread) {
        clockid_t clock;
        timespec time;
        ::pthread_getcpuclockid(thread.native_handle(), &clock);
        ::clock_gettime(clock, &time);
        return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
    }

    void time_passes(Duration time) { EXPECT_THROW(other_quiet.next(time).get(), TimeoutError); }

    /// Whether `count` grows no more, having begun to.
    template <class Count>
    bool rests(Count count) {
        return becomes_true([&] {
            const auto before = count();
            time_passes(50ms);
            return before > 0 && count() == before;
        });
    }

    const EndsWithin limit{120};
    EchoServer server{64 << 10, 16 << 10};
    EchoServer other_server;
    Subscription other_quiet = connect(options_for(other_server)).get().subscribe("quiet");
};

TEST_P(DriverPressure, PublishWaitsAndNothingIsLost) {
    Options options = options_for(server);
    options.pending_limit = 100'000;
    options.stable_after = 1h;  // no timer helps by chance
    Client nc = connect(options).get();
    Subscription echo = nc.subscribe("all");
    std::optional<Leader> leader;
    if (GetParam()) leader.emplace(nc);
    nc.flush(far_away).get();
    server.read(false);
    std::atomic<int> published{0};
    std::thread publisher([&] {
        std::string payload;
        for (int i = 0; i < messages; ++i) {
            payload = std::to_string(i);
            payload.resize(i % 2 ? size : 8, '.');
            nc.publish("all", payload);
            ++published;
        }
        nc.flush(far_away).get();
    });
    // When the limit is reached it sleeps and does not spin; others may use the client.
    ASSERT_TRUE(rests([&] { return published.load(); }));
    ASSERT_LT(published, messages);
    const Duration used = cpu_time(publisher);
    time_passes(200ms);
    EXPECT_LT(cpu_time(publisher) - used, 100ms);
    EXPECT_FALSE(nc.new_inbox().empty());
    server.read(true);
    for (int i = 0; i < messages; ++i) {
        const Message message = echo.next(far_away).get();
        ASSERT_EQ(std::stoi(std::string(message.payload().substr(0, 8))), i);
    }
    publisher.join();
}

TEST_P(DriverPressure, WhatASocketCouldNotTakeIsSentLater) {
    Options options = options_for(server);
    options.pending_limit = 64 << 20;
    options.stable_after = 1h;  // no timer helps by chance
    Client nc = connect(options).get();
    std::optional<Leader> leader;
    if (GetParam()) leader.emplace(nc);
    nc.flush(far_away).get();
    server.read(false);
    const std::string payload(size, '.');
    for (int i = 0; i < messages; ++i) nc.publish("nobody", payload);
    server.read(true);  // nobody calls anything now
    EXPECT_TRUE(becomes_true([&] { return server.publishes() == messages; }));
    nc.flush(far_away).get();
}

TEST_P(DriverPressure, CloseEndsAPublishThatWaits) {
    Options options = options_for(server);
    options.pending_limit = 100'000;
    options.close_timeout = 0s;
    options.stable_after = 1h;
    Client nc = connect(options).get();
    std::optional<Leader> leader;
    if (GetParam()) leader.emplace(nc);
    server.read(false);
    Waiting publisher([&] {
        const std::string payload(8, '.');
        EXPECT_THROW(while (true) nc.publish("nobody", payload), Closed);
    });
    ASSERT_TRUE(rests([&] { return nc.counters().out_messages; }));
    nc.close().get();
}

INSTANTIATE_TEST_SUITE_P(, DriverPressure, testing::Bool(), [](const auto& what) {
    return what.param ? "AnotherThreadLeads" : "NobodyElseWaits";
});

// --- many ---------------------------------------------------------------------------------------

TEST(DriverLives, EachMessageGoesToOneOfManyThreads) {
    constexpr int subjects = 4, takers = 8, messages = 20'000;
    const EndsWithin limit(120);
    EchoServer server;
    Client nc = connect(options_for(server)).get();
    std::vector<Subscription> subs;
    for (int i = 0; i < subjects; ++i) {
        subs.push_back(nc.subscribe("many." + std::to_string(i)));
        subs.back().unsubscribe(messages / subjects);
    }
    std::array<std::vector<int>, takers> taken;
    std::vector<std::thread> threads;
    for (int t = 0; t < takers; ++t) {
        threads.emplace_back([&, t] {
            try {
                for (;;) {
                    const Message message = subs[t % subjects].next(far_away).get();
                    taken[t].push_back(std::stoi(std::string(message.payload())));
                }
            } catch (const Closed&) {  // all of them have come and gone
            }
        });
    }
    for (int i = 0; i < messages; ++i) {
        nc.publish("many." + std::to_string(i % subjects), std::to_string(i));
    }
    for (std::thread& thread : threads) thread.join();
    std::set<int> all;
    std::size_t total = 0;
    for (const std::vector<int>& some : taken) {
        EXPECT_TRUE(std::is_sorted(some.begin(), some.end()));
        all.insert(some.begin(), some.end());
        total += some.size();
    }
    EXPECT_EQ(total, std::size_t{messages});
    EXPECT_EQ(all.size(), std::size_t{messages});
}

// --- what outlives what -------------------------------------------------------------------------

TEST(DriverLives, OperationsAndSubscriptionsOutliveTheirClient) {
    const EndsWithin limit(60);
    EchoServer server;
    const auto request = [&] {
        return connect(options_for(server)).get().request("echo.x", "alone", far_away);
    };
    EXPECT_EQ(request().get().payload(), "alone");
    const auto subscribe = [&] {
        Client nc = connect(options_for(server)).get();
        Subscription sub = nc.subscribe("x");
        nc.publish("x", "alone");
        return sub;
    };
    EXPECT_EQ(subscribe().next(far_away).get().payload(), "alone");
    Client other = connect(options_for(server)).get();
    connect(options_for(server)).get().publish("y", "sent by the destructor");
    EXPECT_TRUE(becomes_true([&] { return server.publishes() == 3; }));
}

TEST(DriverLives, OperationsMayBeDroppedAndLetGo) {
    const EndsWithin limit(60);
    EchoServer server;
    Client nc = connect(options_for(server)).get();
    for (int i = 0; i < 200; ++i) {
        {
            auto dropped = nc.request("echo.x", "", far_away);
        }
        nc.request("echo.x", "", far_away).detach();
        nc.flush(far_away).detach();
        auto cancelled = nc.request("slow.x", "", far_away);
        cancelled.cancel();
        EXPECT_THROW(cancelled.get(), Cancelled);
    }
    EXPECT_EQ(nc.request("echo.x", "mine", far_away).get().payload(), "mine");
    nc.request("slow.x", "", far_away).detach();
    {
        auto never_waited_for = connect(options_for(server));
    }
    connect(options_for(server)).detach();
    {
        auto closing = nc.close();
    }
    EXPECT_EQ(server.connections() >= 1, true);
}

TEST(DriverLives, ClientsLeaveNothingBehind) {
    const EndsWithin limit(200);
    const int rounds = sanitized ? 200 : 1000;
    EchoServer server;
    const auto round = [&](int i) {
        Client nc = connect(options_for(server)).get();
        nc.publish("x", "y");
        if (i % 3 == 0) nc.request("echo.x", "", far_away).get();
        if (i % 5 == 0) nc.close().get();
        if (i % 7 == 0) nc.request("slow.x", "", far_away).detach();
    };
    const auto settled = [&](std::size_t descriptors) {
        return becomes_true([&] { return open_descriptors() <= descriptors; });
    };
    const std::size_t without = open_descriptors();
    round(0);
    const std::size_t running = threads();
    // The background thread's epoll and timer, and this thread's wake-up, stay.
    ASSERT_TRUE(settled(without + 3));
    for (int i = 1; i <= rounds; ++i) round(i);
    EXPECT_TRUE(settled(without + 3));
    EXPECT_EQ(threads(), running);
    EXPECT_TRUE(
        becomes_true([&] { return server.publishes() >= static_cast<std::uint64_t>(rounds); }));
}

}  // namespace
