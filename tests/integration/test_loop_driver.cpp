// LoopDriver over a real nats-server, in a loop of poll(): whatever a client can do, on one thread.
#include <poll.h>

#include <anynats/loop.hpp>

#include "../support/async.hpp"
#include "../support/nats_server.hpp"

namespace {

using namespace test_support;

class LoopDriverTest : public testing::Test {
protected:
    Options options() const {
        Options options;
        options.servers = {server.url()};
        options.reconnect_wait_min = 1ms;
        options.reconnect_wait_max = 20ms;
        return options;
    }
    /// Drive until `done`; false when that takes for ever.
    template <class Done>
    bool drive(LoopDriver& driver, Done done) {
        const Time give_up = driver.now() + far_away;
        while (!done()) {
            const bool again = driver.drive(false);
            const Time until = again ? driver.now() : std::min(driver.next_timeout(), give_up);
            const auto left = std::max(until - driver.now(), Duration::zero());
            pollfd fd{driver.fd(), POLLIN, 0};
            ::poll(&fd, 1,
                   static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count()));
            driver.drive();
            if (driver.now() >= give_up) return false;
        }
        return true;
    }

    const EndsWithin limit{60};
    NatsServer server;
};

TEST_F(LoopDriverTest, CallsBackInItsTurns) {
    const std::size_t threads_before = threads();
    Options all = options();
    std::vector<std::string> told;
    int chosen = 0;
    all.on_event = [&](const Event& event) { told.emplace_back(to_string(event.kind)); };
    all.choose_server = [&](const std::vector<ServerCandidate>&) {
        ++chosen;
        return ServerChoice{0, {}};
    };
    LoopDriver driver(all);
    Client& nc = driver.client();
    Subscription service =
        nc.subscribe("svc", [&](const Message& m) { nc.publish(m.reply(), "!"); });
    bool connected = false, flushed = false;
    driver.connected().then([&](const Result<Done>& result) { connected = result.ok(); });
    std::string reply;
    nc.request("svc", "?", far_away).then([&](const Result<Message>& result) {
        reply = result->payload();
        nc.flush().then([&](const Result<Done>& done) { flushed = done.ok(); });
    });
    EXPECT_EQ(reply, "");
    ASSERT_TRUE(drive(driver, [&] { return flushed; }));
    EXPECT_TRUE(connected);
    EXPECT_EQ(reply, "!");
    EXPECT_EQ(chosen, 1);
    Operation<Done> closing = nc.close();
    EXPECT_THROW(nc.flush().get(), UsageError);  // would block the loop
    ASSERT_TRUE(drive(driver, [&] { return closing.done() && driver.closed(); }));
    closing.get();
    driver.drive(false);
    EXPECT_EQ(told, (std::vector<std::string>{"connected", "closed"}));
    EXPECT_EQ(threads(), threads_before);
}

TEST_F(LoopDriverTest, ResumesCoroutines) {
    LoopDriver driver(options());
    Subscription sub = driver.client().subscribe("x");
    int right = 0;
    const auto take = [](Subscription numbers, int& count) -> Eager {
        for (;;) {
            auto message = co_await numbers.next().as_result();
            if (!message.ok()) co_return;
            count += message->payload() == std::to_string(count);
        }
    };
    take(sub, right);
    for (int i = 0; i < 500; ++i) driver.client().publish("x", std::to_string(i));
    ASSERT_TRUE(drive(driver, [&] { return right == 500; }));
    sub.unsubscribe();
    driver.drive(false);
}

TEST_F(LoopDriverTest, AsksForATurnOnceUntilItComes) {
    int asked = 0;
    LoopDriver driver(options(), {.drive_soon = [&] { ++asked; }});
    ASSERT_TRUE(
        drive(driver, [&] { return driver.client().state() == ConnectionState::connected; }));
    driver.drive(false);
    asked = 0;
    for (int i = 0; i < 5; ++i) driver.client().publish("x", "");
    EXPECT_EQ(asked, 1);
    EXPECT_FALSE(driver.drive(false));
    driver.client().publish("x", "");
    EXPECT_EQ(asked, 2);
    driver.drive(false);
    // Also for a callback of what is done already.
    int called = 0;
    driver.client().request("a b", "").then([&](const Result<Message>&) { ++called; });
    EXPECT_EQ(asked, 3);
    EXPECT_EQ(called, 0);
    driver.drive(false);
    EXPECT_EQ(called, 1);
}

TEST_F(LoopDriverTest, EndsWhatIsOpenWhenItGoes) {
    std::vector<ErrorCode> told;
    const auto tell = [&](const auto& result) { told.push_back(result.error().code()); };
    std::optional<Client> left_over;
    {
        LoopDriver driver(options());
        Subscription quiet = driver.client().subscribe("quiet");
        ASSERT_TRUE(
            drive(driver, [&] { return driver.client().state() == ConnectionState::connected; }));
        quiet.next().then(tell);
        driver.client().request("quiet", "?", far_away).then([&](const Result<Message>& result) {
            tell(result);
            left_over->flush().then(tell);  // is called back too
        });
        left_over = driver.client();
    }
    EXPECT_EQ(told, (std::vector<ErrorCode>(3, ErrorCode::closed)));
    EXPECT_THROW(left_over->publish("x", ""), Closed);
    EXPECT_THROW(left_over->flush().get(), Closed);
    EXPECT_THROW(left_over->flush().then(tell), UsageError);  // nobody would call it back
    left_over->close().get();
}

TEST_F(LoopDriverTest, BelongsToOneThread) {
    LoopDriver driver(options());
    std::thread([&] {
        EXPECT_FALSE(driver.here());
        EXPECT_THROW(driver.client().publish("x", ""), UsageError);
        driver.move_here();
        driver.client().publish("x", "");
    }).join();
    EXPECT_THROW(driver.drive(), UsageError);
    driver.move_here();
    driver.drive();
}

}  // namespace
