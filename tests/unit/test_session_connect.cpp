// The handshake: its order, its one deadline, what may go wrong in it, whom it is told, and which
// server is tried next. I01, I18, I19, T09, T11, T12, T13; B05, B06, B09, B18, B24, B25, B28, B34,
// B36, B83, B86, B88.
#include "script.hpp"

using namespace script;

namespace {

Options three_servers() {
    Options options;
    options.servers = {"nats://s1:4001,nats://s2:4002", "nats://s3:4003"};
    options.randomize_servers = false;
    return options;
}

ErrorCode code_of(const std::shared_ptr<ResultState<Done>>& operation) {
    if (!operation->done() || operation->result->ok()) return ErrorCode::error;
    return operation->result->error().code();
}

TEST(SessionConnect, SaysConnectThenPingAndNothingBefore) {
    World world(one_server());
    const auto connected = world.connect_op();
    const auto sub = world.subscribe("early");
    world.publish("early", "bird");
    EXPECT_EQ(world.wire()->sent, "");
    world.server(info);
    EXPECT_EQ(world.wire()->sent.substr(0, 9), "CONNECT {");
    EXPECT_EQ(world.lines().size(), 2u);
    EXPECT_FALSE(connected->done());
    world.server("PONG\r\n");
    ASSERT_TRUE(connected->done());
    EXPECT_TRUE(connected->result->ok());
    EXPECT_EQ(world.lines(), (std::vector<std::string>{"SUB early 1", "PUB early 4"}));
    EXPECT_EQ(world.new_events(), (std::vector<std::string>{"connected"}));
    EXPECT_EQ(world.session().server(), "nats://s1:4001");
    EXPECT_EQ(world.wire()->host, "s1");
    EXPECT_EQ(world.wire()->port, 4001);
}

TEST(SessionConnect, EveryByteOfTheHandshakeMayComeAlone) {
    World world(one_server());
    world.read_piece = 1;
    world.write_piece = 1;
    world.connect();
    EXPECT_EQ(world.session().counters().protocol_errors, 0u);
}

TEST(SessionConnect, WhatFollowsThePongInTheSameReadIsNotLost) {
    World world(one_server());
    const auto sub = world.subscribe("a");
    world.settle();
    world.server(info);
    world.server("PONG\r\n" + info_with(R"("connect_urls":["x:1"])") + msg("a", 1, "first") +
                 "PING\r\n");
    EXPECT_EQ(world.take(sub), (std::vector<std::string>{"first"}));
    EXPECT_EQ(world.count(Event::Kind::discovered_servers), 1u);
    EXPECT_EQ(world.lines().back(), "PONG");
}

TEST(SessionConnect, OneDeadlineHoldsForTheWholeAttempt) {
    Options options = one_server();
    options.connect_timeout = 5s;
    World world(options);
    const auto connected = world.connect_op();
    world.settle();
    // A byte each second: it does not extend the deadline (T11).
    for (int i = 0; i < 4; ++i) {
        world.after(1s);
        world.server(info.substr(static_cast<std::size_t>(i), 1));
    }
    EXPECT_FALSE(connected->done());
    world.after(999ms);
    EXPECT_FALSE(connected->done());
    world.after(1ms);
    EXPECT_EQ(code_of(connected), ErrorCode::connect_timeout);
    EXPECT_EQ(world.session().state(), ConnectionState::closed);
    EXPECT_FALSE(world.wire()->open);
}

TEST(SessionConnect, TheDeadlineHoldsInEveryPhase) {
    for (int phase = 0; phase < 4; ++phase) {
        SCOPED_TRACE(phase);
        World world(one_server());
        world.dial = phase == 0 ? World::Dial::hold : World::Dial::accept;
        world.answer_authenticate = phase != 2;
        const auto connected = world.connect_op();
        if (phase >= 2) world.server(info);
        world.after(5s - 1ns);
        EXPECT_FALSE(connected->done());
        world.after(1ns);
        EXPECT_EQ(code_of(connected), ErrorCode::connect_timeout);
    }
}

TEST(SessionConnect, TheDeadlineGoesOnWithTheNextServer) {
    World world(three_servers());
    const auto connected = world.connect_op();
    world.after(5s);
    EXPECT_FALSE(connected->done());
    EXPECT_EQ(world.wire()->host, "s2");
    world.after(5s);
    EXPECT_EQ(world.wire()->host, "s3");
    EXPECT_FALSE(connected->done());
    world.after(5s);
    EXPECT_EQ(code_of(connected), ErrorCode::connect_timeout);
    EXPECT_EQ(world.wires.size(), 3u);
    EXPECT_EQ(world.session().counters().attempts, 3u);
}

TEST(SessionConnect, ServersAreTriedInOrderAndTheSecondServes) {
    World world(three_servers());
    const auto connected = world.connect_op();
    world.settle();
    world.fail_transport();
    EXPECT_EQ(world.wire()->host, "s2");
    EXPECT_EQ(world.dialed.back(), world.dialed.front()) << "the next server at once";
    world.connect();
    EXPECT_TRUE(connected->done() && connected->result->ok());
    EXPECT_EQ(world.new_events(), (std::vector<std::string>{"connected"}));
}

TEST(SessionConnect, RandomOrderUsesTheSeed) {
    Options options = three_servers();
    options.randomize_servers = true;
    std::map<std::string, int> first;
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        World world(options, seed);
        world.settle();
        ++first[world.wire()->host];
    }
    ASSERT_EQ(first.size(), 3u);
    for (const auto& [host, times] : first) EXPECT_GT(times, 60) << host;
}

