// The host of event loops, driven by a loop of a few lines on poll(): what is told to whom, that
// nobody is told twice or forgotten, and that nothing here ever waits. The server is an echo in
// another thread; every turn of the loop has a deadline.
#include <poll.h>

#include <algorithm>

#include <gtest/gtest.h>

#include <anynats/error_types.hpp>
#include "../support/echo_server.hpp"
#include "../support/watch.hpp"
#include "drive/loop_host.hpp"
#include "drive/next_operation.hpp"
#include "net/sys.hpp"

namespace {

using namespace anynats;
using namespace std::chrono_literals;
using test_support::EchoServer;

class LoopHostTest : public testing::Test {
protected:
    LoopHostTest() { connect({}); }

    void connect(Options options, const EchoServer* to = nullptr) {
        options.servers = {(to ? *to : server).url()};
        host = std::make_shared<LoopHost>(std::move(options));
        auto connected = host->connect();
        host->notify_done(*connected, 1);
        ASSERT_EQ(next_completions(), std::vector<std::uint64_t>{1});
        host->forget(1);
        ASSERT_TRUE(connected->result->ok());
    }

    /// One turn of a loop that waits for at most `most`.
    void turn(Duration most) {
        host->push();  // as a loop does at the end of each of its turns
        const Duration due = host->next_timeout() == never ? most : host->next_timeout() - now();
        const Duration wait = std::clamp<Duration>(due, 0s, most);
        pollfd fd{host->fd(), POLLIN, 0};
        ::poll(&fd, 1, static_cast<int>((wait + 999us) / 1ms));
        host->drive();
    }

    /// Turn until somebody is told something.
    std::vector<std::uint64_t> next_completions(Duration within = 10s) {
        const Time deadline = after(now(), within);
        for (;;) {
            std::vector<std::uint64_t> told = host->take_completions();
            if (!told.empty() || now() >= deadline) return told;
            turn(deadline - now());
        }
    }

    std::shared_ptr<SubscriptionQueue> subscribe(std::string_view subject) {
        return host->subscribe(subject, {}).value();
    }
    std::shared_ptr<NextOperation> await_next(const std::shared_ptr<SubscriptionQueue>& queue,
                                              std::uint64_t token) {
        auto next = std::make_shared<NextOperation>(queue);
        next->begin(10s);
        host->notify_done(*next, token);
        return next;
    }
    static Time now() { return monotonic_now(); }

