// Event loops at a driver: who reads when loops, blocked callers and nobody wait, in turn and side
// by side. The loop here is the smallest there is: it sleeps on the seat's descriptor and makes
// turns.
#include <atomic>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include <anynats/anynats.hpp>

#include "../support/echo_server.hpp"
#include "../support/waiting.hpp"
#include "drive/driver.hpp"
#include "drive/next_operation.hpp"
#include "drive/seat.hpp"

namespace {

using namespace anynats;
using namespace std::chrono_literals;
using namespace test_support;

/// One thread's loop, at one driver.
class TinyLoop {
public:
    explicit TinyLoop(const std::shared_ptr<Driver>& driver) : seat(driver) {}

    void begin(OperationState& operation) {
        if (seat.notify_done(operation, ++token_)) seat.flush();
    }
    /// Make one turn when there is something to do; returns what was told.
    std::vector<std::uint64_t> turn(Duration within = far_away) {
        seat.sleep(monotonic_now() + within);
        return seat.turn();
    }
    template <class T>
    Result<T> run(const std::shared_ptr<ResultState<T>>& operation) {
        begin(*operation);
        const std::uint64_t token = token_;
        while (!operation->done()) turn();
        seat.forget(token);
        return operation->take();
    }

    Seat seat;

private:
    std::uint64_t token_ = 0;
};

class DriverSeats : public testing::Test {
protected:
    std::shared_ptr<Driver> connected() {
        Options options;
        options.servers = {server.url()};
        options.stable_after = 1h;  // no timer helps by chance
        auto driver = Driver::make(std::move(options));
        TinyLoop loop(driver);
        EXPECT_TRUE(loop.run(driver->connect()).ok());
        return driver;
    }
    static std::string payload(const Result<Message>& reply) {
        return reply.ok() ? std::string(reply->payload()) : std::string(reply.error().what());
    }

    const EndsWithin limit{120};
    EchoServer server;
};

TEST_F(DriverSeats, ARequestWakesNobodyElse) {
    constexpr unsigned requests = 2000;
    const auto driver = connected();
    TinyLoop loop(driver);
    for (int i = 0; i < 100; ++i) {
        ASSERT_EQ(payload(loop.run(driver->request("echo.warm", "x", {}, far_away))), "x");
    }
    auto before = voluntary_switches();
    for (unsigned i = 0; i < requests; ++i) {
        ASSERT_TRUE(loop.run(driver->request("echo.x", "x", {}, far_away)).ok());
    }
    std::uint64_t of_others = 0;
    std::string each;
    for (const auto& [tid, count] : voluntary_switches()) {
        const bool other = tid != std::to_string(server.tid()) && tid != my_tid();
        if (other) of_others += count - before[tid];
        each +=
            (other ? " other " : " mine or the server's ") + std::to_string(count - before[tid]);
    }
    // Not one for each, as when another thread reads for the loop.
    EXPECT_LE(of_others, requests * 0.5) << each;
}

TEST_F(DriverSeats, TheBackgroundThreadReadsWhenNothingWaits) {
    const auto driver = connected();
    TinyLoop loop(driver);
    const auto sub = driver->subscribe("x", {}).value();
    ASSERT_TRUE(loop.run(driver->flush(far_away)).ok());
    ASSERT_FALSE(driver->publish("x", "1", {}, {}));
    EXPECT_TRUE(becomes_true([&] { return sub->pending() == 1; }));
}

TEST_F(DriverSeats, TheBackgroundThreadReadsForAThreadThatIsAway) {
    const auto driver = connected();
    TinyLoop loop(driver);
    const auto first = driver->subscribe("1", {}).value();
    const auto second = driver->subscribe("2", {}).value();
    const auto begin = [&](const auto& sub) {
        auto next = std::make_shared<NextOperation>(sub);
        next->begin(far_away);
        loop.begin(*next);
        return next;
    };
    const auto here = begin(first), later = begin(second);
    ASSERT_FALSE(driver->publish("1", "x", {}, {}));
    while (!here->done()) loop.turn();
    loop.seat.away();  // and still it counts as waiting
    ASSERT_FALSE(driver->publish("2", "y", {}, {}));
    EXPECT_TRUE(becomes_true([&] { return later->done(); }));
    EXPECT_EQ(loop.turn(), std::vector<std::uint64_t>{2});
    // It leads again, and is not relieved while it sleeps.
    const auto again = begin(first);
    loop.seat.away();
    loop.turn(30ms);
    ASSERT_FALSE(driver->publish("1", "z", {}, {}));
    while (!again->done()) loop.turn();
    EXPECT_EQ(payload(again->take()), "z");
}

TEST_F(DriverSeats, DeadlinesAreKeptForALoopThatSleeps) {
    const auto driver = connected();
    TinyLoop loop(driver);
    const auto begin = std::chrono::steady_clock::now();
    const auto reply = loop.run(driver->request("slow.x", "", {}, 30ms));
    ASSERT_FALSE(reply.ok());
    EXPECT_EQ(reply.error().code(), ErrorCode::timeout_error);
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 30ms);
}

