// Memory that runs out: for each scenario the n-th allocation inside the session fails, and the
// next few with it, for n = 1, 2, 3, ... until none is left to fail. No crash, no leak, no broken
// accounting; what was asked for ends, and the session recovers or says OutOfMemory. E-05, H4.
// This program replaces operator new.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <new>

#include "../support/replace_new.hpp"
#include "script.hpp"

namespace {

bool counting = false;            // inside the session
long counted = 0;                 // allocations there
long fail_from = 0, fail_to = 0;  // these fail; 0 for none
long failed = 0;
long live = 0;  // allocations of the whole program

}  // namespace

void* replace_new::allocate(std::size_t size, std::size_t alignment) noexcept {
    if (counting && ++counted >= fail_from && counted < fail_to) {
        ++failed;
        return nullptr;
    }
    void* const memory = allocate_for_real(size, alignment);
    if (memory) ++live;
    return memory;
}

void replace_new::release(void* memory) noexcept {
    if (memory) --live;
    std::free(memory);
}

using namespace script;

namespace {

/// Play `scenario` once with the allocations [n, n + width) failing; returns whether any did. With
/// width 0 the session is destroyed in the middle of it, while the n-th allocation fails.
bool play(const Options& options, const std::function<void(World&)>& scenario, long n, long width) {
    const bool destroy = width == 0;
    if (destroy) width = 1;
    counted = failed = 0;
    fail_from = n;
    fail_to = n + width;
    try {
        World world(options);
        world.model = true;
        world.model_info = info_with(R"("connect_urls":["a-discovered-server.example.org:4222"])");
        world.settle();
        scenario(world);
        if (destroy) return failed > 0;
        fail_to = 0;  // enough: now everything must come right
        world.recover();
    } catch (const std::bad_alloc&) {
        // Making the session may throw; nothing else that is not caught in script.cpp.
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::out_of_memory);
    }
    return failed > 0;
}

void every_allocation(const char* name, const Options& options,
                      const std::function<void(World&)>& scenario) {
    inside = [](bool begins) { counting = begins; };
    long points = 0, runs = 0;
    for (const long width : {0, 1, 2, 4, 16}) {
        for (long n = 1;; ++n) {
            SCOPED_TRACE(std::string(name) + ": allocations from " + std::to_string(n) + ", " +
                         std::to_string(width) + " of them");
            const long before = live;
            const bool hit = play(options, scenario, n, width);
            EXPECT_LE(live, before) << "a leak";
            if (::testing::Test::HasFailure()) break;
            if (!hit) break;
            ++runs;
            if (width == 1) ++points;
        }
    }
    inside = nullptr;
    std::printf("[ failures ] %s: %ld allocations, %ld runs\n", name, points, runs);
    ::testing::Test::RecordProperty("runs", static_cast<int>(runs));
}

Options patient() {
    Options options;
    options.servers = {"nats://the-first-server.example.org:4222",
                       "nats://user:password@the-second-server.example.org:4222"};
    options.retry_on_failed_connect = true;
    return options;
}

TEST(Allocations, FirstConnect) {
    Options options = patient();
    options.retry_on_failed_connect = false;
    every_allocation("first connect", options, [](World& world) { world.connect_op(); });
}

TEST(Allocations, ConnectWithRetry) {
    every_allocation("connect with retry", patient(), [](World& world) {
        world.connect_op();
        world.after(1s);
    });
}

