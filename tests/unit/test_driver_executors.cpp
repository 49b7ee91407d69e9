// Callbacks where the user wants them: in executors that run later, on many threads, never, or that
// throw; and inline, on the thread that drives.
#include <atomic>
#include <thread>

#include <anynats/anynats.hpp>

#include "../support/async.hpp"
#include "../support/echo_server.hpp"

namespace {

using namespace anynats;
using namespace std::chrono_literals;
using namespace test_support;

class DriverExecutors : public testing::Test {
protected:
    Client connected(Executor executor, EventHandler on_event = {}) {
        Options options;
        options.servers = {server.url()};
        options.stable_after = 1h;  // no timer helps by chance
        options.executor = std::move(executor);
        options.on_event = std::move(on_event);
        return connect(options).get();
    }
    bool comes(std::size_t functions) {
        return becomes_true([&] { return later.size() == functions; });
    }

    const EndsWithin limit{120};
    EchoServer server;
    LaterExecutor later;
};

TEST_F(DriverExecutors, RunWhatTheyAreGivenWhenTheyLike) {
    Client nc = connected(later.executor());
    std::vector<std::string> seen;
    const auto me = std::this_thread::get_id();
    Subscription sub = nc.subscribe("x", [&](const Message& message) {
        EXPECT_EQ(std::this_thread::get_id(), me);
        seen.emplace_back(message.payload());
    });
    for (int i = 0; i < 200; ++i) nc.publish("x", std::to_string(i));
    nc.flush(far_away).get();
    EXPECT_EQ(later.size(), 1u);  // one turn of one subscription at a time
    EXPECT_TRUE(seen.empty());
    EXPECT_TRUE(later.run_one());
    EXPECT_EQ(seen.size(), 64u);  // a turn is bounded
    later.run();
    ASSERT_EQ(seen.size(), 200u);
    for (int i = 0; i < 200; ++i) EXPECT_EQ(seen[i], std::to_string(i));
    nc.request("echo.x", "hello", far_away).then([&](Result<Message> reply) {
        seen = {std::string(reply.value().payload())};
    });
    ASSERT_TRUE(comes(1));
    later.run();
    EXPECT_EQ(seen, std::vector<std::string>{"hello"});
}

TEST_F(DriverExecutors, MayHaveManyThreads) {
    constexpr int subjects = 8, messages = 4'000, pool = 4;
    Client nc = connected(later.executor()), other = connected({});
    std::array<std::atomic<int>, subjects> next{};
    std::array<std::atomic<bool>, subjects> busy{};
    std::vector<Subscription> subs;
    for (int s = 0; s < subjects; ++s) {
        subs.push_back(nc.subscribe("x." + std::to_string(s), [&, s](const Message& message) {
            EXPECT_FALSE(busy[s].exchange(true));
            EXPECT_EQ(message.payload(), std::to_string(next[s]));
            ++next[s];
            busy[s] = false;
        }));
    }
    nc.flush(far_away).get();
    std::atomic<bool> done{false};
    std::vector<std::thread> threads;
    for (int t = 0; t < pool; ++t) {
        threads.emplace_back([&] {
            while (!done) {
                if (!later.run_one()) std::this_thread::yield();
            }
        });
    }
    for (int i = 0; i < messages; ++i) {
        other.publish("x." + std::to_string(i % subjects), std::to_string(i / subjects));
    }
    for (auto& count : next) {
        EXPECT_TRUE(becomes_true([&] { return count == messages / subjects; }));
    }
    done = true;
    for (std::thread& thread : threads) thread.join();
}

TEST_F(DriverExecutors, MayRunWhatWasPostedAfterTheClient) {
    int called = 0, cancelled = 0;
    {
        Client nc = connected(later.executor());
        Subscription sub = nc.subscribe("x", [&](const Message&) { ++called; });
        nc.request("slow.x", "", far_away).then([&](const Result<Message>& result) {
            cancelled += result.error().code() == ErrorCode::closed;
        });
        nc.publish("x", "");
        nc.flush(far_away).get();
        nc.close().get();
    }
    later.run();
    EXPECT_EQ(called, 0);
    EXPECT_EQ(cancelled, 1);
}

TEST_F(DriverExecutors, ThatDropWhatTheyAreGivenEndIt) {
    auto token = std::make_shared<int>();
    const std::weak_ptr<int> alive = token;
    Client nc = connected(later.executor());
    Subscription sub = nc.subscribe("x", [token](const Message&) { ADD_FAILURE(); });
    nc.request("echo.x", "", far_away).then([token](const Result<Message>&) { ADD_FAILURE(); });
    nc.publish("x", "");
    ASSERT_TRUE(comes(2));
    token.reset();
    later.drop();
    nc.publish("x", "");
    nc.flush(far_away).get();
    EXPECT_EQ(later.size(), 0u);
    EXPECT_EQ(sub.pending(), 0u);
    sub = nc.subscribe("y");
    EXPECT_TRUE(alive.expired());
}

TEST_F(DriverExecutors, ThatThrowAreTold) {
    Client nc = connected([](const std::function<void()>&) { throw std::runtime_error("full"); });
    Subscription sub = nc.subscribe("x", [](const Message&) { ADD_FAILURE(); });
    nc.publish("x", "");
    ASSERT_TRUE(becomes_true([&] { return nc.counters().callback_errors == 1; }));
    std::string told;
    ASSERT_TRUE(becomes_true([&] {
        const auto event = nc.next_event();
        if (event && event->error) told = event->error->what();
        return !told.empty();
    }));
    EXPECT_EQ(told, "the executor threw: full");
    EXPECT_EQ(nc.request("echo.x", "well", far_away).get().payload(), "well");
}

TEST_F(DriverExecutors, GetMoreThanOneTurnHandsOver) {
    constexpr int many = 300;
    Client nc = connected(later.executor());
    std::vector<Subscription> subs;
    int called = 0;
    for (int i = 0; i < many; ++i) {
        subs.push_back(nc.subscribe("x", [&](const Message&) { ++called; }));
    }
    nc.publish("x", "");
    ASSERT_TRUE(comes(many));
    later.run();
    EXPECT_EQ(called, many);
}

// --- inline -------------------------------------------------------------------------------------

class DriverInline : public DriverExecutors {
protected:
    Client connected() {
        Options options;
        options.servers = {server.url()};
        options.stable_after = 1h;
        options.inline_callbacks = true;
        return connect(options).get();
    }
};

TEST_F(DriverInline, CallbacksRunInTheThreadThatReads) {
    Client nc = connected();
    std::atomic<int> here{0}, elsewhere{0};
    const auto me = std::this_thread::get_id();
    Subscription sub = nc.subscribe(
        "x", [&](const Message&) { (std::this_thread::get_id() == me ? here : elsewhere) += 1; });
    for (int i = 0; i < 1000; ++i) nc.publish("x", "");
    nc.flush(far_away).get();
    EXPECT_TRUE(becomes_true([&] { return here + elsewhere == 1000; }));
}

TEST_F(DriverInline, CallbacksCannotWait) {
    Client nc = connected(), other = connect(server.url()).get();
    Subscription held = nc.subscribe("held");
    std::atomic<int> refused{0};
    Gate done;
    Subscription sub = nc.subscribe("x", [&](const Message&) {
        const auto refuses = [&](auto wait) {
            try {
                wait();
            } catch (const UsageError&) {
                ++refused;
            }
        };
        refuses([&] { nc.request("slow.x", "", far_away).get(); });
        refuses([&] { other.request("slow.x", "", far_away).get(); });
        refuses([&] { held.next(far_away).get(); });
        refuses([&] { held.next(far_away).start().get(); });
        EXPECT_THROW(held.next(0s).get(), TimeoutError);
        done.open();
    });
    nc.publish("x", "");
    nc.flush(far_away).get();
    ASSERT_TRUE(done.wait());
    EXPECT_EQ(refused, 4);
    EXPECT_EQ(nc.request("echo.x", "here", far_away).get().payload(), "here");
}

TEST_F(DriverInline, CallbacksMayUseTheirClient) {
    Client nc = connected(), other = connected();
    std::atomic<int> left{200};
    Gate done;
    Subscription sub = nc.subscribe("x", [&](const Message&) { other.publish("y", ""); });
    Subscription back = other.subscribe("y", [&](const Message&) {
        if (--left > 0) {
            nc.publish("x", "");
        } else {
            nc.request("echo.x", "last", far_away).then([&](Result<Message> reply) {
                EXPECT_EQ(reply.value().payload(), "last");
                done.open();
            });
        }
    });
    other.flush(far_away).get();
    nc.publish("x", "");
    ASSERT_TRUE(done.wait());
}

TEST_F(DriverInline, CallbacksMayCloseAndDropTheirClient) {
    for (const bool close : {true, false}) {
        struct Both {
            Client client;
            std::optional<Subscription> sub = {};
        };
        auto both = std::make_shared<Both>(Both{connected()});
        Client other = connect(server.url()).get();
        Gate done;
        both->sub = both->client.subscribe("x", [&](const Message&) {
            if (close) both->client.close().detach();
            both.reset();
            done.open();
        });
        both->client.flush(far_away).get();
        other.publish("x", "");
        ASSERT_TRUE(done.wait());
    }
}

}  // namespace
