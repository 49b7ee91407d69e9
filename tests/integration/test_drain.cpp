// Ending in order with threads and a real server: a loop's body is waited for, a loop that was left
// is not, and what was on the way either way arrives.
#include <thread>

#include "../support/nats_server.hpp"
#include "../support/waiting.hpp"

namespace {

using namespace test_support;

class Drain : public testing::Test {
protected:
    NatsServer server;
    Client nc = connect(server.url()).get();
    Client other = connect(server.url()).get();
    const EndsWithin limit{60};
};

TEST_F(Drain, OfASubscriptionKeepsWhatCame) {
    Subscription sub = nc.subscribe("a");
    nc.flush().get();
    for (int i = 0; i < 1'000; ++i) other.publish("a", std::to_string(i));
    other.flush().get();
    sub.drain().get();
    other.publish("a", "too late");
    other.flush().get();
    nc.flush().get();
    int n = 0;
    for (const Message& message : sub) EXPECT_EQ(message.payload(), std::to_string(n++));
    EXPECT_EQ(n, 1'000);
    EXPECT_EQ(nc.state(), ConnectionState::connected);
}

TEST_F(Drain, WaitsForTheBodiesOfLoops) {
    constexpr int workers = 4, n = 2'000;
    Subscription answers = other.subscribe("answers");
    Subscription questions = other.subscribe("questions");
    other.flush().get();
    std::vector<std::thread> threads;
    std::vector<Subscription> subs;
    for (int i = 0; i < workers; ++i) subs.push_back(nc.subscribe("work", {.queue = "w"}));
    nc.flush().get();
    for (Subscription& sub : subs) {
        threads.emplace_back([this, sub]() mutable {
            for (const Message& message : sub) {
                if (message.payload().back() == '7') nc.request("questions", "?").get();
                nc.publish("answers", message.payload());
            }
        });
    }
    std::thread oracle([&] {
        for (const Message& message : questions) other.publish(message.reply(), "!");
    });
    for (int i = 0; i < n; ++i) other.publish("work", std::to_string(i));
    other.flush().get();
    nc.drain(far_away).get();
    EXPECT_EQ(nc.state(), ConnectionState::closed);
    for (std::thread& thread : threads) thread.join();
    questions.unsubscribe();
    oracle.join();
    other.flush().get();
    EXPECT_EQ(answers.pending(), static_cast<std::size_t>(n));
}

TEST_F(Drain, DoesNotWaitForALoopThatWasLeft) {
    Subscription sub = nc.subscribe("a");
    for (int i = 0; i < 3; ++i) nc.publish("a", "");
    nc.flush().get();
    for (const Message& message : sub) {
        EXPECT_EQ(message.payload(), "");
        break;
    }
    sub.next(far_away).get();
    sub.next(far_away).get();
    nc.drain(far_away).get();
}

TEST_F(Drain, NamesWhatIsLeft) {
    Subscription sub = nc.subscribe("left.over");
    nc.publish("left.over", "1");
    nc.flush().get();
    const auto result = nc.drain(100ms).result();
    ASSERT_FALSE(result.ok());
    EXPECT_TRUE(result.error().is(ErrorCode::timeout_error));
    EXPECT_NE(std::string(result.error().what()).find("left.over"), std::string::npos);
    EXPECT_EQ(nc.state(), ConnectionState::closed);
    EXPECT_EQ(sub.next().get().payload(), "1");
    EXPECT_THROW(sub.next().get(), Closed);
}

TEST_F(Drain, ADroppedSubscriptionIsNotWaitedFor) {
    auto sub = std::make_unique<Subscription>(nc.subscribe("a"));
    nc.publish("a", "1");
    nc.flush().get();
    auto drained = nc.drain(far_away);
    sub.reset();
    drained.get();
}

TEST_F(Drain, ManyReplies) {
    Subscription sub = other.subscribe("svc");
    other.flush().get();
    auto replies = nc.request_many("svc", "?", {.timeout = far_away, .max_messages = 3});
    const std::string reply(sub.next(far_away).get().reply());
    for (const char* payload : {"1", "2", "3"}) other.publish(reply, payload);
    std::string all;
    for (const Message& message : replies) all += message.payload();
    EXPECT_EQ(all, "123");
    auto none = nc.request_many("nobody", "?");
    EXPECT_THROW(none.next(far_away).get(), NoResponders);
    EXPECT_GT(nc.rtt().get(), Duration::zero());
}

}  // namespace
