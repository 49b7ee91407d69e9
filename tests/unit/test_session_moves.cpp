// Leaving a server on purpose: one that says it will close soon (lame duck), and because the user
// asks. Nothing new starts on a lame duck; what has started gets five seconds. ADR-40, B93, I18.
#include "script.hpp"

#include <gtest/gtest.h>

namespace {

using namespace anynats;
using namespace script;
using namespace std::chrono_literals;

Options two_servers() {
    Options options;
    options.servers = {"nats://one:1", "nats://two:2"};
    options.randomize_servers = false;
    return options;
}

const std::string lame = info_with(R"("ldm":true)");

TEST(SessionMoves, AtOnceWhenNothingIsOpen) {
    World world(two_servers());
    world.connect();
    const auto sub = world.subscribe("a");
    world.client();
    world.server(lame);
    EXPECT_EQ(world.session().state(), ConnectionState::reconnecting);
    EXPECT_EQ(world.wire()->host, "two");
    world.model = true;
    world.recover();
    EXPECT_EQ(world.session().state(), ConnectionState::connected);
    EXPECT_EQ(world.wire()->interest.subs.size(), 1u);
    EXPECT_EQ(world.count(Event::Kind::lame_duck), 1u);
}

TEST(SessionMoves, WhatHasStartedIsWaitedForAndNothingNewStarts) {
    World world(two_servers());
    world.connect();
    const auto old = world.request("old", "1", 30s);
    world.client();
    world.server(lame);
    EXPECT_EQ(world.wire()->host, "one");
    world.publish("late", "2");
    const auto young = world.request("young", "3", 30s);
    const auto flush = world.flush(30s);
    world.after(1s);
    EXPECT_TRUE(world.client().empty()) << "something new started";
    world.server(
        msg(world.inner().inbox_root + "0_x", world.inner().inbox->sid, ""));  // somebody else's
    world.after(1s);
    EXPECT_EQ(world.wire()->host, "one");
    world.after(4s);
    ASSERT_TRUE(old->done());
    EXPECT_EQ(old->result->error().code(), ErrorCode::disconnected);
    EXPECT_FALSE(young->done());
    EXPECT_FALSE(flush->done());
    EXPECT_EQ(world.wire()->host, "two");
    world.model = true;
    world.recover();
    EXPECT_TRUE(flush->done() && flush->result->ok());
    const std::string& sent = world.wires.back()->sent;
    EXPECT_NE(sent.find("PUB late 1\r\n2"), std::string::npos);
    EXPECT_NE(sent.find("PUB young "), std::string::npos);
    EXPECT_EQ(world.session().counters().lost_publishes, 0u);
}

TEST(SessionMoves, TheLastReplyIsTheSignal) {
    World world(two_servers());
    world.connect();
    const auto open = world.request("svc", "", 30s);
    const auto frames = world.client();
    ASSERT_FALSE(frames.empty());
    const std::string reply = world.inner().inbox_root;
    world.server(lame);
    ASSERT_EQ(world.wire()->host, "one");
    const std::string& sent = world.wire()->sent;
    const std::size_t at = sent.rfind(reply);
    const std::string inbox = sent.substr(at, sent.find(' ', at) - at);
    world.server(msg(inbox, world.inner().inbox->sid, "answer"));
    ASSERT_TRUE(open->done());
    EXPECT_EQ(open->result->value().payload(), "answer");
    EXPECT_EQ(world.wire()->host, "two");
}

TEST(SessionMoves, WithNowhereToGoOneStays) {
    Options options;
    options.servers = {"nats://one:1"};
    World world(options);
    world.connect();
    world.server(lame);
    world.publish("a", "1");
    world.settle();
    EXPECT_EQ(world.session().state(), ConnectionState::connected);
    EXPECT_NE(world.wire()->sent.find("PUB a 1"), std::string::npos);
}

TEST(SessionMoves, CloseDoesNotWaitForTheNextServer) {
    World world(two_servers());
    world.connect();
    const auto open = world.request("svc", "", 30s);
    world.server(lame);
    world.publish("last", "words");
    const auto closed = world.close_op(2s);
    world.settle();
    EXPECT_NE(world.wires.front()->sent.find("PUB last 5\r\nwords"), std::string::npos);
    world.server("PONG\r\n");
    EXPECT_TRUE(closed->done());
    EXPECT_EQ(world.session().counters().lost_publishes, 0u);
}

TEST(SessionMoves, BecauseTheUserAsks) {
    World world(two_servers());
    world.connect();
    const auto sub = world.subscribe("a");
    const auto open = world.request("svc", "", 30s);
    world.session().reconnect();
    world.settle();
    ASSERT_TRUE(open->done());
    EXPECT_EQ(open->result->error().code(), ErrorCode::disconnected);
    EXPECT_EQ(world.wire()->host, "two");
    world.model = true;
    world.recover();
    EXPECT_EQ(world.session().state(), ConnectionState::connected);
    EXPECT_EQ(world.session().counters().reconnects, 1u);
}

TEST(SessionMoves, AskingEndsAPause) {
    Options options = two_servers();
    options.servers = {"nats://one:1"};
    options.reconnect_wait_min = options.reconnect_wait_max = 60s;
    World world(options);
    world.connect();
    world.dial = World::Dial::refuse;
    world.eof();
    world.after(1ms);
    const std::size_t before = world.dialed.size();
    world.dial = World::Dial::accept;
    world.session().reconnect();
    world.settle();
    EXPECT_EQ(world.dialed.size(), before + 1);
    world.connect();
    world.close();
    world.session().reconnect();  // does nothing
    EXPECT_EQ(world.session().state(), ConnectionState::closed);
}

}  // namespace
