// Losing a connection and coming back: back-off, what is sent again and what never is, old epochs,
// the pool. I03-I09, I12, I18, I21; T09, T12, T25; B20, B22, B27, B30, B38, B39, B42, B66-B68, B91.
#include <algorithm>
#include <cmath>

#include "script.hpp"

using namespace script;

namespace {

Options one_server() {
    Options options;
    options.servers = {"nats://s1:4001"};
    return options;
}

/// Let time pass until the next attempt begins; returns how long that took.
Duration next_attempt(World& world) {
    const Time start = world.now();
    const std::size_t before = world.wires.size();
    while (world.wires.size() == before) {
        const Time next = world.session().next_timeout();
        if (next == never) break;
        world.until(next);
    }
    return world.now() - start;
}

TEST(SessionReconnect, TheFirstAttemptComesAtOnceAfterAStableConnection) {
    World world(one_server());
    world.connect();
    world.after(2s);
    world.eof();
    EXPECT_EQ(world.wires.size(), 2u);
    EXPECT_EQ(world.dialed.back(), world.now());
    EXPECT_EQ(world.session().state(), ConnectionState::reconnecting);
    world.connect();
    EXPECT_EQ(world.new_events(),
              (std::vector<std::string>{"connected", "disconnected", "reconnected"}));
    EXPECT_EQ(world.session().counters().reconnects, 1u);
}

TEST(SessionReconnect, BackOffDoublesWithFullJitter) {
    constexpr int seeds = 400, rounds = 9;
    std::vector<std::vector<double>> waits(rounds);
    for (int seed = 0; seed < seeds; ++seed) {
        World world(one_server(), static_cast<std::uint64_t>(seed));
        world.connect();
        world.after(2s);
        world.dial = World::Dial::refuse;
        world.eof();  // the first attempt, at once, fails
        for (int round = 0; round < rounds; ++round) {
            const Duration wait = next_attempt(world);
            waits[static_cast<std::size_t>(round)].push_back(
                std::chrono::duration<double>(wait).count());
        }
    }
    for (int round = 0; round < rounds; ++round) {
        SCOPED_TRACE(round);
        auto& all = waits[static_cast<std::size_t>(round)];
        std::sort(all.begin(), all.end());
        const double cap = std::min(4.0, 0.1 * std::pow(2, round));
        EXPECT_GE(all.front(), 0.001);  // never hammers
        EXPECT_LE(all.back(), cap);
        EXPECT_LT(all.front(), cap * 0.1) << "full jitter reaches down";
        EXPECT_GT(all.back(), cap * 0.9) << "and up";
        double sum = 0;
        for (const double wait : all) sum += wait;
        EXPECT_NEAR(sum / seeds, cap / 2, cap * 0.08);
    }
}

TEST(SessionReconnect, HugePausesDoNotOverflow) {
    Options options = one_server();
    options.reconnect_wait_min = 10s;
    options.reconnect_wait_max = 20s;
    World world(options, 3);
    world.connect();
    world.dial = World::Dial::refuse;
    world.eof();
    Duration total{};
    for (int i = 0; i < 200; ++i) {
        const Duration wait = next_attempt(world);
        EXPECT_LE(wait, 20s);
        if (i >= 100) total += wait;
    }
    EXPECT_GT(total, 500s) << "it hammers after many failures";
    options.reconnect_wait_min = options.reconnect_wait_max = 24h * 3650;
    World slow(options, 4);
    slow.dial = World::Dial::refuse;
    slow.settle();
}

TEST(SessionReconnect, PausesStartAnewAfterAStableConnection) {
    for (const bool by_message : {false, true}) {
        SCOPED_TRACE(by_message);
        World world(one_server(), 5);
        world.connect();
        const auto sub = world.subscribe("a");
        world.after(2s);
        world.dial = World::Dial::refuse;
        world.eof();
        for (int i = 0; i < 10; ++i) next_attempt(world);
        world.dial = World::Dial::accept;
        next_attempt(world);
        world.lines();
        world.connect();
        if (by_message) {
            world.server(msg("a", 1, "x"));
        } else {
            world.after(1s);
        }
        world.dial = World::Dial::refuse;
        const Time lost = world.now();
        world.eof();
        EXPECT_EQ(world.dialed.back(), lost) << "at once";
        EXPECT_LE(next_attempt(world), 100ms);
    }
}

TEST(SessionReconnect, AcceptThenCloseBacksOff) {
    World world(one_server(), 6);
    world.connect();
    world.after(2s);
    world.eof();
    const Time start = world.now();
    for (int i = 0; i < 50; ++i) {
        world.lines();
        world.connect();
        world.after(900ms);  // not yet stable
        world.eof();
        if (!world.wire()->open) next_attempt(world);
    }
    EXPECT_GT(world.now() - start, 50 * 900ms + 50s) << "it must not be retried at full speed";
    EXPECT_EQ(world.count(Event::Kind::disconnected), 51u);
}

TEST(SessionReconnect, ServersThatListEachOtherAreGivenUpAllTheSame) {
    Options options;
    options.servers = {"nats://a:1", "nats://b:2"};
    options.retry_on_failed_connect = true;
    options.max_reconnects = 3;
    World world(options);
    world.settle();
    for (int attempt = 0; attempt < 20; ++attempt) {
        if (world.session().state() == ConnectionState::closed) break;
        if (!world.wire() || !world.wire()->open) world.after(1s);
        world.server(info_with(R"("connect_urls":["a:1","b:2"])"));
        world.server("-ERR 'Authorization Violation'\r\n");
    }
    EXPECT_EQ(world.session().state(), ConnectionState::closed);
    EXPECT_EQ(world.dialed.size(), 6u);
    EXPECT_EQ(world.session().last_error()->code(), ErrorCode::no_servers);
}

TEST(SessionReconnect, EveryServerIsTriedBeforeAnyIsTriedAgain) {
    Options options;
    options.servers = {"s1:1,s2:2,s3:3,s4:4,s5:5"};
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        World world(options, seed);
        world.connect();
        world.after(2s);
        world.dial = World::Dial::refuse;
        world.eof();
        while (world.wires.size() < 41) next_attempt(world);
        for (std::size_t round = 1; round + 5 <= 41; round += 5) {
            std::vector<std::string> hosts;
            for (std::size_t i = round; i < round + 5; ++i) hosts.push_back(world.wires[i]->host);
            std::sort(hosts.begin(), hosts.end());
            EXPECT_EQ(std::unique(hosts.begin(), hosts.end()) - hosts.begin(), 5)
                << "seed " << seed << ", attempt " << round;
        }
    }
}