TEST_F(DriverSeats, DeadlinesThatAriseWhileALoopReadsAreKept) {
    const auto driver = connected();
    TinyLoop loop(driver);
    const auto sub = driver->subscribe("quiet", {}).value();
    const auto waiting = std::make_shared<NextOperation>(sub);
    waiting->begin(far_away);
    loop.begin(*waiting);
    // The first time it is back at once; a server that goes on like this is given a pause.
    for (std::size_t lost = 1; lost <= 3; ++lost) {
        server.cut();
        const Time late = monotonic_now() + 3s;
        const auto back = [&] {
            const Inside inside(*driver);
            return server.connections() > lost && driver->session().is_connected();
        };
        // Only turns that somebody asks for: a loop that sleeps looks at no clock.
        while (!back() && monotonic_now() < late) loop.turn(late - monotonic_now());
        ASSERT_LT(monotonic_now(), late);
    }
}

TEST_F(DriverSeats, ACallerTakesOverFromALoopThatIsBusy) {
    const auto driver = connected();
    const auto waiting = driver->request("slow.x", "", {}, far_away);
    TinyLoop busy(driver);
    busy.begin(*waiting);  // it leads, and makes no turn
    std::thread caller([&] {
        const auto reply = driver->request("echo.x", "caller", {}, far_away);
        EXPECT_FALSE(driver->wait(*reply));
        EXPECT_EQ(payload(reply->take()), "caller");
    });
    caller.join();
    TinyLoop other(driver);
    EXPECT_EQ(payload(other.run(driver->request("echo.x", "loop", {}, far_away))), "loop");
    driver->cancel(*waiting);
    EXPECT_EQ(busy.turn(), std::vector<std::uint64_t>{1});
}

TEST_F(DriverSeats, ALoopHearsOfWhatOthersRead) {
    const auto driver = connected();
    const auto sub = driver->subscribe("x", {}).value();
    std::atomic<bool> waits{false};
    std::thread thread([&] {
        TinyLoop loop(driver);
        const auto next = std::make_shared<NextOperation>(sub);
        next->begin(far_away);
        loop.begin(*next);
        waits = true;
        while (!next->done()) loop.turn();
        EXPECT_EQ(payload(next->take()), "here");
    });
    EXPECT_TRUE(becomes_true([&] { return waits.load(); }));
    // This thread leads when the message comes.
    const auto reply = driver->request("slow.x", "", {}, far_away);
    ASSERT_FALSE(driver->publish("x", "here", {}, {}));
    thread.join();
    driver->cancel(*reply);
}

