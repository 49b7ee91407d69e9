// Operations without waiting in place: then, cancel against completion, and the next message of a
// subscription, which is never lost between the queue and whoever asked for it.
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

class DriverOperations : public testing::Test {
protected:
    Client connected() {
        Options options;
        options.servers = {server.url()};
        options.stable_after = 1h;  // no timer helps by chance
        return connect(options).get();
    }
    Client connected(Executor executor) {
        Options options;
        options.servers = {server.url()};
        options.executor = std::move(executor);
        return connect(options).get();
    }

    const EndsWithin limit{120};
    EchoServer server;
    LaterExecutor later;
};

ErrorCode code_of(const auto& result) {
    return result.ok() ? ErrorCode{} : result.error().code();
}

// --- then ---------------------------------------------------------------------------------------

TEST_F(DriverOperations, AreFollowedByWhatWasAskedFor) {
    Client nc = connected();
    const auto me = std::this_thread::get_id();
    std::atomic<int> replies{0};
    for (int i = 0; i < 100; ++i) {
        nc.request("echo.x", std::to_string(i), far_away).then([&, i](Result<Message> reply) {
            EXPECT_NE(std::this_thread::get_id(), me);
            replies += reply.value().payload() == std::to_string(i);
        });
    }
    EXPECT_TRUE(becomes_true([&] { return replies == 100; }));
    Gate late, nobody, done, flushed;
    nc.request("slow.x", "", 1ms).then([&](const Result<Message>& result) {
        EXPECT_EQ(code_of(result), ErrorCode::timeout_error);
        late.open();
    });
    nc.request("nobody", "", far_away).then([&](const Result<Message>& result) {
        EXPECT_EQ(code_of(result), ErrorCode::no_responders);
        nobody.open();
    });
    auto already = nc.flush(far_away);
    ASSERT_TRUE(becomes_true([&] { return already.done(); }));
    already.then([&](const Result<Done>& result) {
        EXPECT_TRUE(result.ok());
        EXPECT_NE(std::this_thread::get_id(), me);
        done.open();
    });
    // What it captures may be movable only.
    nc.flush(far_away).then([gate = std::unique_ptr<Gate, void (*)(Gate*)>(
                                 &flushed, [](Gate* opened) { opened->open(); })](Result<Done>) {});
    EXPECT_TRUE(late.wait() && nobody.wait() && done.wait() && flushed.wait());
}

TEST_F(DriverOperations, GiveTheirResultToOne) {
    Client nc = connected();
    auto request = nc.request("slow.x", "", far_away);
    Gate cancelled;
    request.then([&](const Result<Message>& result) {
        EXPECT_EQ(code_of(result), ErrorCode::cancelled);
        cancelled.open();
    });
    EXPECT_THROW(request.get(), UsageError);
    EXPECT_THROW(request.then([](const Result<Message>&) {}), UsageError);
    request.cancel();
    EXPECT_TRUE(cancelled.wait());
    auto flush = nc.flush(far_away);
    flush.get();
    EXPECT_THROW(flush.get(), UsageError);
}

TEST_F(DriverOperations, ConnectAndCloseAreOperationsToo) {
    Gate closed;
    connect(server.url()).then([&](Result<Client> connected) {
        Client nc = std::move(connected).value();
        nc.close().then([&, nc](Result<Done> result) {
            EXPECT_TRUE(result.ok());
            EXPECT_EQ(nc.state(), ConnectionState::closed);
            closed.open();
        });
    });
    EXPECT_TRUE(closed.wait());
    Options wrong;
    wrong.servers = {};
    EXPECT_EQ(connect(wrong).result().error().code(), ErrorCode::usage_error);
    EXPECT_THROW(connect("http://x").then([](const Result<Client>&) {}), UsageError);
    Client nc = connected();
    EXPECT_EQ(nc.request("x", "", {}, {{"a b", ""}}).result().error().code(),
              ErrorCode::usage_error);
    EXPECT_EQ(nc.try_publish("a b", "")->code(), ErrorCode::usage_error);
    EXPECT_EQ(nc.try_subscribe("a b").error().code(), ErrorCode::usage_error);
}

TEST_F(DriverOperations, AreCancelledOrDoneButNeverBoth) {
    constexpr int threads = 4, rounds = sanitized ? 300 : 2'000;
    Client nc = connected();
    std::atomic<int> values{0}, cancels{0}, others{0};
    std::vector<std::thread> running;
    for (int t = 0; t < threads; ++t) {
        running.emplace_back([&, t] {
            for (int i = 0; i < rounds; ++i) {
                auto request = nc.request("echo.x", "", far_away);
                request.then([&](const Result<Message>& result) {
                    const ErrorCode code = code_of(result);
                    (result.ok() ? values : code == ErrorCode::cancelled ? cancels : others) += 1;
                });
                for (int spins = 0; spins < i * t % 997; ++spins) static_cast<void>(nc.state());
                request.cancel();
            }
        });
    }
    for (std::thread& thread : running) thread.join();
    EXPECT_TRUE(becomes_true([&] { return values + cancels == threads * rounds; }));
    EXPECT_EQ(others, 0);
    std::cout << values << " came, " << cancels << " were cancelled\n";
    nc.close().get();
    EXPECT_EQ(values + cancels, threads * rounds);
}

