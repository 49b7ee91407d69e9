// Many replies to one request: each way in which they are complete, and each way they fail. ADR-47.
#include "script.hpp"

#include <gtest/gtest.h>

namespace {

using namespace anynats;
using namespace script;
using namespace std::chrono_literals;

using Lines = std::vector<std::string>;

struct Asked {
    World world;
    std::shared_ptr<SubscriptionState> replies;

    explicit Asked(const RequestManyOptions& options, Options client = {})
        : world(std::move(client)) {
        world.connect();
        world.lines();
        replies = world.request_many("svc", options);
    }
    void reply(std::string_view payload) {
        world.server(msg(replies->subject, replies->sid, payload));
    }
};

TEST(RequestMany, EndsWithItsTime) {
    Asked asked({.timeout = 2s});
    const std::string& inbox = asked.replies->subject;
    EXPECT_EQ(asked.world.lines(), (Lines{"SUB " + inbox + " 1", "PUB svc " + inbox + " 1"}));
    asked.reply("1");
    asked.world.after(1999ms);
    asked.reply("");
    EXPECT_FALSE(asked.replies->ended);
    asked.world.after(1ms);
    EXPECT_TRUE(asked.replies->ended && !asked.replies->end);
    EXPECT_EQ(asked.world.lines(), (Lines{"UNSUB 1"}));
    asked.reply("late");
    EXPECT_EQ(asked.world.take(asked.replies), (Lines{"1", ""}));
}

TEST(RequestMany, WithoutATimeTheOptionHolds) {
    Options client;
    client.request_timeout = 3s;
    Asked asked({}, client);
    asked.world.after(3s);
    EXPECT_TRUE(asked.replies->ended && !asked.replies->end) << "no reply is an answer";
}

TEST(RequestMany, EndsWithAPauseAfterAReply) {
    Asked asked({.timeout = 10s, .stall = 100ms});
    asked.world.after(1s);
    EXPECT_FALSE(asked.replies->ended) << "the first one has the whole time";
    for (const char* payload : {"1", "2", "3"}) {
        asked.reply(payload);
        asked.world.after(99ms);
    }
    EXPECT_FALSE(asked.replies->ended);
    asked.world.after(1ms);
    EXPECT_TRUE(asked.replies->ended);
    EXPECT_EQ(asked.world.take(asked.replies), (Lines{"1", "2", "3"}));
}

TEST(RequestMany, APauseIsNoLongerThanTheTime) {
    Asked asked({.timeout = 1s, .stall = 900ms});
    asked.world.after(500ms);
    asked.reply("1");
    asked.world.after(500ms);
    EXPECT_TRUE(asked.replies->ended);
}

TEST(RequestMany, EndsWithTheLastOfANumber) {
    Asked asked({.max_messages = 2});
    EXPECT_EQ(asked.world.lines().at(1), "UNSUB 1 2");
    asked.world.server(msg(asked.replies->subject, 1, "1") + msg(asked.replies->subject, 1, "2") +
                       msg(asked.replies->subject, 1, "3"));
    EXPECT_TRUE(asked.replies->ended);
    EXPECT_EQ(asked.world.take(asked.replies), (Lines{"1", "2"}));
    asked.world.after(10s);
}

TEST(RequestMany, EndsWithAnEmptyOneIfAskedTo) {
    Asked asked({.sentinel = true});
    asked.reply("1");
    asked.reply("");
    EXPECT_TRUE(asked.replies->ended && !asked.replies->end);
    EXPECT_EQ(asked.world.take(asked.replies), (Lines{"1"}));
}

TEST(RequestMany, FailsWhenNobodyListens) {
    Asked asked({});
    asked.world.server(hmsg(asked.replies->subject, 1, no_responders, ""));
    ASSERT_TRUE(asked.replies->ended && asked.replies->end);
    EXPECT_EQ(asked.replies->end->code(), ErrorCode::no_responders);
    EXPECT_TRUE(asked.world.take(asked.replies).empty());
}

TEST(RequestMany, FailsWithTheConnectionUnlessToldOtherwise) {
    for (const bool fail : {true, false}) {
        Options client;
        client.fail_requests_on_disconnect = fail;
        Asked asked({.timeout = 5s}, client);
        asked.reply("1");
        asked.world.eof();
        ASSERT_EQ(asked.replies->ended, fail);
        if (fail) {
            EXPECT_EQ(asked.replies->end->code(), ErrorCode::disconnected);
        }
        asked.world.lines();
        asked.world.connect();
        if (!fail) asked.reply("2");
        EXPECT_EQ(asked.world.take(asked.replies), fail ? Lines{"1"} : (Lines{"1", "2"}));
    }
}

TEST(RequestMany, ARefusedRequestLeavesNothing) {
    World world;
    world.connect();
    world.lines();
    EXPECT_EQ(world.session().request_many("not a subject", "").error().code(),
              ErrorCode::usage_error);
    world.settle();
    EXPECT_EQ(world.inner().subscriptions.size(), 0u);
    EXPECT_TRUE(world.inner().gatherings.empty());
    EXPECT_EQ(world.inner().timers.size(), 0u);
}

TEST(RequestMany, EndsWhenTheServerForbidsIt) {
    for (const bool by_reply : {false, true}) {
        Asked asked({.timeout = 5s});
        const std::string& inbox = asked.replies->subject;
        const std::string what = by_reply ? "Publish with Reply of \"" + inbox : "Publish to \"svc";
        asked.world.server("-ERR 'Permissions Violation for " + what + "\"'\r\n");
        ASSERT_TRUE(asked.replies->ended && asked.replies->end) << what;
        EXPECT_EQ(asked.replies->end->code(), ErrorCode::permission_violation);
        EXPECT_EQ(asked.world.inner().timers.size(), 0u);
    }
}

TEST(RequestMany, EndsWhenTheNextServerCannotTakeTheRequest) {
    Options options = one_server();
    options.fail_requests_on_disconnect = false;
    World world(options);
    world.connect();
    world.after(2s);
    world.eof();
    auto replies = world.session().request_many("svc", std::string(200, 'x')).value();
    world.server("INFO {\"max_payload\":100}\r\n");
    world.server("PONG\r\n");
    ASSERT_TRUE(replies->ended && replies->end);
    EXPECT_EQ(replies->end->code(), ErrorCode::max_payload);
    EXPECT_EQ(world.inner().timers.size(), 0u);
}

TEST(RequestMany, WaitsForNothingMoreWhenTheSubscriptionIsRefused) {
    Asked asked({.timeout = 5s});
    const std::string& inbox = asked.replies->subject;
    asked.world.server("-ERR 'Permissions Violation for Subscription to \"" + inbox + "\"'\r\n");
    ASSERT_TRUE(asked.replies->ended && asked.replies->end);
    EXPECT_EQ(asked.world.inner().timers.size(), 0u);
    EXPECT_TRUE(asked.world.inner().gatherings.empty());
}

TEST(RequestMany, DroppedItStops) {
    Asked asked({});
    asked.world.unsubscribe(asked.replies);
    asked.replies.reset();
    EXPECT_EQ(asked.world.inner().timers.size(), 0u);
    EXPECT_TRUE(asked.world.inner().gatherings.empty());
    asked.world.after(10s);
}

TEST(RequestMany, DrainWaitsForTheReplies) {
    Asked asked({.max_messages = 1});
    const auto drained = asked.world.drain();
    asked.world.server("PONG\r\n");
    EXPECT_FALSE(drained->done());
    asked.reply("1");
    EXPECT_FALSE(drained->done());
    EXPECT_EQ(asked.world.take(asked.replies), (Lines{"1"}));
    asked.world.server("PONG\r\n");
    EXPECT_TRUE(drained->done() && drained->result->ok());
}

TEST(RequestMany, OfAConversationCutAnywhere) {
    Script script("request_many");
    std::shared_ptr<SubscriptionState> replies;
    script.handshake()
        .call([&](World& w) { replies = w.request_many("svc", {.timeout = 5s, .stall = 1s}); })
        .client({"SUB _INBOX.", "PUB svc _INBOX."})
        .after(500ms)
        .after(5s)
        .client({"UNSUB 1"})
        .expect([&](World&) { EXPECT_TRUE(replies->ended); });
    EXPECT_GT(script.run(), 30u);
}

TEST(Rtt, IsTheTimeBetweenPingAndPong) {
    World world;
    world.connect();
    const auto measured = world.rtt();
    world.after(25ms);
    world.server("PONG\r\n");
    ASSERT_TRUE(measured->done());
    EXPECT_EQ(measured->result->value(), 25ms);
    const auto late = world.rtt(1s);
    world.after(1s);
    EXPECT_EQ(late->result->error().code(), ErrorCode::timeout_error);
}

}  // namespace