    const test_support::EndsWithin limit{60};
    EchoServer server;
    std::shared_ptr<LoopHost> host;
};

using Tokens = std::vector<std::uint64_t>;

TEST_F(LoopHostTest, TellsWhenAnOperationIsDone) {
    auto request = host->request("echo.x", "hello", {}, 10s);
    host->notify_done(*request, 7);
    EXPECT_EQ(next_completions(), Tokens{7});
    ASSERT_TRUE(request->result->ok());
    EXPECT_EQ((*request->result)->payload(), "hello");
    host->forget(7);
    host->notify_done(*request, 8);  // it is done already
    EXPECT_EQ(host->take_completions(), Tokens{8});
    EXPECT_TRUE(host->take_completions().empty());
}

TEST_F(LoopHostTest, SendsTheFirstOfATurnAtOnceAndTheRestTogether) {
    const auto waiting = [&] { return host->session().size_to_send(); };
    turn(0s);
    const auto first = host->request("echo", "1", {}, 10s);
    EXPECT_EQ(waiting(), 0u);
    EXPECT_FALSE(host->has_more());
    const auto second = host->request("echo", "2", {}, 10s);
    const auto third = host->request("echo", "3", {}, 10s);
    EXPECT_GT(waiting(), 0u);
    EXPECT_TRUE(host->has_more());
    host->push();
    EXPECT_EQ(waiting(), 0u);
    host->notify_done(*third, 7);
    EXPECT_EQ(next_completions(), Tokens{7});
    EXPECT_TRUE(first->done() && second->done());
    const auto fourth = host->request("echo", "4", {}, 10s);  // what was told ended a turn
    EXPECT_EQ(waiting(), 0u);
    host->cancel(*fourth);
}

TEST_F(LoopHostTest, KeepsDeadlines) {
    auto late = host->request("slow.x", "", {}, 20ms);
    host->notify_done(*late, 1);
    EXPECT_EQ(next_completions(), Tokens{1});
    EXPECT_EQ(late->result->error().code(), ErrorCode::timeout_error);
}

TEST_F(LoopHostTest, CancellingTellsToo) {
    auto request = host->request("slow.x", "", {}, 10s);
    host->notify_done(*request, 1);
    host->cancel(*request);
    EXPECT_EQ(host->take_completions(), Tokens{1});
}

TEST_F(LoopHostTest, TellsOneWaiterOfEachMessage) {
    auto queue = subscribe("x");
    const auto first = await_next(queue, 1), second = await_next(queue, 2);
    ASSERT_FALSE(host->publish("x", "one", {}, {}));
    EXPECT_EQ(next_completions(), Tokens{1});
    EXPECT_EQ(first->take()->payload(), "one");
    host->forget(1);
    // It never waits: `interrupted` means that somebody must ask to be told.
    Message message;
    EXPECT_EQ(queue->next(message, 10s), Waited::interrupted);
    EXPECT_EQ(queue->next(message, 0s), Waited::timed_out);
    ASSERT_FALSE(host->publish("x", "two", {}, {}));
    EXPECT_EQ(next_completions(), Tokens{2});
    EXPECT_EQ(second->take()->payload(), "two");
}

TEST_F(LoopHostTest, AWaiterThatGivesUpPassesTheMessageOn) {
    auto queue = subscribe("x");
    const auto first = await_next(queue, 1);
    auto second = await_next(queue, 2);
    ASSERT_FALSE(host->publish("x", "one", {}, {}));
    EXPECT_EQ(next_completions(), Tokens{1});
    first->abandon();  // told, but cancelled before it looked
    host->forget(1);
    EXPECT_EQ(next_completions(), Tokens{2});
    second.reset();
    host->forget(2);
    const auto third = await_next(queue, 3);  // one is here
    EXPECT_EQ(host->take_completions(), Tokens{3});
    EXPECT_EQ(third->take()->payload(), "one");
}

TEST_F(LoopHostTest, SeveralMessagesAtOnceReachSeveralWaiters) {
    auto queue = subscribe("x");
    std::vector<std::shared_ptr<NextOperation>> waits;
    for (std::uint64_t token = 1; token <= 3; ++token) waits.push_back(await_next(queue, token));
    for (const char* text : {"1", "2", "3"}) ASSERT_FALSE(host->publish("x", text, {}, {}));
    Tokens told;
    while (told.size() < 3) {
        const Tokens more = next_completions();
        ASSERT_FALSE(more.empty());
        told.insert(told.end(), more.begin(), more.end());
    }
    EXPECT_EQ(told, (Tokens{1, 2, 3}));
    for (int i = 0; i < 3; ++i) EXPECT_EQ(waits[i]->take()->payload(), std::to_string(i + 1));
}

TEST_F(LoopHostTest, TheEndOfASubscriptionTellsAll) {
    auto queue = subscribe("x");
    const auto first = await_next(queue, 1), second = await_next(queue, 2);
    queue->unsubscribe(0);
    EXPECT_EQ(next_completions(), (Tokens{1, 2}));
    EXPECT_EQ(second->take().error().code(), ErrorCode::closed);
    Message message;
    EXPECT_EQ(queue->next(message, 10s), Waited::ended);
    const auto late = await_next(queue, 3);
    EXPECT_EQ(host->take_completions(), Tokens{3});
}

TEST_F(LoopHostTest, AWaitKeepsItsSubscription) {
    auto queue = subscribe("x");
    const auto wait = await_next(queue, 1);
    queue.reset();
    ASSERT_FALSE(host->publish("x", "kept", {}, {}));
    EXPECT_EQ(next_completions(), Tokens{1});
    EXPECT_EQ(wait->take()->payload(), "kept");
    host->forget(1);
    host->forget(1);  // once more does no harm
}

TEST_F(LoopHostTest, NeverBlocksAPublisherButTellsOfRoom) {
    EchoServer slow(SIZE_MAX, 16 << 10);
    Options options;
    options.pending_limit = 300'000;
    connect(std::move(options), &slow);
    slow.read(false);
    const std::string payload(10'000, '.');
    std::uint64_t published = 0;
    for (;; ++published) {
        const std::optional<Error> refusal = host->publish("x", payload, {}, {});
        if (!refusal) continue;
        ASSERT_EQ(refusal->code(), ErrorCode::would_block);
        break;
    }
    const auto room = host->room();
    host->notify_done(*room, 5);
    EXPECT_TRUE(next_completions(50ms).empty());
    slow.read(true);
    EXPECT_EQ(next_completions(), Tokens{5});
    EXPECT_FALSE(host->publish("x", payload, {}, {}));
    auto flushed = host->flush(10s);
    host->notify_done(*flushed, 6);
    EXPECT_EQ(next_completions(), Tokens{6});
    EXPECT_EQ(slow.publishes(), published + 1);
}

TEST_F(LoopHostTest, TellsOfRoomThatAWriteMadeToo) {
    EchoServer slow;
    Options options;
    options.pending_limit = 1 << 20;
    connect(options, &slow);
    slow.read(false);
    const std::string payload(10'000, '.');
    while (!host->publish("x", payload, {}, {})) {
    }
    const auto room = host->room();
    host->notify_done(*room, 5);
    host->drive();
    ASSERT_TRUE(host->take_completions().empty());
    slow.read(true);
    // Writing alone, until all is sent: then nothing is watched for that would make a turn.
    ASSERT_TRUE(test_support::becomes_true([&] {
        host->push();
        return host->session().size_to_send() == 0;
    }));
    EXPECT_EQ(host->take_completions(), Tokens{5});
}

TEST_F(LoopHostTest, WaitingAndOtherThreadsAreRefused) {
    auto request = host->request("echo.x", "", {}, 10s);
    EXPECT_EQ(host->wait(*request)->code(), ErrorCode::usage_error);
    std::thread other([&] {
        EXPECT_THROW((void)host->publish("x", "y", {}, {}), UsageError);
        EXPECT_FALSE(host->try_enter());
    });
    other.join();
}

TEST_F(LoopHostTest, ComesBackAfterTheConnectionIsCut) {
    auto queue = subscribe("x");
    const auto wait = await_next(queue, 1);
    server.cut();
    ASSERT_TRUE(test_support::becomes_true([&] {
        turn(10ms);
        return server.connections() == 2 && host->session().state() == ConnectionState::connected;
    }));
    ASSERT_FALSE(host->publish("x", "again", {}, {}));
    EXPECT_EQ(next_completions(), Tokens{1});
}

}  // namespace
