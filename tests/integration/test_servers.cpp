// Finding, losing and finding servers again, with real ones: credentials, addresses, a restart on
// the same port, another server in place of one that is gone.
#include <mutex>
#include <stdexcept>

#include "../support/nats_server.hpp"
#include "../support/waiting.hpp"

namespace {

using namespace test_support;

class Servers : public testing::Test {
protected:
    static Options options_for(std::vector<std::string> urls) {
        Options options;
        options.servers = std::move(urls);
        options.randomize_servers = false;
        options.reconnect_wait_min = 10ms;
        options.reconnect_wait_max = 100ms;
        return options;
    }

    /// The error that a connect ends with.
    static ErrorCode refusal(Options options) {
        auto result = connect(std::move(options)).result();
        return result.ok() ? ErrorCode{} : result.error().code();
    }
    static ErrorCode refusal(const std::string& url) { return refusal(options_for({url})); }

    const EndsWithin limit{60};
};

TEST_F(Servers, AskForUserAndPassword) {
    NatsServer server("authorization { user: derek, password: s3cret }");
    Options options = options_for({server.url()});
    EXPECT_EQ(refusal(options), ErrorCode::authorization_error);
    options.user = "derek";
    options.password = "wrong";
    EXPECT_EQ(refusal(options), ErrorCode::authorization_error);
    options.password = "s3cret";
    connect(options).get().flush().get();
    connect(server.url("derek:s3cret")).get().flush().get();
    EXPECT_EQ(refusal(server.url("derek:wrong")), ErrorCode::authorization_error);
    const auto wrong = connect(server.url("derek:wrong")).result();
    EXPECT_EQ(std::string(wrong.error().what()).find("wrong"), std::string::npos);
}

TEST_F(Servers, AskForAToken) {
    NatsServer server("authorization { token: t0ken }");
    Options options = options_for({server.url()});
    EXPECT_EQ(refusal(options), ErrorCode::authorization_error);
    options.token = "wrong";
    EXPECT_EQ(refusal(options), ErrorCode::authorization_error);
    options.token = "t0ken";
    connect(options).get().flush().get();
    connect(server.url("t0ken")).get().flush().get();
}

TEST_F(Servers, TellWhatAUserMayNotDo) {
    NatsServer server(
        "authorization { users: [ { user: u, password: p, permissions: {"
        " publish: { deny: [forbidden, \"quiet.>\"] },"
        " subscribe: { deny: [secret, \"open q\"] } } } ] }");
    Client nc = connect(server.url("u:p")).get();
    Subscription secret = nc.subscribe("secret"), open = nc.subscribe("open");
    Subscription queued = nc.subscribe("open", {.queue = "q"});
    auto refused = nc.request("forbidden", "", far_away);
    EXPECT_THROW(refused.get(), PermissionViolation);
    EXPECT_THROW(nc.request("quiet.x", "", far_away).get(), PermissionViolation);
    for (Subscription* denied : {&secret, &queued}) {
        try {
            denied->next(far_away).get();
            ADD_FAILURE() << "a message that may not be seen";
        } catch (const Closed& error) {
            ASSERT_TRUE(error.cause());
            EXPECT_TRUE(error.cause()->is(ErrorCode::permission_violation));
        }
    }
    nc.publish("open", "still here");
    EXPECT_EQ(open.next(far_away).get().payload(), "still here");
    int told = 0;
    while (const auto event = nc.next_event()) {
        told += event->error && event->error->is(ErrorCode::permission_violation);
    }
    EXPECT_EQ(told, 4);
    EXPECT_EQ(nc.state(), ConnectionState::connected);
}

TEST_F(Servers, MayForbidReplies) {
    NatsServer server(
        "authorization { users: [ { user: u, password: p,"
        " permissions: { subscribe: { deny: \"_INBOX.>\" } } } ] }");
    Client nc = connect(server.url("u:p")).get();
    Subscription service = nc.subscribe("service");
    EXPECT_THROW(nc.request("service", "", far_away).get(), PermissionViolation);
    EXPECT_THROW(nc.request("service", "", far_away).get(), PermissionViolation);
    EXPECT_EQ(nc.state(), ConnectionState::connected);
}

TEST_F(Servers, MayNotBeThere) {
    std::string url;
    {
        const NatsServer server;
        url = server.url();
    }
    EXPECT_EQ(refusal(url), ErrorCode::connect_failed);
    NatsServer other;
    Client nc = connect(options_for({url, other.url()})).get();
    EXPECT_EQ(nc.server(), other.url());
    EXPECT_THROW(connect("http://127.0.0.1:1").get(), UsageError);
}

TEST_F(Servers, MayHaveIPv6Addresses) {
    if (!NatsServer::possible("::1")) GTEST_SKIP() << "no IPv6 on this machine";
    NatsServer server({}, "::1");
    Client nc = connect(server.url()).get();
    Subscription sub = nc.subscribe("six");
    nc.publish("six", "::1");
    EXPECT_EQ(sub.next(far_away).get().payload(), "::1");
}

TEST_F(Servers, AreFoundByName) {
    NatsServer server;
    const std::string port = server.url().substr(server.url().rfind(':'));
    connect("nats://localhost" + port).get().flush().get();
}

TEST_F(Servers, ComeBackAndNothingIsForgotten) {
    NatsServer server;
    Client nc = connect(options_for({server.url()})).get();
    Subscription sub = nc.subscribe("s.*"), three = nc.subscribe("three"),
                 over = nc.subscribe("over");
    three.unsubscribe(3);
    nc.publish("three", "0");
    nc.flush().get();
    over.unsubscribe();
    Subscription silent = nc.subscribe("silent");
    auto request = nc.request("silent", "?", far_away);
    nc.flush().get();

    server.kill();
    EXPECT_THROW(request.get(), Disconnected);
    ASSERT_TRUE(becomes_true([&] { return nc.state() == ConnectionState::reconnecting; }));
    for (int i = 0; i < 100; ++i) nc.publish("s.x", std::to_string(i));
    for (int i = 1; i < 5; ++i) nc.publish("three", std::to_string(i));
    nc.publish("over", "");
    Subscription later = nc.subscribe("later");
    nc.publish("later", "subscribed while disconnected");
    auto flushed = nc.flush(far_away);
    server.start();

    for (int i = 0; i < 100; ++i) ASSERT_EQ(sub.next(far_away).get().payload(), std::to_string(i));
    for (int i = 0; i < 3; ++i) EXPECT_EQ(three.next(far_away).get().payload(), std::to_string(i));
    EXPECT_THROW(three.next(far_away).get(), Closed);
    EXPECT_THROW(over.next(far_away).get(), Closed);
    EXPECT_EQ(later.next(far_away).get().payload(), "subscribed while disconnected");
    flushed.get();
    EXPECT_EQ(nc.counters().reconnects, 1u);
    EXPECT_EQ(nc.counters().lost_publishes, 0u);
    EXPECT_THROW(nc.request("nobody.home", "").get(), NoResponders);
}

TEST_F(Servers, ComeBackAgainAndAgain) {
    NatsServer server;
    Client nc = connect(options_for({server.url()})).get();
    Subscription sub = nc.subscribe("again");
    std::atomic<bool> done{false};
    Waiting requester([&] {  // waits, and reads, while all that happens
        while (!done) {
            const auto result = nc.request("nobody.home", "?", far_away).result();
            EXPECT_TRUE(result.error().is(ErrorCode::no_responders) ||
                        result.error().is(ErrorCode::disconnected))
                << result.error().what();
        }
    });
    for (int i = 0; i < 5; ++i) {
        server.kill();
        server.start();
        nc.flush(far_away).detach();
        nc.publish("again", std::to_string(i));
        ASSERT_TRUE(becomes_true([&] {
            // What was handed to the socket of a server that died is gone: say it again.
            if (sub.try_next()) return true;
            nc.publish("again", std::to_string(i));
            return false;
        }));
    }
    done = true;
    EXPECT_GE(nc.counters().reconnects, 1u);
}

TEST_F(Servers, TakeOverFromOneThatIsGone) {
    auto first = std::make_unique<NatsServer>();
    NatsServer second;
    Client nc = connect(options_for({first->url(), second.url()})).get();
    Client witness = connect(second.url()).get();
    ASSERT_EQ(nc.server(), first->url());
    Subscription sub = nc.subscribe("x");
    nc.flush().get();
    Waiting waits([&] { EXPECT_EQ(sub.next(far_away).get().payload(), "from the second"); });
    ASSERT_TRUE(waits.sleeps());
    first.reset();
    ASSERT_TRUE(becomes_true([&] { return nc.counters().reconnects == 1; }));
    nc.flush(far_away).get();
    EXPECT_EQ(nc.server(), second.url());
    witness.publish("x", "from the second");
}

TEST_F(Servers, AreLeftWhenTheySayGoodbye) {
    NatsServer first, second;
    Client nc = connect(options_for({first.url(), second.url()})).get();
    Client stays = connect(options_for({first.url()})).get();
    Client witness = connect(second.url()).get();
    Subscription sub = nc.subscribe("x");
    Subscription silent = stays.subscribe("silent");
    stays.flush().get();
    auto open = nc.request("silent", "?", 1s);  // has a second to end here
    nc.flush().get();
    first.signal(SIGUSR2);
    ASSERT_TRUE(becomes_true([&] { return nc.counters().reconnects == 1; }));
    EXPECT_THROW(open.get(), TimeoutError);
    EXPECT_EQ(nc.server(), second.url());
    nc.flush(far_away).get();
    witness.publish("x", "from the second");
    EXPECT_EQ(sub.next(far_away).get().payload(), "from the second");
    EXPECT_EQ(stays.state(), ConnectionState::connected) << "it has nowhere to go";
}

TEST_F(Servers, AreLeftWhenTheUserSaysSo) {
    NatsServer first, second;
    Client nc = connect(options_for({first.url(), second.url()})).get();
    Subscription sub = nc.subscribe("x");
    nc.flush().get();
    for (const NatsServer* next : {&second, &first, &second}) {
        nc.reconnect();
        nc.publish("x", "");
        sub.next(far_away).get();
        EXPECT_EQ(nc.server(), next->url());
    }
    EXPECT_EQ(nc.counters().reconnects, 3u);
}

TEST_F(Servers, AreChosenByTheUser) {
    NatsServer first, second;
    Options options = options_for({first.url(), second.url()});
    std::mutex mutex;
    std::vector<std::size_t> sizes;
    std::size_t next = 1;
    options.choose_server = [&](const std::vector<ServerCandidate>& pool) {
        const std::lock_guard lock(mutex);
        sizes.push_back(pool.size());
        for (std::size_t i = 0; i < pool.size(); ++i) {
            if (pool[i].url == (next == 0 ? first : second).url()) return ServerChoice{i};
        }
        throw std::runtime_error("not in the pool");
    };
    Client nc = connect(options).get();
    EXPECT_EQ(nc.server(), second.url());
    nc.reconnect();
    nc.flush(far_away).get();
    EXPECT_EQ(nc.server(), second.url()) << "chosen again";
    {
        const std::lock_guard lock(mutex);
        next = 0;
    }
    nc.reconnect();
    nc.flush(far_away).get();
    EXPECT_EQ(nc.server(), first.url());
    const std::lock_guard lock(mutex);
    EXPECT_EQ(sizes, (std::vector<std::size_t>{2, 2, 2}));
}

TEST_F(Servers, AreTheNextOfThePoolWhenTheChoiceFails) {
    NatsServer first, second;
    Options options = options_for({first.url(), second.url()});
    options.choose_server = [](const std::vector<ServerCandidate>&) -> ServerChoice {
        throw std::runtime_error("no idea");
    };
    Client nc = connect(options).get();
    EXPECT_EQ(nc.server(), first.url());
    EXPECT_EQ(nc.counters().callback_errors, 1u);
}

TEST_F(Servers, AreGivenUpWhenToldSo) {
    auto server = std::make_unique<NatsServer>();
    Options options = options_for({server->url()});
    options.reconnect = false;
    Client nc = connect(options).get();
    options.reconnect = true;
    options.max_reconnects = 2;
    Client patient = connect(options).get();
    Subscription sub = nc.subscribe("x"), other = patient.subscribe("x");
    server.reset();
    EXPECT_THROW(sub.next(far_away).get(), Closed);
    EXPECT_THROW(other.next(far_away).get(), Closed);
    EXPECT_TRUE(patient.last_error()->is(ErrorCode::no_servers));
}

TEST_F(Servers, MayComeLater) {
    NatsServer server;
    server.kill();
    Options options = options_for({server.url()});
    options.retry_on_failed_connect = true;
    Client nc = connect(options).get();
    Subscription sub = nc.subscribe("early");
    nc.publish("early", "bird");
    server.start();
    EXPECT_EQ(sub.next(far_away).get().payload(), "bird");
}

}  // namespace
