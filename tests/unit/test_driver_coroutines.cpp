// co_await in coroutines of the user's own types: an eager one that nobody waits for, and a lazy
// one that dies with its handle. The library brings no coroutine type.
#include <atomic>
#include <thread>

#include <anynats/anynats.hpp>

#include "../support/async.hpp"
#include "../support/echo_server.hpp"

namespace {

using namespace anynats;
using namespace std::chrono_literals;
using namespace test_support;

class DriverCoroutines : public testing::Test {
protected:
    Options options() {
        Options options;
        options.servers = {server.url()};
        options.stable_after = 1h;  // no timer helps by chance
        return options;
    }
    Client connected() { return connect(options()).get(); }

    const EndsWithin limit{120};
    EchoServer server;
    LaterExecutor later;
};

std::string text_of(const Message& message) {
    return std::string(message.payload());
}

// --- eager --------------------------------------------------------------------------------------

Eager converse(std::string url, std::string& said, Gate& done) {
    Client nc = co_await connect(url);
    Message reply = co_await nc.request("echo.x", "hello", far_away);
    said = text_of(reply);
    Subscription sub = nc.subscribe("x");
    nc.publish("x", " and");
    nc.publish("x", " more");
    co_await nc.flush(far_away);
    for (int i = 0; i < 2; ++i) {
        Message message = co_await sub.next(far_away);
        said += text_of(message);
    }
    auto nothing = co_await sub.next(1ms).as_result();
    if (!nothing.ok()) said += std::string(", ") + nothing.error().what();
    try {
        co_await nc.request("nobody", "", far_away);
    } catch (const NoResponders&) {
        said += ", nobody";
    }
    co_await nc.close();
    done.open();
}

TEST_F(DriverCoroutines, SayWhatBlockedCallersSay) {
    std::string said;
    Gate done;
    converse(server.url(), said, done);
    ASSERT_TRUE(done.wait());
    EXPECT_EQ(said, "hello and more, no message on \"x\" in time, nobody");
}

Eager echo(Client nc, int number, std::atomic<int>& right, std::atomic<int>& left) {
    for (int i = 0; i < 20; ++i) {
        const std::string text = std::to_string(number * 100 + i);
        Message reply = co_await nc.request("echo.x", text, far_away);
        right += reply.payload() == text;
    }
    --left;
}

TEST_F(DriverCoroutines, RunManyAtATime) {
    constexpr int many = 200;
    Client nc = connected();
    std::atomic<int> right{0}, left{many};
    for (int i = 0; i < many; ++i) echo(nc, i, right, left);
    EXPECT_TRUE(becomes_true([&] { return left == 0; }));
    EXPECT_EQ(right, many * 20);
}

Lazy<int> fail(Subscription sub) {
    co_await sub.next(far_away);
    throw std::runtime_error("failed");
    co_return 0;
}

TEST_F(DriverCoroutines, ThatThrowAreToldAsCallbacksAre) {
    Client nc = connected();
    Subscription sub = nc.subscribe("x");
    auto task = fail(sub);
    task.rethrow();
    task.start();
    nc.publish("x", "");
    EXPECT_TRUE(becomes_true([&] { return nc.counters().callback_errors == 1; }));
}

Eager count(Subscription sub, std::atomic<int>& counted, Gate& ended) {
    for (;;) {
        auto message = co_await sub.next().as_result();
        if (!message.ok()) break;
        EXPECT_EQ(message->payload(), std::to_string(counted));
        ++counted;
    }
    ended.open();
}

TEST_F(DriverCoroutines, TakeAStreamInOrder) {
    constexpr int messages = 10'000;
    Client nc = connected(), other = connected();
    std::atomic<int> counted{0};
    Gate ended;
    Subscription sub = nc.subscribe("x");
    count(sub, counted, ended);
    nc.flush(far_away).get();
    for (int i = 0; i < messages; ++i) other.publish("x", std::to_string(i));
    EXPECT_TRUE(becomes_true([&] { return counted == messages; }));
    sub.unsubscribe();
    EXPECT_TRUE(ended.wait());
}

// --- lazy ---------------------------------------------------------------------------------------

Lazy<int> ask(Client nc, int number) {
    Message reply = co_await nc.request("echo.x", std::to_string(number), far_away);
    co_return std::stoi(text_of(reply));
}

Lazy<int> sum(Client nc, int count, std::vector<std::thread::id>* seen = nullptr) {
    int total = 0;
    for (int i = 0; i < count; ++i) {
        auto one = ask(nc, i);
        int number = co_await one;
        total += number;
        if (seen) seen->push_back(std::this_thread::get_id());
    }
    co_return total;
}

TEST_F(DriverCoroutines, MayAwaitEachOther) {
    Client nc = connected();
    auto task = sum(nc, 100);
    task.start();
    ASSERT_TRUE(becomes_true([&] { return task.ended(); }));
    EXPECT_EQ(task.value(), 4950);
}

Lazy<int> requests(Client nc, int count, std::vector<std::thread::id>& seen) {
    int total = 0;
    for (int i = 0; i < count; ++i) {
        Message reply = co_await nc.request("echo.x", std::to_string(i), far_away);
        total += std::stoi(text_of(reply));
        seen.push_back(std::this_thread::get_id());
    }
    co_return total;
}

TEST_F(DriverCoroutines, GoOnWhereTheirPromiseSays) {
    Client nc = connected();
    std::vector<std::thread::id> seen;
    auto task = requests(nc, 10, seen);
    task.on(later.executor());
    task.start();
    ASSERT_TRUE(becomes_true([&] {
        later.run();
        return task.ended();
    }));
    EXPECT_EQ(task.value(), 45);
    EXPECT_EQ(seen, std::vector<std::thread::id>(10, std::this_thread::get_id()));
}

TEST_F(DriverCoroutines, GoOnWhereTheirClientSaysOtherwise) {
    Options with_executor = options();
    with_executor.executor = later.executor();
    Client nc = connect(with_executor).get();
    std::vector<std::thread::id> seen;
    auto task = requests(nc, 10, seen);
    task.start();
    ASSERT_TRUE(becomes_true([&] {
        later.run();
        return task.ended();
    }));
    EXPECT_EQ(seen, std::vector<std::thread::id>(10, std::this_thread::get_id()));
}

TEST_F(DriverCoroutines, MayGoOnInline) {
    Options inline_options = options();
    inline_options.inline_callbacks = true;
    Client nc = connect(inline_options).get();
    auto task = sum(nc, 1000);
    task.start();
    ASSERT_TRUE(becomes_true([&] { return task.ended(); }));
    EXPECT_EQ(task.value(), 499'500);
}

Lazy<std::string> next_of(Subscription sub) {
    Message message = co_await sub.next();
    co_return text_of(message);
}

TEST_F(DriverCoroutines, MayBeDestroyedWhileTheyWait) {
    Client nc = connected();
    Subscription sub = nc.subscribe("x");
    for (int i = 0; i < 100; ++i) {
        auto waits = next_of(sub);
        waits.start();
        auto asks = ask(nc, i);  // nobody runs what comes of it here: the executor is ours
        asks.on(later.executor());
        asks.start();
        auto taken = next_of(sub);
        taken.on(later.executor());
        taken.start();
    }
    nc.publish("x", "kept");
    EXPECT_EQ(sub.next(far_away).get().payload(), "kept");
    later.run();  // what was posted for coroutines that are gone
}

TEST_F(DriverCoroutines, DestroyedWithAMessageInHandGiveItBack) {
    Client nc = connected();
    Subscription sub = nc.subscribe("x");
    {
        auto waits = next_of(sub);
        waits.on(later.executor());
        waits.start();
        nc.publish("x", "kept");
        ASSERT_TRUE(becomes_true([&] { return later.size() == 1; }));
        EXPECT_FALSE(sub.try_next());
    }
    EXPECT_EQ(sub.next(far_away).get().payload(), "kept");
    later.run();
}

Lazy<ErrorCode> result_of(Operation<Message>& operation) {
    auto result = co_await operation.as_result();
    co_return result.ok() ? ErrorCode{} : result.error().code();
}

TEST_F(DriverCoroutines, LearnThatTheirOperationWasCancelled) {
    Client nc = connected();
    Subscription sub = nc.subscribe("x");
    auto request = nc.request("slow.x", "", far_away);
    auto next = sub.next(far_away).start();
    auto first = result_of(request), second = result_of(next);
    first.start();
    second.start();
    request.cancel();
    next.cancel();
    ASSERT_TRUE(becomes_true([&] { return first.ended() && second.ended(); }));
    EXPECT_EQ(first.value(), ErrorCode::cancelled);
    EXPECT_EQ(second.value(), ErrorCode::cancelled);
    nc.publish("x", "still there");
    EXPECT_EQ(sub.next(far_away).get().payload(), "still there");
}

TEST_F(DriverCoroutines, LearnThatTheirClientWasClosed) {
    std::optional<Client> nc = connected();
    Subscription sub = nc->subscribe("x");
    auto waits = next_of(sub);
    waits.start();
    nc->close().get();
    ASSERT_TRUE(becomes_true([&] { return waits.ended(); }));
    EXPECT_THROW(waits.value(), Closed);
}

}  // namespace
