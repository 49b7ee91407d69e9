// User code that the client calls: on which thread, in which order, how much may wait for it, and
// what becomes of it when it throws, waits, closes the client or outlives it.
#include <signal.h>

#include <atomic>
#include <set>
#include <thread>

#include <anynats/anynats.hpp>

#include "../support/async.hpp"
#include "../support/echo_server.hpp"

namespace {

using namespace anynats;
using namespace std::chrono_literals;
using namespace test_support;

class DriverCallbacks : public testing::Test {
protected:
    Options options() const {
        Options options;
        options.servers = {server.url()};
        options.stable_after = 1h;  // no timer helps by chance
        return options;
    }
    Client connected() const { return connect(options()).get(); }

    const EndsWithin limit{120};
    EchoServer server;
};

/// What callbacks have seen.
class Seen {
public:
    void add(std::string text) {
        const std::lock_guard<std::mutex> lock(mutex_);
        all_.push_back(std::move(text));
    }
    MessageHandler handler() {
        return [this](const Message& message) { add(std::string(message.payload())); };
    }
    EventHandler event_handler() {
        return [this](const Event& event) { add(std::string(to_string(event.kind))); };
    }
    std::vector<std::string> all() {
        const std::lock_guard<std::mutex> lock(mutex_);
        return all_;
    }
    bool becomes(const std::vector<std::string>& expected) {
        return becomes_true([&] { return all() == expected; });
    }

private:
    std::mutex mutex_;
    std::vector<std::string> all_;
};
using Texts = std::vector<std::string>;

// --- messages -----------------------------------------------------------------------------------

TEST_F(DriverCallbacks, GetMessagesInOrderOnOneThreadOfTheirOwn) {
    constexpr int messages = 10'000;
    Client nc = connected(), other = connected();
    std::set<std::thread::id> threads;
    std::atomic<int> next{0};
    std::atomic<bool> signals_blocked{true};
    Subscription sub = nc.subscribe("x", [&](const Message& message) {
        sigset_t blocked;
        ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
        if (!sigismember(&blocked, SIGTERM)) signals_blocked = false;
        threads.insert(std::this_thread::get_id());
        EXPECT_EQ(message.payload(), std::to_string(next.load()));
        ++next;
    });
    nc.flush(far_away).get();
    for (int i = 0; i < messages; ++i) other.publish("x", std::to_string(i));
    ASSERT_TRUE(becomes_true([&] { return next == messages; }));
    nc.close().get();
    EXPECT_EQ(threads.size(), 1u);
    EXPECT_FALSE(threads.contains(std::this_thread::get_id()));
    EXPECT_TRUE(signals_blocked);
}

TEST_F(DriverCallbacks, MayUseTheirClientAndWait) {
    Client nc = connected();
    Seen seen;
    Subscription sub = nc.subscribe("x", [&](Message message) {
        const std::string text(message.payload());
        seen.add(std::string(nc.request("echo.x", text, far_away).get().payload()));
        Subscription own = nc.subscribe("y");
        nc.publish("y", text + "!");
        seen.add(std::string(own.next(far_away).get().payload()));
        nc.flush(far_away).get();
    });
    nc.publish("x", "1");
    nc.publish("x", "2");
    for (int i = 0; i < 100; ++i) nc.request("echo.x", "", far_away).get();  // both at a time
    EXPECT_TRUE(seen.becomes({"1", "1!", "2", "2!"}));
}

TEST_F(DriverCallbacks, ThatDoNotKeepUpAreSlowConsumers) {
    Gate begun, go_on;
    Client nc = connected();
    Seen seen;
    Subscription sub = nc.subscribe("x",
                                    [&](const Message& message) {
                                        seen.add(std::string(message.payload()));
                                        begun.open();
                                        go_on.wait();
                                    },
                                    {.pending_messages = 10});
    nc.publish("x", "0");
    nc.flush(far_away).get();
    ASSERT_TRUE(begun.wait());
    for (int i = 1; i < 100; ++i) nc.publish("x", std::to_string(i));
    nc.flush(far_away).get();
    EXPECT_EQ(sub.pending(), 10u);
    EXPECT_EQ(sub.dropped(), 89u);
    EXPECT_EQ(nc.counters().dropped, 89u);
    go_on.open();
    EXPECT_TRUE(seen.becomes({"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"}));
    int told = 0;
    while (const auto event = nc.next_event()) told += event->kind == Event::Kind::slow_consumer;
    EXPECT_EQ(told, 1);
}

TEST_F(DriverCallbacks, ThatThrowAreToldAndGoOn) {
    Client nc = connected();
    Seen seen;
    Subscription sub = nc.subscribe("x", [&](const Message& message) {
        const std::string text(message.payload());
        if (text == "1") throw std::runtime_error("not 1");
        if (text == "2") nc.publish("a b", "");
        if (text == "3") throw 3;
        seen.add(text);
    });
    for (int i = 0; i < 5; ++i) nc.publish("x", std::to_string(i));
    EXPECT_TRUE(seen.becomes({"0", "4"}));
    EXPECT_EQ(nc.counters().callback_errors, 3u);
    Texts errors;
    while (const auto event = nc.next_event()) {
        if (event->kind == Event::Kind::error) errors.emplace_back(event->error->what());
    }
    ASSERT_EQ(errors.size(), 3u);
    EXPECT_EQ(errors[0], "the callback of \"x\" threw: not 1");
    EXPECT_NE(errors[1].find("a b"), std::string::npos);
    EXPECT_EQ(errors[2], "the callback of \"x\" threw: something that is no std::exception");
}

TEST_F(DriverCallbacks, EndWithTheirSubscription) {
    Client nc = connected();
    auto token = std::make_shared<int>();
    const std::weak_ptr<int> alive = token;
    Seen seen;
    std::optional<Subscription> inside;
    inside = nc.subscribe("x", [&, token = std::move(token)](const Message& message) {
        seen.add(std::string(message.payload()));
        if (message.payload() == "1") inside.reset();
    });
    for (int i = 0; i < 5; ++i) nc.publish("x", std::to_string(i));
    ASSERT_TRUE(becomes_true([&] { return alive.expired(); }));
    EXPECT_EQ(seen.all(), (Texts{"0", "1"}));

    Subscription three = nc.subscribe("three", seen.handler());
    three.unsubscribe(3);
    for (int i = 10; i < 15; ++i) nc.publish("three", std::to_string(i));
    EXPECT_TRUE(seen.becomes({"0", "1", "10", "11", "12"}));

    Gate begun, go_on;
    Subscription stopped = nc.subscribe("stopped", [&](const Message& message) {
        seen.add(std::string(message.payload()));
        begun.open();
        go_on.wait();
    });
    for (int i = 20; i < 25; ++i) nc.publish("stopped", std::to_string(i));
    ASSERT_TRUE(begun.wait());
    nc.flush(far_away).get();
    stopped.unsubscribe();
    go_on.open();
    Subscription after = nc.subscribe("after", seen.handler());
    nc.publish("after", "30");
    EXPECT_TRUE(seen.becomes({"0", "1", "10", "11", "12", "20", "30"}));
    EXPECT_EQ(stopped.pending(), 0u);
}

TEST_F(DriverCallbacks, LeaveNothingForOthersToTake) {
    Client nc = connected();
    Seen seen;
    Subscription sub = nc.subscribe("x", seen.handler());
    EXPECT_THROW(sub.next(far_away).get(), UsageError);
    EXPECT_THROW(sub.next(far_away).start().get(), UsageError);
    EXPECT_THROW(sub.try_next(), UsageError);
    EXPECT_THROW(sub.begin(), UsageError);
    EXPECT_THROW(nc.subscribe("x", MessageHandler()), UsageError);
    EXPECT_THROW(nc.subscribe("a b", seen.handler()), UsageError);
}

TEST_F(DriverCallbacks, OfADetachedSubscriptionGoOnUntilTheClientIsClosed) {
    Seen seen;
    auto token = std::make_shared<int>();
    const std::weak_ptr<int> alive = token;
    Client other = connected();
    std::optional<Client> nc = connected();
    nc->subscribe("x", [&, nc = *nc, token = std::move(token)](const Message& message) mutable {
          seen.add(std::string(message.payload()));
          if (message.payload() == "close") nc.close().detach();
      }).detach();
    nc->flush(far_away).get();
    nc.reset();
    other.publish("x", "1");
    other.publish("x", "close");
    EXPECT_TRUE(seen.becomes({"1", "close"}));
    EXPECT_TRUE(becomes_true([&] { return alive.expired(); }));
}

TEST_F(DriverCallbacks, AreOverWhenTheHandleIsGone) {
    Client nc = connected(), other = connected();
    for (int i = 0; i < 50; ++i) {
        Gate begun;
        std::atomic<bool> running{false};
        {
            const Subscription sub = nc.subscribe("x", [&](const Message&) {
                running = true;
                begun.open();
                nc.new_inbox();
                running = false;
            });
            nc.flush(far_away).get();
            for (int j = 0; j < 100; ++j) other.publish("x", "");
            ASSERT_TRUE(begun.wait());
        }
        ASSERT_FALSE(running);
    }
}

// --- ends ---------------------------------------------------------------------------------------

TEST_F(DriverCallbacks, MayCloseTheirClient) {
    Client nc = connected();
    Gate closed;
    Subscription sub = nc.subscribe("x", [&](const Message&) {
        nc.close().get();
        closed.open();
    });
    nc.publish("x", "");
    ASSERT_TRUE(closed.wait());
    EXPECT_EQ(nc.state(), ConnectionState::closed);
    nc.close().get();
}

TEST_F(DriverCallbacks, MayDropTheLastHandle) {
    const std::size_t before = threads();
    struct Both {
        Client client;
        std::optional<Subscription> sub = {};
    };
    for (int i = 0; i < 50; ++i) {
        Gate gone;
        auto both = std::make_shared<Both>(Both{connected()});
        Client other = connected();
        both->sub = both->client.subscribe("x", [&gone, &both](const Message&) {
            both.reset();
            gone.open();
        });
        both->client.flush(far_away).get();
        other.publish("x", "");
        ASSERT_TRUE(gone.wait());
    }
    EXPECT_TRUE(becomes_true([&] { return threads() <= before + 1; }));
}

TEST_F(DriverCallbacks, AreOverWhenCloseReturns) {
    for (int i = 0; i < 20; ++i) {
        Client nc = connected();
        std::atomic<int> running{0}, called{0};
        Gate begun;
        Subscription sub = nc.subscribe("x", [&](const Message&) {
            ++running;
            ++called;
            begun.open();
            nc.new_inbox();
            --running;
        });
        for (int j = 0; j < 1000; ++j) nc.publish("x", "");
        ASSERT_TRUE(begun.wait());
        std::thread another([&] { nc.close().get(); });
        nc.close().get();
        EXPECT_EQ(running, 0);
        const int seen = called;
        another.join();
        EXPECT_EQ(called, seen);
    }
}

TEST_F(DriverCallbacks, ThatRunHoldUpCloseAlone) {
    Client nc = connected();
    Gate begun, go_on;
    std::atomic<int> called{0};
    Subscription sub = nc.subscribe("x", [&](const Message&) {
        ++called;
        begun.open();
        go_on.wait();
    });
    nc.publish("x", "");
    nc.publish("x", "");
    ASSERT_TRUE(begun.wait());
    Waiting closing([&] { nc.close().get(); });
    ASSERT_TRUE(becomes_true([&] { return nc.state() == ConnectionState::closed; }));
    EXPECT_THROW(nc.request("echo.x", "").get(), Closed);
    EXPECT_TRUE(closing.sleeps());
    EXPECT_FALSE(closing.ended);
    go_on.open();
    ASSERT_TRUE(becomes_true([&] { return closing.ended.load(); }));
    EXPECT_EQ(called, 1);
}

TEST_F(DriverCallbacks, AreWaitedForByADrain) {
    constexpr int messages = 500;
    Client nc = connected(), other = connected();
    Subscription answers = other.subscribe("y");
    other.flush(far_away).get();
    Gate go_on;
    std::atomic<int> called{0}, refused{0};
    Subscription sub = nc.subscribe("x", [&](const Message& message) {
        go_on.wait();
        if (++called == 1) {
            try {
                nc.drain(far_away).get();
            } catch (const UsageError&) {
                ++refused;
            }
        }
        nc.publish("y", message.payload());
    });
    for (int i = 0; i < messages; ++i) nc.publish("x", std::to_string(i));
    nc.flush(far_away).get();
    Waiting draining([&] { nc.drain(far_away).get(); });
    ASSERT_TRUE(draining.sleeps());
    EXPECT_FALSE(draining.ended);
    go_on.open();
    ASSERT_TRUE(becomes_true([&] { return draining.ended.load(); }));
    EXPECT_EQ(called, messages);
    EXPECT_EQ(nc.state(), ConnectionState::closed);
    for (int i = 0; i < messages; ++i) {
        ASSERT_EQ(answers.next(far_away).get().payload(), std::to_string(i));
    }
    EXPECT_EQ(refused, 1);
}

TEST_F(DriverCallbacks, ThatAreStoppedDoNotHoldUpADrain) {
    Client nc = connected();
    Gate begun, go_on;
    std::optional<Subscription> sub = nc.subscribe("x", [&](const Message&) {
        begun.open();
        go_on.wait();
        sub->unsubscribe();
    });
    for (int i = 0; i < 10; ++i) nc.publish("x", "");
    ASSERT_TRUE(begun.wait());
    auto drained = nc.drain(far_away);
    go_on.open();
    drained.get();
}

TEST_F(DriverCallbacks, LeaveNoThreadBehind) {
    Client first = connected();  // starts the background thread
    const std::size_t threads_before = threads(), descriptors = open_descriptors();
    std::atomic<int> events{0};
    for (int i = 0; i < 100; ++i) {
        Options with_events = options();
        with_events.on_event = [&](const Event&) { ++events; };
        Client nc = connect(with_events).get();
        Subscription sub = nc.subscribe("x", [](const Message&) {});
        nc.publish("x", "");
        nc.request("echo.x", "", far_away).then([](const Result<Message>&) {});
        if (i % 2) nc.close().get();
        if (i % 4 == 1) nc.flush().then([](const Result<Done>&) {});  // after the end
    }
    EXPECT_TRUE(becomes_true([&] { return threads() <= threads_before; }));
    EXPECT_TRUE(becomes_true([&] { return open_descriptors() <= descriptors + 1; }));
}

// --- events -------------------------------------------------------------------------------------

TEST_F(DriverCallbacks, GetEventsInOrder) {
    Seen seen;
    Options with_events = options();
    with_events.reconnect_wait_min = 1ms;
    with_events.on_event = seen.event_handler();
    Client nc = connect(with_events).get();
    EXPECT_TRUE(seen.becomes({"connected"}));
    server.cut();
    EXPECT_TRUE(seen.becomes({"connected", "disconnected", "reconnected"}));
    Subscription sub = nc.subscribe("x", [](const Message&) { throw 1; });
    nc.publish("x", "");
    EXPECT_TRUE(seen.becomes({"connected", "disconnected", "reconnected", "error"}));
    EXPECT_FALSE(nc.next_event());
    nc.close().get();
    EXPECT_EQ(seen.all(), (Texts{"connected", "disconnected", "reconnected", "error", "closed"}));
}

TEST_F(DriverCallbacks, OfEventsMayThrowAndClose) {
    Options with_events = options();
    std::optional<Client> nc;
    Gate connecting, closed;
    with_events.on_event = [&](const Event& event) {
        if (event.kind == Event::Kind::connected) {
            connecting.wait();
            nc->close().get();
        }
        if (event.kind == Event::Kind::closed) closed.open();
        throw 1;
    };
    nc = connect(with_events).get();
    connecting.open();
    ASSERT_TRUE(closed.wait());
    nc->close().get();
    EXPECT_EQ(nc->counters().callback_errors, 2u);
}

TEST_F(DriverCallbacks, OfEventsLearnThatNoServerIsThere) {
    Seen seen;
    Options nowhere;
    nowhere.servers = {"nats://127.0.0.1:1"};
    nowhere.on_event = seen.event_handler();
    auto connecting = connect(nowhere);
    EXPECT_THROW(connecting.get(), ConnectFailed);
    EXPECT_TRUE(seen.becomes({"closed"}));
    Options wrong = nowhere;
    wrong.inline_callbacks = true;
    wrong.executor = [](const std::function<void()>&) {};
    EXPECT_EQ(connect(wrong).result().error().code(), ErrorCode::usage_error);
}

}  // namespace