TEST(Allocations, SubscribeAndReceive) {
    every_allocation("subscribe and receive", patient(), [](World& world) {
        SubscribeOptions small;
        small.pending_messages = 10;
        small.slow_consumer = SlowConsumerPolicy::drop_old;
        const auto one = world.subscribe("a.long.subject.that.needs.memory", small);
        const auto two = world.subscribe("a.long.subject.>", {.queue = "a-queue-with-a-long-name"});
        world.unsubscribe(two, 15);
        for (int i = 0; i < 30; ++i) {
            world.publish("a.long.subject.that.needs.memory", std::to_string(i));
            if (i % 7 == 0) world.take(one, 3);
        }
        world.publish("a.long.subject.x", std::string(20'000, 'x'), "reply",
                      "NATS/1.0\r\nA: b\r\n\r\n");
        world.take(one);
        world.take(two, 2);
        world.unsubscribe(one);
    });
}

TEST(Allocations, ManySmallMessagesInRetiredChunks) {
    every_allocation("chunks", patient(), [](World& world) {
        const auto rare = world.subscribe("rare");
        const auto busy = world.subscribe("busy");
        for (int i = 0; i < 12; ++i) {
            world.publish("rare", std::to_string(i));
            world.publish("busy", std::string(3'000, 'x'));
            world.take(busy);
        }
        world.take(rare);
    });
}

TEST(Allocations, Requests) {
    every_allocation("requests", patient(), [](World& world) {
        for (int i = 0; i < 4; ++i) world.request("svc", std::to_string(i), 1s);
        world.request("nobody.is.subscribed.to.this.subject", "x", 1s);
        world.request("a bad subject", "x", 1s);
        const auto cancelled = world.request("svc", "cancelled", 1s);
        if (cancelled) cancelled->cancel();
        world.model = false;
        world.request("svc", "times out", 100ms);
        const auto open = world.request("svc", "cancelled while open", 1s);
        inside(true);
        if (open) open->cancel();
        inside(false);
        world.after(200ms);
    });
}

TEST(Allocations, FlushesAndPings) {
    Options options = patient();
    options.ping_interval = 5s;
    every_allocation("flushes and pings", options, [](World& world) {
        world.publish("a", "x");
        world.flush(1s);
        world.model = false;
        const auto dropped = world.flush(1s);
        world.flush(100ms);
        if (dropped) dropped->cancel();
        world.after(200ms);
        world.model = true;
        world.after(20s);
        world.flush(1s);
    });
}

TEST(Allocations, Reconnect) {
    every_allocation("reconnect", patient(), [](World& world) {
        const auto sub = world.subscribe("some.subject.of.some.length");
        world.unsubscribe(sub, 5);
        world.subscribe("another.subject");
        world.publish("some.subject.of.some.length", "1");
        world.after(2s);
        world.model = false;
        world.request("svc", "open at the disconnect", 10s);
        world.flush(10s);
        world.model = true;
        world.eof();
        world.publish("some.subject.of.some.length", "2");
        world.after(5s);
        world.fail_transport();
        world.publish("another.subject", "3");
        world.after(5s);
        world.dial = World::Dial::refuse;
        world.eof();
        world.after(1s);
    });
}

TEST(Allocations, BadServers) {
    every_allocation("bad servers", patient(), [](World& world) {
        world.after(2s);
        world.server("-ERR 'Permissions Violation for Publish to \"some.subject\"'\r\n");
        world.server("INFO {bad json\r\n");
        world.server(info_with(R"("ldm":true,"connect_urls":["x:1","another-one.example.org:2"])"));
        world.server("-ERR 'Stale Connection'\r\n");
        world.after(5s);
        world.server("nonsense that is no protocol at all\r\n");
        world.after(5s);
        world.model = false;
        world.eof();
        world.after(10s);  // nobody answers: connect_timeout
        world.server(info);
        world.server("-ERR 'Authorization Violation'\r\n");
        world.after(5s);
    });
}

TEST(Allocations, GivingUp) {
    Options options = patient();
    options.max_reconnects = 1;
    options.reconnect = true;
    every_allocation("giving up", options, [](World& world) {
        world.subscribe("a");
        world.request("svc", "x", 1s);
        world.dial = World::Dial::refuse;
        world.eof();
        world.after(100s);
        world.publish("a", "closed");
        world.request("svc", "closed", 1s);
        world.close();
    });
}

TEST(Allocations, RequestMany) {
    every_allocation("request_many", patient(), [](World& world) {
        world.request_many("svc", {.timeout = 1s, .stall = 100ms});
        world.request_many("nobody", {.timeout = 1s, .max_messages = 2});
        world.after(2s);
        world.request_many("svc", {.timeout = 10s});
        world.eof();
        world.after(5s);
    });
}

TEST(Allocations, Drain) {
    every_allocation("drain", patient(), [](World& world) {
        const auto first = world.subscribe("a"), second = world.subscribe("b");
        world.publish("a", "x");
        world.publish("b", "x");
        world.drain(first, 2s);
        world.drain(5s);
        world.take(first);
        world.take(second);
        world.after(6s);
    });
}

TEST(Allocations, Close) {
    every_allocation("close", patient(), [](World& world) {
        world.subscribe("a");
        world.subscribe("b");
        world.publish("a", "x");
        world.model = false;
        world.request("svc", "x", 5s);
        world.flush(5s);
        world.model = true;
        world.close_op(2s);
        world.after(3s);
        world.close();
    });
}

}  // namespace