TEST(SessionConnect, AuthorizationErrorOfTheFirstConnectIsRaised) {
    for (const char* text :
         {"-ERR 'Authorization Violation'\r\n", "-ERR 'authentication timeout'\r\n",
          "-ERR 'User Authentication Expired'\r\n"}) {
        World world(one_server());
        const auto connected = world.connect_op();
        world.server(info);
        world.server(text);  // the close would come in the same read (B88)
        EXPECT_EQ(code_of(connected), ErrorCode::authorization_error);
        EXPECT_EQ(world.session().state(), ConnectionState::closed);
        EXPECT_EQ(world.new_events(), (std::vector<std::string>{"closed"}));
        EXPECT_TRUE(connected->result->error().message().find("s1:4001") != std::string::npos);
    }
}

TEST(SessionConnect, LaterAuthorizationErrorsAreRetriedWithBackOff) {
    World world(one_server(), 7);
    world.connect();
    world.after(2s);
    world.eof();
    std::vector<Duration> waits;
    for (int i = 0; i < 12; ++i) {  // two in a row close nothing (B34), and none is terminal
        world.server(info);
        const Time failed = world.now();
        world.server("-ERR 'Authorization Violation'\r\n");
        EXPECT_EQ(world.session().state(), ConnectionState::reconnecting);
        while (!world.wire()->open) world.until(world.session().next_timeout());
        waits.push_back(world.now() - failed);
    }
    Duration total{};
    for (const Duration wait : waits) total += wait;
    EXPECT_GT(total, 2s) << "it hammers the server (B28)";
    for (const Duration wait : waits) EXPECT_LE(wait, 4s);
    EXPECT_EQ(world.count(Event::Kind::error), 12u);
    world.lines();
    world.connect();
    EXPECT_EQ(world.count(Event::Kind::reconnected), 1u);
}

TEST(SessionConnect, RetryOnFailedConnect) {
    Options options = one_server();
    options.retry_on_failed_connect = true;
    World world(options);
    world.dial = World::Dial::refuse;
    const auto connected = world.connect_op();
    ASSERT_TRUE(connected->done()) << "connect returns at once";
    EXPECT_TRUE(connected->result->ok());
    const auto sub = world.subscribe("a");
    EXPECT_FALSE(world.publish("a", "kept"));
    world.after(30s);
    EXPECT_EQ(world.session().state(), ConnectionState::connecting);
    EXPECT_GT(world.dialed.size(), 7u);
    EXPECT_LT(world.dialed.size(), 200u);
    world.dial = World::Dial::accept;
    // Accepted, then closed in the handshake: it goes on all the same (B25).
    while (!world.wire()->open) world.until(world.session().next_timeout());
    world.server(info);
    world.eof();
    while (!world.wire()->open) world.until(world.session().next_timeout());
    world.lines();
    world.connect();
    EXPECT_EQ(world.count(Event::Kind::connected), 1u);
    EXPECT_EQ(world.wire()->reader.frames.back().payload, "kept");
}

TEST(SessionConnect, EofInTheHandshakeEndsTheConnect) {
    for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, info.size()}) {
        World world(one_server());
        const auto connected = world.connect_op();
        world.server(info.substr(0, bytes));
        world.eof();
        EXPECT_EQ(code_of(connected), ErrorCode::connect_failed);
        EXPECT_EQ(world.session().state(), ConnectionState::closed);
    }
}

TEST(SessionConnect, BadInfoIsAProtocolError) {
    const std::string deep = "INFO " + std::string(100, '[') + std::string(100, ']') + "\r\n";
    for (const std::string& line :
         {std::string("INFO\r\n"), std::string("INFO {\r\n"), std::string("INFO []\r\n"),
          std::string("INFO 1\r\n"), std::string("INFO {\"a\":NaN}\r\n"),
          std::string("HTTP/1.1 400 Bad Request\r\n"), deep}) {
        SCOPED_TRACE(line);
        World world(one_server());
        const auto connected = world.connect_op();
        world.server(line);
        EXPECT_EQ(code_of(connected), ErrorCode::protocol_error);
        EXPECT_EQ(world.session().counters().protocol_errors, 1u);
        EXPECT_EQ(world.wire()->sent, "");
    }
}