TEST_F(DriverSeats, LoopsAndCallersAllGetWhatIsTheirs) {
    constexpr int requests = 1000;
    const auto driver = connected();
    const auto check = [&](auto ask, const std::string& name) {
        for (int i = 0; i < requests; ++i) {
            const std::string mine = name + std::to_string(i);
            ASSERT_EQ(payload(ask(mine)), mine);
        }
    };
    std::vector<std::thread> threads;
    for (int n = 0; n < 3; ++n) {
        threads.emplace_back([&, n] {
            TinyLoop loop(driver);
            check(
                [&](const std::string& x) {
                    return loop.run(driver->request("echo.x", x, {}, far_away));
                },
                "loop " + std::to_string(n) + " ");
        });
        threads.emplace_back([&, n] {
            check(
                [&](const std::string& x) {
                    const auto reply = driver->request("echo.x", x, {}, far_away);
                    EXPECT_FALSE(driver->wait(*reply));
                    return reply->take();
                },
                "caller " + std::to_string(n) + " ");
        });
    }
    for (auto& thread : threads) thread.join();
}

TEST_F(DriverSeats, ManyWaitOnOneLoop) {
    constexpr int most = 1000;
    const auto driver = connected();
    TinyLoop loop(driver);
    std::vector<std::shared_ptr<ResultState<Message>>> replies;
    for (int i = 0; i < most; ++i) {
        replies.push_back(driver->request("echo.x", std::to_string(i), {}, far_away));
        loop.begin(*replies.back());
    }
    std::unordered_map<std::uint64_t, int> told;
    while (told.size() < most) {
        for (const std::uint64_t token : loop.turn()) ++told[token];
    }
    for (const auto& [token, times] : told) {
        EXPECT_EQ(times, 1) << token;
        EXPECT_EQ(payload(replies.at(token - 1)->take()), std::to_string(token - 1));
        loop.seat.forget(token);
    }
}

TEST_F(DriverSeats, ASeatMayGoWhileItsLoopWaits) {
    const auto driver = connected();
    const auto reply = driver->request("slow.x", "", {}, far_away);
    const auto sub = driver->subscribe("x", {}).value();
    {
        TinyLoop loop(driver);
        loop.begin(*reply);
    }
    driver->cancel(*reply);  // tells nobody
    ASSERT_FALSE(driver->publish("x", "1", {}, {}));
    EXPECT_TRUE(becomes_true([&] { return sub->pending() == 1; }));
}

TEST_F(DriverSeats, WhatNobodyTookIsGivenBack) {
    const auto driver = connected();
    TinyLoop loop(driver);
    const auto sub = driver->subscribe("x", {}).value();
    const auto begin = [&] {
        auto next = std::make_shared<NextOperation>(sub);
        next->begin(far_away);
        loop.begin(*next);
        return next;
    };
    auto first = begin(), second = begin();
    ASSERT_FALSE(driver->publish("x", "1", {}, {}));
    while (!first->done()) loop.turn();
    EXPECT_FALSE(second->done());
    first->abandon();  // as a cancelled task does
    while (!second->done()) loop.turn();
    EXPECT_EQ(payload(second->take()), "1");
}

TEST_F(DriverSeats, NothingBlocksWhereThatIsForbidden) {
    const auto driver = connected();
    driver->never_block(true);
    const auto reply = driver->request("slow.x", "", {}, far_away);
    const auto refusal = driver->wait(*reply);
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->code(), ErrorCode::usage_error);
    const auto sub = driver->subscribe("x", {}).value();
    Message message;
    EXPECT_EQ(sub->next(message, far_away), Waited::interrupted);
    EXPECT_EQ(sub->next(message, 0s), Waited::timed_out);
    driver->cancel(*reply);
}

TEST_F(DriverSeats, RoomAndEventsAreNews) {
    const auto driver = connected();
    TinyLoop loop(driver);
    EXPECT_TRUE(loop.run(driver->room()).ok());  // there is room at once
    EXPECT_TRUE(loop.run(driver->event()).ok());
    while (driver->session().next_event()) {
    }
    const auto event = driver->event();
    loop.begin(*event);
    driver->reconnect();
    while (!event->done()) loop.turn();
    const Inside inside(*driver);
    EXPECT_TRUE(driver->session().next_event());
}

}  // namespace
