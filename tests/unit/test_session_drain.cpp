// Ending in order: what was on the way arrives, nothing comes after, replies are there to the end,
// and the deadline holds. I23, B42, B53-B58.
#include "script.hpp"

#include <gtest/gtest.h>

namespace {

using namespace anynats;
using namespace script;
using namespace std::chrono_literals;

using Lines = std::vector<std::string>;

TEST(SubscriptionDrain, EverythingBeforeTheFenceArrives) {
    World world;
    world.connect();
    const auto sub = world.subscribe("a");
    world.server(msg("a", 1, "1"));
    world.lines();
    const auto drained = world.drain(sub);
    EXPECT_EQ(world.lines(), (Lines{"UNSUB 1", "PING"}));
    EXPECT_FALSE(sub->ended);
    world.server(msg("a", 1, "2"));
    EXPECT_FALSE(drained->done());
    world.server("PONG\r\n");
    ASSERT_TRUE(drained->done());
    EXPECT_TRUE(drained->result->ok());
    EXPECT_TRUE(sub->ended);
    EXPECT_FALSE(sub->end) << "it was asked for";
    world.server(msg("a", 1, "too late"));
    EXPECT_EQ(world.take(sub), (Lines{"1", "2"}));
    EXPECT_EQ(world.session().counters().unknown_sid, 1u);
    EXPECT_EQ(world.session().state(), ConnectionState::connected);
}

TEST(SubscriptionDrain, EndsWithoutAnybodyWhoWaits) {
    World world;
    world.connect();
    const auto sub = world.subscribe("a");
    auto drained = world.drain(sub, 1s);
    drained->cancel();
    drained.reset();
    world.server(msg("a", 1, "1") + "PONG\r\n");
    EXPECT_TRUE(sub->ended);
    EXPECT_EQ(world.take(sub), (Lines{"1"}));
}

TEST(SubscriptionDrain, OnlyItsOwnFenceEndsIt) {
    World world;
    world.connect();
    const auto first = world.subscribe("a"), second = world.subscribe("b");
    const auto flushed = world.flush(), drained = world.drain(first);
    const auto later = world.drain(second);
    world.server("PONG\r\n");
    EXPECT_TRUE(flushed->done() && !drained->done());
    world.server("PONG\r\n");
    EXPECT_TRUE(first->ended && !second->ended);
    world.server("PONG\r\n");
    EXPECT_TRUE(second->ended && later->done());
}

TEST(SubscriptionDrain, ADisconnectEndsItAndItIsNotResubscribed) {
    World world;
    world.connect();
    const auto sub = world.subscribe("a"), stays = world.subscribe("b");
    world.server(msg("a", 1, "1"));
    const auto drained = world.drain(sub);
    world.eof();
    ASSERT_TRUE(drained->done());
    EXPECT_TRUE(drained->result->ok()) << "nothing more can come";
    EXPECT_EQ(world.take(sub), (Lines{"1"}));
    world.lines();
    world.connect();
    EXPECT_EQ(world.lines().back(), "SUB b 2");
    EXPECT_EQ(world.wire()->interest.subs.count(1), 0u);
}

TEST(SubscriptionDrain, WithoutAConnectionItEndsAtOnce) {
    World world;
    const auto sub = world.subscribe("a");
    const auto drained = world.drain(sub);
    EXPECT_TRUE(drained->done() && drained->result->ok() && sub->ended);
    world.lines();
    world.connect();
    for (const std::string& line : world.lines()) EXPECT_EQ(line.find("SUB"), std::string::npos);
    EXPECT_TRUE(world.drain(sub)->done()) << "what has ended is drained";
}

TEST(SubscriptionDrain, TheDeadlineEndsItToo) {
    World world;
    world.connect();
    const auto sub = world.subscribe("a");
    const auto drained = world.drain(sub, 2s);
    world.after(2s);
    ASSERT_TRUE(drained->done());
    EXPECT_EQ(drained->result->error().code(), ErrorCode::timeout_error);
    EXPECT_TRUE(sub->ended);
    world.server("PONG\r\n");
}

TEST(SubscriptionDrain, OfALameDuckEndsWhenThatIsLeft) {
    Options options;
    options.servers = {"nats://one:1", "nats://two:2"};
    options.randomize_servers = false;
    World world(options);
    world.connect();
    const auto sub = world.subscribe("a");
    const auto open = world.request("svc", "", 30s);
    world.server(info_with(R"("ldm":true)"));
    const auto drained = world.drain(sub);
    world.server(msg("a", 1, "1"));
    EXPECT_FALSE(drained->done());
    world.after(5s);
    EXPECT_TRUE(drained->done() && sub->ended);
    EXPECT_EQ(world.take(sub), (Lines{"1"}));
}

TEST(SessionDrain, WorkIsDoneAndSentBeforeItCloses) {
    World world;
    world.connect();
    const auto sub = world.subscribe("work");
    world.server(msg("work", 1, "1", "back"));
    world.lines();
    const auto drained = world.drain();
    EXPECT_EQ(world.session().state(), ConnectionState::draining);
    EXPECT_TRUE(world.session().is_connected());
    EXPECT_EQ(world.lines(), (Lines{"UNSUB 1", "PING"}));
    EXPECT_EQ(world.session().subscribe("new").error().code(), ErrorCode::draining);
    world.server(msg("work", 1, "2", "back") + "PONG\r\n");
    EXPECT_FALSE(drained->done()) << "two messages were not taken";
    EXPECT_EQ(world.take(sub, 1), (Lines{"1"}));
    const auto asked = world.request("svc", "?", 5s);  // the handler needs a reply (B53)
    EXPECT_EQ(world.take(sub, 1), (Lines{"2"}));
    world.publish("back", "done");
    EXPECT_FALSE(drained->done());
    const std::string& sent = world.wire()->sent;
    const std::size_t at = sent.rfind(world.inner().inbox_root);
    const std::string inbox = sent.substr(at, sent.find(' ', at) - at);
    world.server(msg(inbox, world.inner().inbox->sid, "!"));
    EXPECT_TRUE(asked->done() && asked->result->ok());
    EXPECT_EQ(world.lines().back(), "PING");
    world.publish("back", "at last");  // between the fence and its answer
    world.server("PONG\r\n");
    EXPECT_FALSE(drained->done()) << "more was published meanwhile";
    world.server("PONG\r\n");
    ASSERT_TRUE(drained->done());
    EXPECT_TRUE(drained->result->ok());
    EXPECT_EQ(world.session().state(), ConnectionState::closed);
    EXPECT_NE(world.wires.front()->sent.find("at last"), std::string::npos);
    EXPECT_EQ(world.session().counters().lost_publishes, 0u);
    EXPECT_EQ(world.count(Event::Kind::closed), 1u);
    EXPECT_TRUE(world.drain()->done()) << "what is closed is drained";
}

TEST(SessionDrain, ARequestThatBeginsBehindTheLastFenceIsWaitedFor) {
    World world;
    world.connect();
    const auto sub = world.subscribe("work");
    world.server(msg("work", 1, "1", "back"));
    const auto drained = world.drain();
    world.server("PONG\r\n");
    world.take(sub);  // worked off, for all that the session knows
    EXPECT_EQ(world.lines().back(), "PING");
    const auto asked = world.request("svc", "?", 5s);
    world.server("PONG\r\n");
    EXPECT_FALSE(drained->done() || asked->done());
    const std::string& sent = world.wire()->sent;
    const std::size_t at = sent.rfind(world.inner().inbox_root);
    const std::string inbox = sent.substr(at, sent.find(' ', at) - at);
    world.server(msg(inbox, world.inner().inbox->sid, "!"));
    ASSERT_TRUE(asked->done() && asked->result->ok());
    world.publish("back", "answer");
    world.server("PONG\r\n");
    world.server("PONG\r\n");
    EXPECT_TRUE(drained->done() && drained->result->ok());
    EXPECT_NE(world.wires.front()->sent.find("answer"), std::string::npos);
}

TEST(SessionDrain, ASecondOneWaitsForTheSameWork) {
    World world;
    world.connect();
    const auto sub = world.subscribe("work");
    world.server(msg("work", 1, "1"));
    const auto first = world.drain();
    world.server("PONG\r\n");
    const auto second = world.drain();  // the subscription has ended, and is not worked off
    world.server("PONG\r\n");
    EXPECT_FALSE(first->done() || second->done());
    EXPECT_EQ(world.session().state(), ConnectionState::draining);
    world.take(sub);
    world.server("PONG\r\nPONG\r\n");
    EXPECT_TRUE(first->done() && second->done());
    EXPECT_EQ(world.session().state(), ConnectionState::closed);
}

TEST(SessionDrain, WhatIsLeftIsNamedAtTheDeadline) {
    World world;
    world.connect();
    const auto sub = world.subscribe("work");
    world.server(msg("work", 1, "1"));
    const auto drained = world.drain(10s);
    world.server("PONG\r\n");
    world.publish("a", "sent all the same");
    world.after(8s);
    EXPECT_FALSE(drained->done()) << "2 s are kept for sending";
    world.server("PONG\r\n");
    ASSERT_TRUE(drained->done());
    EXPECT_EQ(drained->result->error().code(), ErrorCode::timeout_error);
    EXPECT_NE(std::string(drained->result->error().what()).find("\"work\""), std::string::npos);
    EXPECT_EQ(world.session().state(), ConnectionState::closed);
    EXPECT_EQ(world.take(sub), (Lines{"1"})) << "it can still be taken";
}

TEST(SessionDrain, WhileReconnectingItSendsWhatWaitsOrGivesUp) {
    for (const bool comes_back : {true, false}) {
        World world;
        world.connect();
        const auto sub = world.subscribe("a");
        world.dial = World::Dial::hold;
        world.eof();
        world.publish("a", "waits");
        const auto drained = world.drain(10s);
        EXPECT_TRUE(sub->ended);
        EXPECT_FALSE(drained->done());
        if (comes_back) {
            world.dial = World::Dial::accept;
            world.model = true;
            world.after(9s);
            ASSERT_TRUE(drained->done());
            EXPECT_TRUE(drained->result->ok()) << drained->result->error().what();
        } else {
            world.after(10s);
            ASSERT_TRUE(drained->done());
            EXPECT_EQ(drained->result->error().code(), ErrorCode::timeout_error);
        }
        EXPECT_EQ(world.session().state(), ConnectionState::closed);
    }
}

TEST(SessionDrain, WithNothingToDoAndNobodyThereItClosesAtOnce) {
    World world;
    world.connect();
    const auto sub = world.subscribe("a");
    world.dial = World::Dial::hold;
    world.eof();
    const auto drained = world.drain();
    EXPECT_TRUE(drained->done() && drained->result->ok());
    EXPECT_EQ(world.session().state(), ConnectionState::closed);
}

TEST(SessionDrain, CloseBeatsIt) {
    World world;
    world.connect();
    const auto sub = world.subscribe("a");
    world.server(msg("a", 1, "1"));
    const auto drained = world.drain(), again = world.drain();
    world.close();
    for (const auto& one : {drained, again}) {
        ASSERT_TRUE(one->done());
        EXPECT_EQ(one->result->error().code(), ErrorCode::closed);
    }
    EXPECT_EQ(world.count(Event::Kind::closed), 1u);
}

TEST(SessionDrain, CloseBeatsItAlsoWhenMessagesAreLeftToWorkOff) {
    World world;
    world.connect();
    const auto sub = world.subscribe("a");
    world.server(msg("a", 1, "1"));
    const auto drained = world.drain(5s);
    world.server("PONG\r\n");
    EXPECT_TRUE(sub->ended);
    EXPECT_FALSE(drained->done());
    world.close();
    ASSERT_TRUE(drained->done());
    EXPECT_EQ(drained->result->error().code(), ErrorCode::closed);
}

TEST(SessionDrain, OfAConversationCutAnywhere) {
    std::shared_ptr<SubscriptionState> sub;
    Script script("drain");
    script.handshake()
        .call([&](World& w) { sub = w.subscribe("work"); })
        .client({"SUB work 1"})
        .server(msg("work", 1, "1", "back"))
        .call([](World& w) { w.drain(10s); })
        .client({"UNSUB 1", "PING"})
        .server(msg("work", 1, "2", "back"))
        .server("PONG\r\n")
        .call([&](World& w) {
            for (const std::string& work : w.take(sub)) w.publish("back", work);
        })
        .client({"PING", "PUB back 1", "PUB back 1"})
        .server("PONG\r\n")
        .client({"PING"})
        .server("PONG\r\n")
        .expect([](World& w) { EXPECT_EQ(w.session().state(), ConnectionState::closed); });
    EXPECT_GT(script.run(), 100u);
}

}  // namespace
