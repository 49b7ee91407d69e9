// Callbacks and coroutines over a real nats-server: services, queue groups, a stream that is too
// fast, and a server that is restarted under them.
#include <map>
#include <thread>

#include "../support/async.hpp"
#include "../support/nats_server.hpp"

namespace {

using namespace test_support;

class Callbacks : public testing::Test {
protected:
    Options options() const {
        Options options;
        options.servers = {server.url()};
        options.reconnect_wait_min = 10ms;
        options.reconnect_wait_max = 100ms;
        return options;
    }
    Client connected() const { return connect(options()).get(); }

    const EndsWithin limit{100};
    NatsServer server;
};

TEST_F(Callbacks, AnswerRequests) {
    Client service = connected(), nc = connected();
    Subscription squares = service.subscribe("square", [&](const Message& message) {
        const int n = std::stoi(std::string(message.payload()));
        service.publish(message.reply(), std::to_string(n * n));
    });
    service.flush(far_away).get();
    std::atomic<int> answers{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 200; ++i) {
                const int n = t * 200 + i;
                const auto is_right = [n](const Message& reply) {
                    return reply.payload() == std::to_string(n * n);
                };
                auto request = nc.request("square", std::to_string(n), far_away);
                if (i % 2) {
                    answers += is_right(request.get());
                } else {
                    request.then([&, is_right](const Result<Message>& reply) {
                        answers += reply.ok() && is_right(*reply);
                    });
                }
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_TRUE(becomes_true([&] { return answers == 800; }));
}

TEST_F(Callbacks, ShareTheWorkOfAQueueGroup) {
    Client nc = connected();
    std::array<std::atomic<int>, 3> done{};
    std::vector<Subscription> members;
    for (auto& mine : done) {
        members.push_back(
            nc.subscribe("work", [&mine](const Message&) { ++mine; }, {.queue = "workers"}));
    }
    for (int i = 0; i < 300; ++i) nc.publish("work", "");
    EXPECT_TRUE(becomes_true([&] { return done[0] + done[1] + done[2] == 300; }));
    for (const auto& mine : done) EXPECT_GT(mine, 0);
}

TEST_F(Callbacks, AreReadForAtOnce) {
    Client nc = connected(), other = connected();
    std::atomic<int> got{0};
    Subscription sub = nc.subscribe("x", [&](const Message&) { ++got; });
    // A thread that leaves off reading leaves it to nobody for 10 ms, if nobody waits.
    auto fastest = std::chrono::steady_clock::duration::max();
    for (int i = 1; i <= 50; ++i) {
        nc.flush(far_away).get();
        const auto begin = std::chrono::steady_clock::now();
        other.publish("x", "");
        ASSERT_TRUE(becomes_true([&] { return got == i; }));
        fastest = std::min(fastest, std::chrono::steady_clock::now() - begin);
    }
    EXPECT_LT(fastest, 5ms);
}

TEST_F(Callbacks, AreTooSlowWithoutHarm) {
    constexpr int many = 5'000;
    Options with_events = options();
    std::atomic<int> slow{0};
    with_events.on_event = [&](const Event& event) {
        slow += event.kind == Event::Kind::slow_consumer;
    };
    Client nc = connect(with_events).get(), publisher = connected();
    Gate begun, go_on;
    std::atomic<int> got{0};
    std::atomic<bool> last_came{false};
    Subscription sub =
        nc.subscribe("fast",
                     [&](const Message& message) {
                         ++got;
                         begun.open();
                         go_on.wait();
                         last_came = message.payload() == "last";
                     },
                     {.pending_messages = 100, .slow_consumer = SlowConsumerPolicy::drop_old});
    nc.flush(far_away).get();
    publisher.publish("fast", "first");
    ASSERT_TRUE(begun.wait());
    const std::string payload(1000, '.');
    for (int i = 0; i < many; ++i) publisher.publish("fast", payload);
    publisher.publish("fast", "last");
    publisher.flush(far_away).get();
    nc.flush(far_away).get();  // the server has sent all of it before
    EXPECT_EQ(sub.pending(), 100u);
    EXPECT_EQ(sub.dropped(), many + 1 - 100u);
    EXPECT_EQ(slow, 0);  // the one callback thread is held up
    go_on.open();
    EXPECT_TRUE(becomes_true([&] { return last_came.load(); }));
    EXPECT_EQ(got, 101);
    EXPECT_TRUE(becomes_true([&] { return slow == 1; }));
}

TEST_F(Callbacks, OutliveARestartOfTheServer) {
    std::mutex mutex;
    std::vector<std::string> told;
    Options with_events = options();
    with_events.on_event = [&](const Event& event) {
        const std::lock_guard<std::mutex> lock(mutex);
        told.emplace_back(to_string(event.kind));
    };
    const auto has = [&](std::string_view kind) {
        return becomes_true([&] {
            const std::lock_guard<std::mutex> lock(mutex);
            return std::find(told.begin(), told.end(), kind) != told.end();
        });
    };
    Client nc = connect(with_events).get();
    std::atomic<int> got{0};
    Subscription sub = nc.subscribe("x", [&](const Message&) { ++got; });
    nc.publish("x", "");
    EXPECT_TRUE(becomes_true([&] { return got == 1; }));
    std::atomic<int> failed{0};
    Subscription silent = nc.subscribe("silent");
    nc.request("silent", "", far_away).then([&](const Result<Message>& result) {
        failed += !result.ok() && result.error().is(ErrorCode::disconnected);
    });
    nc.flush(far_away).get();
    server.kill();
    EXPECT_TRUE(becomes_true([&] { return failed == 1; }));
    EXPECT_TRUE(has("disconnected"));
    nc.publish("x", "while nobody is there");
    server.start();
    EXPECT_TRUE(has("reconnected"));
    EXPECT_TRUE(becomes_true([&] { return got == 2; }));
    nc.close().get();
    EXPECT_EQ(told.front(), "connected");
    EXPECT_EQ(told.back(), "closed");
}

// --- coroutines ---------------------------------------------------------------------------------

Eager serve(Client nc, Subscription jobs) {
    for (;;) {
        auto job = co_await jobs.next().as_result();
        if (!job.ok()) co_return;
        nc.publish(job->reply(), "done: " + std::string(job->payload()));
    }
}

Lazy<int> order(Client nc, int count) {
    int right = 0;
    for (int i = 0; i < count; ++i) {
        Message reply = co_await nc.request("jobs", std::to_string(i), far_away);
        right += reply.payload() == "done: " + std::to_string(i);
    }
    co_await nc.flush(far_away);
    co_return right;
}

TEST_F(Callbacks, AndCoroutinesTalk) {
    Client service = connected(), nc = connected();
    Subscription jobs = service.subscribe("jobs");
    serve(service, jobs);
    service.flush(far_away).get();
    std::vector<Lazy<int>> clients;
    for (int i = 0; i < 20; ++i) clients.push_back(order(nc, 50));
    for (Lazy<int>& client : clients) client.start();
    for (Lazy<int>& client : clients) {
        ASSERT_TRUE(becomes_true([&] { return client.ended(); }));
        EXPECT_EQ(client.value(), 50);
    }
    jobs.unsubscribe();
}

}  // namespace
