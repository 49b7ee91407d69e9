// Core NATS over a real nats-server: what is published arrives where it should, whole and in order.
#include <map>
#include <thread>

#include <sys/resource.h>

#include "../support/nats_server.hpp"
#include "../support/waiting.hpp"

namespace {

using namespace test_support;

class Messages : public testing::Test {
protected:
    static void SetUpTestSuite() { server = std::make_unique<NatsServer>("max_payload: 65536"); }
    static void TearDownTestSuite() { server.reset(); }

    Client connected() { return connect(server->url()).get(); }

    static std::unique_ptr<NatsServer> server;
    const EndsWithin limit{60};
};

std::unique_ptr<NatsServer> Messages::server;

TEST_F(Messages, AreWaitedForWithoutSleepingIfOneSpins) {
    constexpr int n = 20;
    Options options;
    options.servers = {server->url()};
    options.spin = 1s;
    Client nc = connect(options).get(), other = connected();
    Subscription echo = other.subscribe("echo", [&](Message m) { other.publish(m.reply(), "!"); });
    other.flush().get();
    nc.request("echo", "?").get();
    const auto sleeps = [] {
        rusage usage{};
        ::getrusage(RUSAGE_THREAD, &usage);
        return usage.ru_nvcsw;
    };
    const long before = sleeps();
    for (int i = 0; i < n; ++i) EXPECT_EQ(nc.request("echo", "?").get().payload(), "!");
    EXPECT_LT(sleeps() - before, n / 2) << "each request slept";
}

TEST_F(Messages, ComeInOrder) {
    Client publisher = connected(), subscriber = connected();
    Subscription sub = subscriber.subscribe("order");
    subscriber.flush().get();
    for (int i = 0; i < 10'000; ++i) publisher.publish("order", std::to_string(i));
    for (int i = 0; i < 10'000; ++i)
        ASSERT_EQ(sub.next(far_away).get().payload(), std::to_string(i));
}

TEST_F(Messages, ReachWildcards) {
    Client nc = connected();
    Subscription one = nc.subscribe("a.*.c"), all = nc.subscribe("a.>"),
                 exact = nc.subscribe("a.b");
    for (const char* subject : {"a.b", "a.b.c", "a.x.c", "a.b.c.d", "b.b.c"}) {
        nc.publish(subject, subject);
    }
    nc.flush().get();
    const auto subjects = [](Subscription& sub) {
        std::vector<std::string> found;
        while (const auto message = sub.try_next()) found.emplace_back(message->subject());
        return found;
    };
    using Subjects = std::vector<std::string>;
    EXPECT_EQ(subjects(one), (Subjects{"a.b.c", "a.x.c"}));
    EXPECT_EQ(subjects(all), (Subjects{"a.b", "a.b.c", "a.x.c", "a.b.c.d"}));
    EXPECT_EQ(subjects(exact), (Subjects{"a.b"}));
}

TEST_F(Messages, AreSharedByAQueueGroup) {
    Client nc = connected();
    std::vector<Subscription> members;
    for (int i = 0; i < 3; ++i) members.push_back(nc.subscribe("work", {.queue = "workers"}));
    for (int i = 0; i < 300; ++i) nc.publish("work", "");
    nc.flush().get();
    std::size_t total = 0;
    for (const Subscription& member : members) {
        EXPECT_GT(member.pending(), 0u);
        total += member.pending();
    }
    EXPECT_EQ(total, 300u);
}

TEST_F(Messages, CarryHeaders) {
    Client nc = connected();
    Subscription sub = nc.subscribe("headers");
    const Headers headers{{"Unit", "C"}, {"unit", "K"}, {"Unit", "F"}, {"Empty", ""}};
    nc.publish("headers", "21.5", {.reply = "answers", .headers = headers});
    nc.publish("headers", "", {.headers = {{"Only", "headers"}}});
    const Message message = sub.next(far_away).get();
    EXPECT_EQ(message.headers(), headers);
    EXPECT_EQ(message.payload(), "21.5");
    EXPECT_EQ(message.reply(), "answers");
    const Message second = sub.next(far_away).get();
    EXPECT_EQ(*second.headers().get("Only"), "headers");
    EXPECT_EQ(second.payload(), "");
}

TEST_F(Messages, MayBeAsLargeAsTheServerAllows) {
    Client nc = connected();
    EXPECT_EQ(nc.max_payload(), 65536u);
    Subscription sub = nc.subscribe("large");
    for (const std::size_t size : {0u, 1u, 4096u, 65535u, 65536u}) {
        std::string payload(size, '\0');
        for (std::size_t i = 0; i < size; ++i) payload[i] = static_cast<char>(i * 7);
        nc.publish("large", payload);
        ASSERT_EQ(sub.next(far_away).get().payload(), payload);
    }
    EXPECT_THROW(nc.publish("large", std::string(65537, 'x')), MaxPayload);
    EXPECT_THROW(nc.publish("large", std::string(65536, 'x'), {.headers = {{"A", "b"}}}),
                 MaxPayload);
    EXPECT_THROW(nc.request("large", std::string(65537, 'x')).get(), MaxPayload);
    nc.flush().get();
    EXPECT_EQ(nc.counters().reconnects, 0u);
}

TEST_F(Messages, EndAfterAnAutomaticUnsubscribe) {
    Client nc = connected();
    Subscription sub = nc.subscribe("auto");
    sub.unsubscribe(3);
    for (int i = 0; i < 5; ++i) nc.publish("auto", std::to_string(i));
    for (int i = 0; i < 3; ++i) EXPECT_EQ(sub.next(far_away).get().payload(), std::to_string(i));
    EXPECT_THROW(sub.next(far_away).get(), Closed);
}

TEST_F(Messages, StopAfterUnsubscribe) {
    Client nc = connected();
    Subscription sub = nc.subscribe("stop");
    nc.publish("stop", "kept");
    nc.flush().get();
    sub.unsubscribe();
    nc.publish("stop", "not wanted");
    nc.flush().get();
    EXPECT_EQ(sub.next(far_away).get().payload(), "kept");
    EXPECT_THROW(sub.next(far_away).get(), Closed);
}

/// Answers until its subscription ends.
void respond(Client& nc, Subscription& sub) {
    for (const Message& message : sub) {
        nc.publish(message.reply(), "re: " + std::string(message.payload()));
    }
}

TEST_F(Messages, AreAnswered) {
    Client server_side = connected(), nc = connected();
    Subscription service = server_side.subscribe("service");
    server_side.flush().get();
    std::thread responder([&] { respond(server_side, service); });
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 200; ++i) {
                const std::string text = std::to_string(t) + ' ' + std::to_string(i);
                EXPECT_EQ(nc.request("service", text, far_away).get().payload(), "re: " + text);
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    std::vector<Operation<Message>> together;
    for (int i = 0; i < 100; ++i) {
        together.push_back(nc.request("service", std::to_string(i), far_away));
    }
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(together[i].get().payload(), "re: " + std::to_string(i));
    }
    service.unsubscribe();
    responder.join();
}

TEST_F(Messages, ThatNobodyAnswersSaySo) {
    Client nc = connected();
    EXPECT_THROW(nc.request("nobody.home", "?", far_away).get(), NoResponders);
    Subscription silent = nc.subscribe("silent");
    EXPECT_THROW(nc.request("silent", "?", 50ms).get(), TimeoutError);
}

TEST_F(Messages, AreNotEchoedToWhoDoesNotWantThem) {
    Options options;
    options.servers = {server->url()};
    options.echo = false;
    Client nc = connect(options).get(), other = connected();
    Subscription sub = nc.subscribe("echo");
    nc.publish("echo", "mine");
    nc.flush().get();
    other.publish("echo", "another's");
    EXPECT_EQ(sub.next(far_away).get().payload(), "another's");
}

TEST_F(Messages, PassAVerboseAndPedanticServer) {
    Options options;
    options.servers = {server->url()};
    options.verbose = options.pedantic = true;
    Client nc = connect(options).get();
    Subscription sub = nc.subscribe("verbose.*", {.queue = "q"});
    for (int i = 0; i < 100; ++i) nc.publish("verbose.x", std::to_string(i));
    for (int i = 0; i < 100; ++i) ASSERT_EQ(sub.next(far_away).get().payload(), std::to_string(i));
    EXPECT_THROW(nc.request("nobody.home", "").get(), NoResponders);
    EXPECT_EQ(nc.counters().protocol_errors, 0u);
}

TEST_F(Messages, WithBadSubjectsAreNotSent) {
    Client nc = connected();
    for (const char* subject : {"", "a b", "a\r\nPUB x 0\r\n", ".a", "a..b"}) {
        EXPECT_THROW(nc.publish(subject, ""), UsageError) << subject;
    }
    EXPECT_THROW(nc.subscribe("a b"), UsageError);
    EXPECT_THROW(nc.subscribe("a", {.queue = "a b"}), UsageError);
    EXPECT_THROW(nc.publish("a", "", {.headers = {{"A", "b\r\nC: d"}}}), UsageError);
    nc.flush().get();
    EXPECT_EQ(nc.counters().reconnects, 0u);
}

}  // namespace