TEST(SessionReconnect, SubscriptionsComeBackWithWhatIsLeftOfTheirLimits) {
    World world(one_server());
    world.connect();
    const auto plain = world.subscribe("plain");
    SubscribeOptions group;
    group.queue = "workers";
    const auto queue = world.subscribe("queue.>", group);
    const auto five = world.subscribe("five");
    const auto gone = world.subscribe("gone");
    world.unsubscribe(five, 5);
    world.unsubscribe(gone);
    world.server(msg("five", 3, "1") + msg("five", 3, "2"));
    world.after(2s);
    world.lines();
    world.eof();
    const auto late = world.subscribe("late");
    world.unsubscribe(late, 2);
    world.server(info);
    world.server("PONG\r\n");
    EXPECT_EQ(world.lines(),
              (std::vector<std::string>{world.wire()->reader.frames[0].line, "PING", "SUB plain 1",
                                        "SUB queue.> workers 2", "SUB five 3", "UNSUB 3 3",
                                        "SUB late 5", "UNSUB 5 2"}));
    // A new limit counts from the beginning too, and the server from its SUB (B38, B44).
    world.unsubscribe(five, 7);
    EXPECT_EQ(world.lines(), (std::vector<std::string>{"UNSUB 3 5"}));
    for (int i = 3; i <= 9; ++i) world.server(msg("five", 3, std::to_string(i)));
    EXPECT_EQ(world.take(five), (std::vector<std::string>{"1", "2", "3", "4", "5", "6", "7"}));
    EXPECT_TRUE(five->ended);
    EXPECT_EQ(world.session().counters().unknown_sid, 2u);
    // B39: a limit that is reached already ends it now.
    world.server(msg("plain", 1, "x"));
    world.unsubscribe(plain, 1);
    EXPECT_TRUE(plain->ended);
    EXPECT_EQ(world.lines(), (std::vector<std::string>{"UNSUB 1"}));
}