// --- the next message ---------------------------------------------------------------------------

TEST_F(DriverOperations, NextHasADeadlineAndAnEnd) {
    Client nc = connected();
    Subscription sub = nc.subscribe("x");
    EXPECT_THROW(sub.next(1ms).start().get(), TimeoutError);
    EXPECT_THROW(sub.next(0s).start().get(), TimeoutError);
    auto late = sub.next(1ms).start();
    EXPECT_TRUE(becomes_true([&] { return late.done(); }));  // nobody waits in place
    EXPECT_EQ(code_of(late.result()), ErrorCode::timeout_error);
    auto first = sub.next(far_away).start(), second = sub.next(far_away).start();
    nc.publish("x", "1");
    EXPECT_EQ(first.get().payload(), "1");
    EXPECT_FALSE(second.done());
    sub.unsubscribe();
    EXPECT_THROW(second.get(), Closed);
    EXPECT_THROW(sub.next(far_away).start().get(), Closed);
}

TEST_F(DriverOperations, NextLosesNothingWhenItIsDropped) {
    Client nc = connected();
    Subscription sub = nc.subscribe("x");
    {
        const NextMessage not_begun = sub.next(far_away);
        auto waiting = sub.next(far_away).start(), cancelled = sub.next(far_away).start(),
             done = sub.next(far_away).start();
        waiting.cancel();
        EXPECT_THROW(waiting.get(), Cancelled);
        for (int i = 0; i < 4; ++i) nc.publish("x", std::to_string(i));
        nc.flush(far_away).get();
        EXPECT_TRUE(cancelled.done());
        cancelled.cancel();  // too late: it has its message, and gives it back
    }
    EXPECT_EQ(sub.pending(), 4u);
    std::set<std::string> all;
    for (int i = 0; i < 4; ++i) all.emplace(sub.next(far_away).get().payload());
    EXPECT_EQ(all, (std::set<std::string>{"0", "1", "2", "3"}));

    {
        auto one = sub.next(far_away).start();
        nc.publish("x", "a");
        nc.publish("x", "b");
        nc.flush(far_away).get();
        EXPECT_TRUE(one.done());
    }
    EXPECT_EQ(sub.next(far_away).get().payload(), "a");  // at the front again
    EXPECT_EQ(sub.next(far_away).get().payload(), "b");
}

TEST_F(DriverOperations, NextGivenBackGoesToWhoWaits) {
    Client nc = connected();
    Subscription sub = nc.subscribe("x");
    auto first = std::make_optional(sub.next(far_away).start());
    auto second = sub.next(far_away).start();
    nc.publish("x", "1");
    nc.flush(far_away).get();
    EXPECT_TRUE(first->done());
    EXPECT_FALSE(second.done());
    first.reset();
    EXPECT_EQ(second.get().payload(), "1");
}

TEST_F(DriverOperations, NextIsGivenBackWhenItsExecutorDropsIt) {
    Client nc = connected(later.executor());
    Subscription sub = nc.subscribe("x");
    sub.next(far_away).then([](const Result<Message>&) { ADD_FAILURE(); });
    nc.publish("x", "1");
    ASSERT_TRUE(becomes_true([&] { return later.size() == 1; }));
    later.drop();
    EXPECT_EQ(sub.next(far_away).get().payload(), "1");
}

TEST_F(DriverOperations, NextLosesNothingInARaceOfAll) {
    constexpr int takers = 4, messages = sanitized ? 2'000 : 10'000;
    Client nc = connected();
    Subscription sub = nc.subscribe("x");
    std::mutex mutex;
    std::multiset<int> taken;
    const auto take = [&](const Message& message) {
        const std::lock_guard<std::mutex> lock(mutex);
        taken.insert(std::stoi(std::string(message.payload())));
    };
    const auto count = [&] {
        const std::lock_guard<std::mutex> lock(mutex);
        return taken.size();
    };
    std::atomic<bool> done{false};
    std::vector<std::thread> threads;
    for (int t = 0; t < takers; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; !done; ++i) {
                if ((i + t) % 4 == 0) {
                    if (auto result = sub.next(1ms).result(); result.ok()) take(*result);
                } else if ((i + t) % 4 == 1) {
                    sub.next(1ms).then([&](Result<Message> result) {
                        if (result.ok()) take(*result);
                    });
                } else {
                    auto next = sub.next(1ms).start();
                    if (i % 3) static_cast<void>(nc.state());
                    if (i % 2) next.cancel();
                    if (i % 5) continue;
                    if (auto result = next.result(); result.ok()) take(*result);
                }
            }
        });
    }
    for (int i = 0; i < messages; ++i) nc.publish("x", std::to_string(i));
    EXPECT_TRUE(becomes_true([&] { return count() == messages; })) << count();
    done = true;
    for (std::thread& thread : threads) thread.join();
    nc.close().get();  // no `then` runs any more
    for (int i = 0; i < messages; ++i) ASSERT_EQ(taken.count(i), 1u) << i;
}

}  // namespace