TEST(SessionConnect, AnInfoOfAHundredKilobytesIsFine) {
    std::string urls;
    for (int i = 0; i < 1'000; ++i) {
        urls += (i ? ",\"" : "\"") + std::string("a-rather-long-host-name-") + std::to_string(i) +
                ".cluster.example.org:4222\"";
    }
    World world(one_server());
    world.settle();
    world.read_piece = 1'000;
    world.server(info_with("\"connect_urls\":[" + urls + "]"));
    world.server("PONG\r\n");
    EXPECT_EQ(world.session().state(), ConnectionState::connected);  // B18
    EXPECT_EQ(world.inner().pool.servers().size(), 1'000u);
}

TEST(SessionConnect, TlsRequiredIsATlsErrorAndNothingIsSent) {
    World world(one_server());
    const auto connected = world.connect_op();
    world.server(info_with(R"("tls_required":true)"));
    EXPECT_EQ(code_of(connected), ErrorCode::tls_error);
    EXPECT_EQ(world.wire()->sent, "");
}

TEST(SessionConnect, CredentialsOfTheUrlBeatTheOptions) {
    Options options;
    options.user = "u";
    options.password = "p\n\"";
    options.randomize_servers = false;
    options.servers = {"nats://a%40b:c%20d@s1:4001", "nats://tok@s2:4002", "nats://s3:4003"};
    World world(options);
    world.settle();
    std::vector<std::string> connects;
    for (int i = 0; i < 3; ++i) {
        world.server(info_with(R"("nonce":"n)" + std::to_string(i) + "\""));
        connects.push_back(world.wire()->reader.frames.at(0).line);
        world.eof();
    }
    EXPECT_NE(connects[0].find(R"("user":"a@b","pass":"c d")"), std::string::npos) << connects[0];
    EXPECT_EQ(connects[0].find("auth_token"), std::string::npos);
    EXPECT_NE(connects[1].find(R"("auth_token":"tok")"), std::string::npos) << connects[1];
    EXPECT_EQ(connects[1].find("user"), std::string::npos);
    EXPECT_NE(connects[2].find(R"("user":"u","pass":"p\n\"")"), std::string::npos) << connects[2];
    ASSERT_EQ(world.authentications.size(), 3u);
    EXPECT_EQ(world.authentications[2].nonce, "n2");  // of that connection (I19)
    for (const Event& event : world.events) {
        if (event.error) {
            EXPECT_EQ(std::string(event.error->what()).find("c d"), std::string::npos);
        }
    }
}

TEST(SessionConnect, VerboseAnswersMeanNothing) {
    Options options = one_server();
    options.verbose = true;
    World world(options);
    world.settle();
    world.server("+OK\r\n" + info + "+OK\r\n");
    EXPECT_NE(world.wire()->sent.find(R"("verbose":true)"), std::string::npos);
    EXPECT_EQ(world.session().state(), ConnectionState::connecting);
    world.server("+OK\r\nPONG\r\n+OK\r\n");
    EXPECT_EQ(world.session().state(), ConnectionState::connected);
}

TEST(SessionConnect, AnyErrOfTheHandshakeEndsTheAttempt) {
    for (const char* text : {"-ERR 'maximum connections exceeded'\r\n", "-ERR 'Whatever'\r\n",
                             "-ERR\r\n", "-ERR no quotes\r\n"}) {
        World world(three_servers());
        world.settle();
        world.server(text);
        EXPECT_EQ(world.wires.size(), 2u) << text;
    }
}

TEST(SessionConnect, PingBeforeConnectIsNotAnsweredBeforeIt) {
    World world(one_server());
    world.settle();
    world.answer_authenticate = false;
    world.server("PING\r\n" + info + "PING\r\n");
    EXPECT_EQ(world.wire()->sent, "") << "nothing before CONNECT (I01)";
    world.session().credentials(world.wire()->epoch, {}, world.now());
    world.settle();
    world.server("PING\r\n");
    const auto lines = world.lines();
    ASSERT_GE(lines.size(), 3u);
    EXPECT_EQ(lines[1], "PING");
    EXPECT_EQ(lines.back(), "PONG");
}

TEST(SessionConnect, MessagesBeforeTheFirstPongAreNotDelivered) {
    World world(one_server());
    const auto sub = world.subscribe("a");
    world.server(info + msg("a", 1, "too early"));
    EXPECT_TRUE(world.take(sub).empty());
    EXPECT_EQ(world.session().counters().unknown_sid, 1u);
    world.server("PONG\r\n" + msg("a", 1, "now"));
    EXPECT_EQ(world.take(sub), (std::vector<std::string>{"now"}));
}

TEST(SessionConnect, AuthFailedIsOneAttempt) {
    World world(three_servers());
    world.answer_authenticate = false;
    world.server(info);
    const std::uint64_t epoch = world.wire()->epoch;
    world.session().auth_failed(epoch, Error(ErrorCode::authorization_error, "no file"),
                                world.now());
    world.settle();
    EXPECT_EQ(world.wire()->host, "s2");
    // When nobody asked, it is too late, and nothing changes.
    world.answer_authenticate = true;
    world.lines();
    world.connect();
    const auto flushed = world.flush();
    world.session().auth_failed(world.wire()->epoch, Error(ErrorCode::error, "late"), world.now());
    world.settle();
    EXPECT_EQ(world.session().state(), ConnectionState::connected);
    world.server("PONG\r\n");
    EXPECT_TRUE(flushed->done() && flushed->result->ok());
}

TEST(SessionConnect, MaxReconnectsCountsConsecutiveFailuresOfEachServer) {
    Options options = three_servers();
    options.max_reconnects = 3;
    World world(options);
    world.connect();
    world.after(2s);
    world.dial = World::Dial::refuse;
    world.eof();
    world.after(60s);
    EXPECT_EQ(world.session().state(), ConnectionState::closed);
    EXPECT_EQ(world.session().last_error()->code(), ErrorCode::no_servers);
    EXPECT_EQ(world.dialed.size(), 1u + 3 * 3);
    std::map<std::string, int> times;
    for (const auto& wire : world.wires) ++times[wire->host];
    EXPECT_EQ(times["s1"], 4);  // it served once
    EXPECT_EQ(times["s2"], 3);
    EXPECT_EQ(times["s3"], 3);
    EXPECT_EQ(world.new_events().back(), "closed");
}

TEST(SessionConnect, WithoutEndMeansWithoutEnd) {
    World world(one_server());
    world.connect();
    world.dial = World::Dial::refuse;
    world.eof();
    world.after(3h);
    EXPECT_EQ(world.session().state(), ConnectionState::reconnecting);
    EXPECT_GT(world.dialed.size(), 3'000u);
    EXPECT_LT(world.dialed.size(), 12'000u);
}

TEST(SessionConnect, NoReconnectClosesAtTheFirstLoss) {
    Options options = one_server();
    options.reconnect = false;
    World world(options);
    world.connect();
    world.eof();
    EXPECT_EQ(world.session().state(), ConnectionState::closed);
    EXPECT_EQ(world.new_events(),
              (std::vector<std::string>{"connected", "disconnected", "closed"}));
    EXPECT_EQ(world.session().publish("a", "x")->code(), ErrorCode::closed);
    EXPECT_EQ(world.session().subscribe("a").error().code(), ErrorCode::closed);
}

TEST(SessionConnect, WrongOptionsAreNamed) {
    const auto refused = [](auto change) {
        Options options;
        change(options);
        try {
            Session session(options, seed_of(1), Time());
        } catch (const Error& error) {
            return std::string(to_string(error.code())) + ": " + error.what();
        }
        return std::string();
    };
    EXPECT_NE(refused([](Options& o) { o.servers = {"http://x"}; }).find("UsageError"),
              std::string::npos);
    EXPECT_NE(refused([](Options& o) { o.servers = {"tls://x"}; }).find("servers"),
              std::string::npos);
    EXPECT_NE(refused([](Options& o) { o.servers = {}; }).find("servers"), std::string::npos);
    EXPECT_EQ(refused([](Options& o) { o.servers = {","}; }).find("UsageError"), 0u);
    EXPECT_NE(refused([](Options& o) { o.inbox_prefix = "a.*"; }).find("inbox_prefix"),
              std::string::npos);
    EXPECT_NE(refused([](Options& o) { o.ping_interval = -1s; }).find("ping_interval"),
              std::string::npos);
    EXPECT_EQ(refused([](Options&) {}), "");
}

TEST(SessionConnect, Scripts) {
    Options options = three_servers();
    options.retry_on_failed_connect = true;
    Script("first connect", options)
        .call([](World& world) { world.connect_op(); })
        .handshake()
        .expect(
            [](World& world) { EXPECT_EQ(world.session().state(), ConnectionState::connected); })
        .run();
    Script("first connect without retry", one_server())
        .call([](World& world) { world.connect_op(); })
        .handshake()
        .run();
    Script("refused, then the second server", three_servers())
        .call([](World& world) { world.connect_op(); })
        .server(info)
        .client({"CONNECT {", "PING"})
        .server("-ERR 'Authorization Violation'\r\n")
        .handshake()
        .after(2s)
        .server(info_with(R"("connect_urls":["d1:1","d2:2"])"))
        .expect([](World& world) { EXPECT_EQ(world.inner().pool.servers().size(), 5u); })
        .run();
}

}  // namespace