TEST(SessionReconnect, ADroppedMessageCountsTowardsTheLimit) {
    World world(one_server());
    world.connect();
    SubscribeOptions small;
    small.pending_messages = 2;
    const auto sub = world.subscribe("a", small);
    world.unsubscribe(sub, 4);
    world.server(msg("a", 1, "1") + msg("a", 1, "2") + msg("a", 1, "3"));
    EXPECT_FALSE(sub->ended);
    world.after(2s);
    world.eof();
    world.lines();
    world.server(info);
    world.server("PONG\r\n");
    EXPECT_EQ(world.lines().back(), "UNSUB 1 1");
    world.server(msg("a", 1, "4"));
    EXPECT_TRUE(sub->ended);  // B40
    EXPECT_EQ(sub->dropped, 2u);
}

TEST(SessionReconnect, PublishesWaitAndAreSentOnceAfterTheSubscriptions) {
    World world(one_server());
    world.connect();
    const auto sub = world.subscribe("a");
    world.writing = false;
    EXPECT_FALSE(world.publish("a", "one"));
    const auto other = world.subscribe("b");
    EXPECT_FALSE(world.publish("b", "two"));
    const auto flushed = world.flush();
    world.server("PING\r\n");
    world.eof();
    EXPECT_TRUE(flushed->done());
    EXPECT_EQ(flushed->result->error().code(), ErrorCode::disconnected);
    EXPECT_FALSE(world.publish("a", "three"));
    world.writing = true;
    next_attempt(world);
    world.lines();
    world.server(info);
    world.server("PONG\r\n");
    const std::vector<ClientFrame> frames = world.client();
    std::vector<std::string> what;
    for (const ClientFrame& frame : frames) {
        what.push_back(frame.publish() ? frame.payload : frame.line.substr(0, 7));
    }
    EXPECT_EQ(what, (std::vector<std::string>{"CONNECT", "PING", "SUB a 1", "SUB b 2", "one", "two",
                                              "three"}));
    EXPECT_EQ(world.session().counters().lost_publishes, 0u);
}

TEST(SessionReconnect, AHalfWrittenFrameIsNeverContinued) {
    // For every byte at which a write may have stopped (B20, I05).
    const auto play = [](World& world) {
        world.publish("a", "11111111");
        world.subscribe("s.1");
        world.publish("b", "2222", "reply", "NATS/1.0\r\nA: b\r\n\r\n");
        world.flush();
        world.publish("c", "");
    };
    std::size_t total = 0;
    {
        World whole(one_server());
        whole.connect();
        const std::size_t before = whole.wire()->sent.size();
        play(whole);
        total = whole.wire()->sent.size() - before;
    }
    int lost = 0;
    for (std::size_t piece = 1; piece <= 7; ++piece) {
        for (std::size_t cut = 0; cut <= total; ++cut) {
            SCOPED_TRACE("cut after " + std::to_string(cut) + " bytes, in writes of " +
                         std::to_string(piece));
            World world(one_server());
            world.connect();
            world.writing = false;
            play(world);
            world.write_budget = cut;
            world.write_piece = piece;
            world.writing = true;
            world.settle();
            world.eof();
            world.recover();
            const std::uint64_t loss = world.session().counters().lost_publishes;
            EXPECT_LE(loss, 1u);
            lost += static_cast<int>(loss);
            ASSERT_FALSE(HasFailure());
        }
    }
    EXPECT_GT(lost, 50);
}

TEST(SessionReconnect, AHalfWrittenHandshakeIsNeverContinued) {
    for (std::size_t cut = 0; cut < 200; cut += 7) {
        World world(one_server());
        world.connect();
        world.after(2s);
        world.publish("a", "1");
        world.subscribe("s");
        world.eof();
        world.publish("a", "2");
        world.write_budget = cut;
        world.server(info);
        world.server("PONG\r\n");  // it may come whatever we wrote
        world.eof();
        world.recover();
    }
}

TEST(SessionReconnect, PongsPingsAndFlushesDieWithTheConnection) {
    World world(one_server());
    world.connect();
    world.after(2s);
    world.writing = false;
    world.server("PING\r\nPING\r\n");
    world.after(60s);  // our own ping waits as well
    EXPECT_GT(world.session().size_to_send(), 0u);
    world.eof();
    world.writing = true;
    if (!world.wire()->open) next_attempt(world);
    world.lines();
    world.server(info);
    world.server("PONG\r\n");
    EXPECT_EQ(world.lines().size(), 2u) << "CONNECT and PING, nothing of the old connection";
}

TEST(SessionReconnect, PendingLimitIsKept) {
    Options options = one_server();
    options.pending_limit = 1'000;
    World world(options);
    world.connect();
    world.eof();
    int accepted = 0;
    std::optional<Error> refusal;
    while (!(refusal = world.publish("subject", std::string(60, 'x')))) ++accepted;
    EXPECT_EQ(refusal->code(), ErrorCode::disconnected);
    EXPECT_GE(accepted, 8);
    EXPECT_LE(world.session().pending_size(), 1'000u);
    EXPECT_EQ(world.session().publish("a", std::string(2'000, 'x'))->code(),
              ErrorCode::usage_error);
    EXPECT_EQ(world.session().counters().rejected_calls, 2u);
    world.recover();
    EXPECT_EQ(world.session().counters().lost_publishes, 0u);
    // Connected, with a socket that takes nothing.
    world.writing = false;
    while (!(refusal = world.publish("subject", std::string(60, 'x')))) ++accepted;
    EXPECT_EQ(refusal->code(), ErrorCode::would_block);
    EXPECT_LE(world.session().pending_size(), 1'000u);
    world.writing = true;
    world.settle();
    EXPECT_FALSE(world.publish("subject", "fits again"));
}

TEST(SessionReconnect, WhatTheNewServerWouldNotTakeIsGivenUp) {
    World world(one_server());
    world.connect();
    world.after(2s);
    world.eof();
    auto large = world.request("large", std::string(200, 'x'));
    auto small = world.request("small", "x");
    EXPECT_FALSE(world.publish("a", std::string(101, 'x')));
    EXPECT_FALSE(world.publish("a", std::string(100, 'x'), {}, "NATS/1.0\r\nk: v\r\n\r\n"));
    EXPECT_FALSE(world.publish("a", "plain"));
    world.lines();
    world.new_events();
    world.server("INFO {\"max_payload\":100}\r\n");
    world.server("PONG\r\n");
    const std::vector<ClientFrame> sent = world.client();
    ASSERT_FALSE(sent.empty());
    EXPECT_NE(sent[0].line.find("\"headers\":false,\"no_responders\":false"), std::string::npos)
        << sent[0].line;
    std::vector<std::string> subjects;
    for (const ClientFrame& frame : sent) {
        if (frame.publish()) subjects.push_back(frame.subject());
    }
    EXPECT_EQ(subjects, (std::vector<std::string>{"small", "a"}));
    EXPECT_EQ(world.session().counters().lost_publishes, 3u);
    EXPECT_EQ(world.new_events(), (std::vector<std::string>{"error", "reconnected"}));
    ASSERT_TRUE(large->done()) << "its answer cannot come any more";
    EXPECT_EQ(large->result->error().code(), ErrorCode::max_payload);
    EXPECT_FALSE(small->done());
    EXPECT_EQ(world.publish("a", "x", {}, "NATS/1.0\r\nk: v\r\n\r\n")->code(),
              ErrorCode::usage_error);
}

TEST(SessionReconnect, PendingLimitZeroRefusesWhileDisconnectedOnly) {
    Options options = one_server();
    options.pending_limit = 0;
    World world(options);
    EXPECT_EQ(world.publish("a", "early")->code(), ErrorCode::disconnected);
    world.connect();
    EXPECT_FALSE(world.publish("a", "connected"));
    EXPECT_FALSE(world.publish("a", "connected too"));
    world.eof();
    EXPECT_EQ(world.publish("a", "late")->code(), ErrorCode::disconnected);
    EXPECT_FALSE(world.session().subscribe("b").ok() == false) << "subscriptions may wait";
    world.recover();
}

TEST(SessionReconnect, InputsOfAnOldEpochOnlyCount) {
    World world(one_server());
    const auto sub = world.subscribe("a");
    world.connect();
    const std::uint64_t old = world.wire()->epoch;
    world.after(2s);
    world.eof();
    world.lines();
    world.connect();
    const std::uint64_t hash = world.trace_hash();
    const std::string bytes = msg("a", 1, "old") + "-ERR 'Authorization Violation'\r\nPONG\r\n";
    world.session().receive_data(old, bytes, world.now());
    world.session().transport_down(old, Error(ErrorCode::disconnected, "late"), world.now());
    world.session().receive_eof(old, world.now());
    world.session().transport_up(old, world.now());
    world.session().credentials(old, {}, world.now());
    world.session().auth_failed(old, Error(ErrorCode::error, "late"), world.now());
    world.session().commit(old, 0, world.now());
    world.settle();
    EXPECT_EQ(world.session().counters().stale_events, 7u);
    EXPECT_EQ(world.trace_hash(), hash);
    EXPECT_EQ(world.session().state(), ConnectionState::connected);
    EXPECT_TRUE(world.take(sub).empty());
    world.close();
    world.session().receive_data(world.wire()->epoch, "PING\r\n", world.now());
    world.session().receive_data(0, "PING\r\n", world.now());
    EXPECT_EQ(world.session().counters().stale_events, 9u);
}

TEST(SessionReconnect, ABrokenFrameIsNotGluedToTheNextConnection) {
    World world(one_server());
    const auto sub = world.subscribe("a");
    world.connect();
    world.after(2s);
    world.server("MSG a 1 100\r\nhalf of the payl");
    world.eof();
    world.lines();
    world.connect();  // B01, B02
    world.server(msg("a", 1, "whole"));
    EXPECT_EQ(world.take(sub), (std::vector<std::string>{"whole"}));
}

TEST(SessionReconnect, LostFramingIsOneEventAndBacksOff) {
    World world(one_server(), 11);
    world.connect();
    world.after(2s);
    world.new_events();
    world.server("MSG a 1 5\r\nhello!!PING\r\nMSG nonsense\r\n");
    EXPECT_EQ(world.session().counters().protocol_errors, 1u);
    EXPECT_EQ(world.new_events(), (std::vector<std::string>{"disconnected"}));
    EXPECT_EQ(world.events.back().error->code(), ErrorCode::protocol_error);
    for (int i = 0; i < 20; ++i) {
        if (!world.wire()->open) next_attempt(world);
        world.lines();
        world.connect();
        world.server("nonsense\r\n");
    }
    EXPECT_GT(world.now() - world.dialed[1], 10s);
}

TEST(SessionReconnect, NonFatalErrorsDoNotDisconnectAndFatalOnesDo) {
    const std::pair<const char*, bool> texts[] = {
        {"Permissions Violation for Publish to \"x\"", false},
        {"Permissions Violation for Subscription to \"x\"", false},
        {"permissions violation for subscription to \"x\" using queue \"q\"", false},
        {"Invalid Subject", false},
        {"Invalid Publish Subject", false},
        {"maximum subscriptions exceeded", false},
        {"something new", false},
        {"Stale Connection", true},
        {"Authorization Violation", true},
        {"User Authentication Expired", true},
        {"User Authentication Revoked", true},
        {"Account Authentication Expired", true},
        {"Maximum Payload Violation", true},
        {"Unknown Protocol Operation", true},
        {"maximum account active connections exceeded", true},
    };
    for (const auto& [text, fatal] : texts) {
        SCOPED_TRACE(text);
        World world(one_server());
        world.connect();
        world.after(2s);
        world.server("-ERR '" + std::string(text) + "'\r\n");
        EXPECT_EQ(world.session().state(),
                  fatal ? ConnectionState::reconnecting : ConnectionState::connected);
        EXPECT_EQ(world.count(Event::Kind::error), 1u);
        EXPECT_EQ(world.count(Event::Kind::disconnected), fatal ? 1u : 0u);
        if (std::string(text).find("ermissions") != std::string::npos) {
            EXPECT_EQ(world.events.back().error->code(), ErrorCode::permission_violation);
        }
        world.recover();
    }
}

TEST(SessionReconnect, AnErrThatPrecedesTheCloseIsItsCause) {
    World world(one_server());
    world.connect();
    world.after(2s);
    world.server("-ERR 'something new'\r\n");
    world.eof();  // B88
    ASSERT_EQ(world.events.back().kind, Event::Kind::disconnected);
    ASSERT_NE(world.events.back().error->cause(), nullptr);
    EXPECT_NE(world.events.back().error->message().find("something new"), std::string::npos);
}

TEST(SessionReconnect, DiscoveredServersComeAndGo) {
    Options options = one_server();
    options.randomize_servers = false;
    World world(options);
    world.settle();
    world.server(info_with(R"("connect_urls":["d1:1","d2:2","s1:4001"])"));
    world.server("PONG\r\n");
    EXPECT_EQ(world.inner().pool.servers().size(), 3u);
    EXPECT_EQ(world.count(Event::Kind::discovered_servers), 1u);
    world.server(info_with(R"("connect_urls":["d2:2","d3:3","s1:4001"])"));
    std::vector<std::string> hosts;
    for (const Server& server : world.inner().pool.servers()) hosts.push_back(server.url.host);
    EXPECT_EQ(hosts, (std::vector<std::string>{"s1", "d2", "d3"}));
    world.server(info_with(R"("connect_urls":["d2:2","d3:3","s1:4001"])"));
    world.server(info);  // says nothing of them: nothing changes
    EXPECT_EQ(world.count(Event::Kind::discovered_servers), 2u);
    EXPECT_EQ(world.inner().pool.servers().size(), 3u);
    world.after(2s);
    world.eof();
    EXPECT_EQ(world.wire()->host, "d2");
    world.fail_transport();
    EXPECT_EQ(world.wire()->host, "d3");
}

TEST(SessionReconnect, NewsOfServersDoNotPushOutOtherNews) {
    Session session(one_server(), seed_of(1), Time(1s));
    session.transport_up(session.epoch(), Time(1s));
    session.receive_data(session.epoch(), info, Time(1s));
    session.credentials(session.epoch(), {}, Time(1s));
    session.receive_data(session.epoch(), "PONG\r\n", Time(1s));
    for (int i = 0; i < 2'000; ++i) {
        const std::string urls = "\"connect_urls\":[\"h" + std::to_string(i) + ":1\"]";
        session.receive_data(session.epoch(), info_with(urls), Time(1s));
    }
    EXPECT_EQ(session.next_event()->kind, Event::Kind::connected);
    EXPECT_EQ(session.next_event()->kind, Event::Kind::discovered_servers);
    EXPECT_FALSE(session.next_event());
    EXPECT_EQ(session.counters().events_left_out, 0u);
}

TEST(SessionReconnect, DiscoveryCanBeSwitchedOff) {
    Options options = one_server();
    options.discovered_servers = DiscoveredServers::configured_only;
    World world(options);
    world.settle();
    world.server(info_with(R"("connect_urls":["d1:1"])"));
    world.server("PONG\r\n");
    EXPECT_EQ(world.inner().pool.servers().size(), 1u);
}

TEST(SessionReconnect, AFloodOfInfosIsBounded) {
    World world(one_server());
    world.connect();
    const auto stays = world.request("open", "");  // while it waits, nobody leaves a lame duck
    for (int i = 0; i < 300; ++i) {
        std::string urls;
        for (int n = 0; n < 20; ++n) {
            urls += (n ? ",\"h" : "\"h") + std::to_string(i * 20 + n) + ":1\"";
        }
        world.server(info_with("\"ldm\":true,\"connect_urls\":[" + urls + "]"));
        EXPECT_LE(world.inner().pool.servers().size(), 21u);
    }
    EXPECT_EQ(world.count(Event::Kind::lame_duck), 1u) << "told once for each connection";
    std::string many;
    for (int n = 0; n < 3'000; ++n) many += (n ? ",\"m" : "\"m") + std::to_string(n) + ":1\"";
    world.server(info_with("\"connect_urls\":[" + many + "]"));
    EXPECT_LE(world.inner().pool.servers().size(), 1'000u);
    world.server(info_with(R"("connect_urls":["bad url",7,"",":","[::1]:4"])"));
    EXPECT_EQ(world.session().state(), ConnectionState::connected);
}

TEST(SessionReconnect, BadInfoOnAConnectionIsContentOnly) {
    World world(one_server());
    world.connect();
    world.server("INFO {\"max_payload\":\r\n");
    EXPECT_EQ(world.session().state(), ConnectionState::connected);
    EXPECT_EQ(world.session().counters().content_errors, 1u);
    EXPECT_EQ(world.session().counters().protocol_errors, 0u);
    EXPECT_EQ(world.session().max_payload(), 1'048'576u);
}

TEST(SessionReconnect, CloseBeatsTheBackOff) {
    World world(one_server());
    world.connect();
    world.dial = World::Dial::refuse;
    world.eof();
    const auto closed = world.close_op();
    EXPECT_TRUE(closed->done());  // B30: it does not wait for the pause
    EXPECT_EQ(world.session().next_timeout(), never);
    world.after(1h);
    EXPECT_EQ(world.session().state(), ConnectionState::closed);
    EXPECT_EQ(world.count(Event::Kind::closed), 1u);
}

TEST(SessionReconnect, SidsAreNeverUsedAgain) {
    World world(one_server());
    world.connect();
    std::uint64_t last = 0;
    for (int i = 0; i < 50; ++i) {
        const auto sub = world.subscribe("a");
        EXPECT_GT(sub->sid, last);
        last = sub->sid;
        world.unsubscribe(sub);
        if (i % 10 == 0) {
            world.after(2s);
            world.eof();
            world.lines();
            world.connect();
        }
    }
}

TEST(SessionReconnect, Scripts) {
    Options options = one_server();
    Script("publish, subscribe, flush", options)
        .handshake()
        .call([](World& world) {
            world.subscribe("a.*");
            world.publish("a.1", "one");
            world.publish("b", "two", "r", "NATS/1.0\r\nX: y\r\n\r\n");
            world.flush();
        })
        .client({"SUB a.* 1", "PUB a.1 3", "HPUB b r 18 21", "PING"})
        .server(msg("a.1", 1, "one") + "PONG\r\n")
        .call([](World& world) { world.publish("c", "three"); })
        .client({"PUB c 5"})
        .server("PING\r\n")
        .client({"PONG"})
        .run();
    Script("a reconnect in the script", options)
        .handshake()
        .call([](World& world) {
            const auto sub = world.subscribe("a");
            world.unsubscribe(sub, 3);
            world.subscribe("b");
        })
        .client({"SUB a 1", "UNSUB 1 3", "SUB b 2"})
        .server(msg("a", 1, "1"))
        .after(2s)
        .eof()
        .call([](World& world) { world.publish("b", "while away"); })
        .server(info)
        .client({"CONNECT", "PING"})
        .server("PONG\r\n")
        .client({"SUB a 1", "UNSUB 1 2", "SUB b 2", "PUB b 10"})
        .server(msg("a", 1, "2") + msg("a", 1, "3") + msg("a", 1, "4"))
        .call([](World& world) { world.flush(); })
        .server("PONG\r\n")
        .run();
    Script("requests", options)
        .handshake()
        .call([](World& world) {
            for (int i = 0; i < 3; ++i) world.request("svc", "q" + std::to_string(i), 500ms);
        })
        .client({"SUB _INBOX.", "PUB svc _INBOX.", "PUB svc _INBOX.", "PUB svc _INBOX."})
        .after(100ms)
        .call([](World& world) { world.request("nobody", "q", 500ms); })
        .after(1s)
        .run();
    Script("close while things are open", options)
        .handshake()
        .call([](World& world) {
            world.subscribe("a");
            world.publish("a", "1");
            world.request("svc", "q", 5s);
            world.flush(5s);
            world.close_op(2s);
            world.publish("a", "2");
        })
        .client({"SUB a 1", "PUB a 1", "SUB _INBOX.", "PUB svc", "PING", "PING", "PUB a 1"})
        .server("PONG\r\n")
        .server("PONG\r\n")
        .expect([](World& world) { EXPECT_EQ(world.session().state(), ConnectionState::closed); })
        .run();
}

}  // namespace
