// The user's hand on the server pool: another pool at run time, and choosing the next server.
// ADR-40.
#include "script.hpp"

#include <gtest/gtest.h>

namespace {

using namespace anynats;
using namespace script;
using namespace std::chrono_literals;

using Lines = std::vector<std::string>;

Options in_order(std::vector<std::string> servers) {
    Options options;
    options.servers = std::move(servers);
    options.randomize_servers = false;
    return options;
}

TEST(SessionServers, AnotherPoolHoldsFromTheNextConnectionOn) {
    World world(in_order({"nats://user:secret@one:1", "nats://two:2"}));
    world.connect();
    EXPECT_EQ(world.session().servers(), (Lines{"nats://one:1", "nats://two:2"}));
    ASSERT_FALSE(world.session().set_servers({"nats://three:3,four:4"}));
    EXPECT_EQ(world.session().servers(), (Lines{"nats://three:3", "nats://four:4"}));
    EXPECT_EQ(world.session().server(), "nats://one:1");
    EXPECT_EQ(world.session().state(), ConnectionState::connected);
    world.eof();
    EXPECT_EQ(world.wire()->host, "three");
    world.eof();
    EXPECT_EQ(world.wire()->host, "four");
    world.eof();
    world.after(5s);
    EXPECT_EQ(world.wire()->host, "three");
}

TEST(SessionServers, AnotherPoolIsTriedAtOnceWhileOneWaits) {
    Options options = in_order({"nats://one:1"});
    options.reconnect_wait_min = options.reconnect_wait_max = 60s;
    World world(options);
    world.connect();
    world.dial = World::Dial::refuse;
    world.eof();
    world.after(1ms);
    world.dial = World::Dial::accept;
    ASSERT_FALSE(world.session().set_servers({"two"}));
    world.settle();
    EXPECT_EQ(world.wire()->host, "two");
}

TEST(SessionServers, ABadPoolChangesNothing) {
    World world(in_order({"nats://one:1"}));
    world.connect();
    for (const char* bad : {"", "nats://", "what://a:1", "tls://a:1"}) {
        const auto refusal = world.session().set_servers({"nats://good:1", bad});
        ASSERT_TRUE(refusal) << bad;
        EXPECT_EQ(refusal->code(), ErrorCode::usage_error);
    }
    EXPECT_TRUE(world.session().set_servers({}));
    EXPECT_EQ(world.session().servers(), (Lines{"nats://one:1"}));
    world.close();
    EXPECT_EQ(world.session().set_servers({"nats://a:1"})->code(), ErrorCode::closed);
}

class ChoosingServers : public testing::Test {
protected:
    static Options asking() {
        Options options = in_order({"nats://one:1", "nats://two:2", "nats://three:3"});
        options.ask_for_server = true;
        return options;
    }
    void choose(std::size_t index, Duration wait = {}) {
        world.session().server_chosen(world.choices.back().epoch, index, wait, world.now());
        world.settle();
    }
    World world{asking()};
};

TEST_F(ChoosingServers, EachAttemptAsks) {
    world.settle();
    ASSERT_EQ(world.choices.size(), 1u);
    EXPECT_TRUE(world.dialed.empty());
    const Action asked = world.choices.back();
    ASSERT_EQ(asked.servers.size(), 3u);
    EXPECT_EQ(asked.servers[1].url, "nats://two:2");
    choose(1);
    EXPECT_EQ(world.wire()->host, "two");
    world.connect();
    world.eof();
    ASSERT_EQ(world.choices.size(), 2u);
    EXPECT_EQ(world.choices.back().servers.back().url, "nats://two:2");
    EXPECT_EQ(world.choices.back().servers.back().attempts, 1u);
    choose(2, 3s);  // two again, in three seconds
    EXPECT_EQ(world.dialed.size(), 1u);
    world.after(3s);
    EXPECT_EQ(world.wire()->host, "two");
    world.dial = World::Dial::refuse;
    world.eof();  // before it was stable, as the first time
    EXPECT_EQ(world.choices.back().servers.back().failures, 2u);
    EXPECT_GT(world.choices.back().servers.back().wait, Duration::zero());
}

TEST_F(ChoosingServers, ALateOrOddAnswerLeavesItToThePool) {
    world.settle();
    world.session().server_chosen(99, 1, {}, world.now());
    world.settle();
    EXPECT_TRUE(world.dialed.empty()) << "an answer to another question";
    world.after(5s);  // connect_timeout
    EXPECT_EQ(world.wire()->host, "one");
    world.session().server_chosen(world.choices.back().epoch, 1, {}, world.now());
    world.settle();
    EXPECT_EQ(world.dialed.size(), 1u);
    world.connect();
    world.eof();
    choose(77);
    EXPECT_EQ(world.wire()->host, "two");
}

TEST_F(ChoosingServers, AnotherPoolAsksAnew) {
    world.settle();
    ASSERT_FALSE(world.session().set_servers({"nats://four:4", "nats://five:5"}));
    world.settle();
    ASSERT_EQ(world.choices.size(), 2u);
    EXPECT_EQ(world.choices.back().servers.size(), 2u);
    world.session().server_chosen(world.choices.front().epoch, 0, {}, world.now());
    world.settle();
    EXPECT_TRUE(world.dialed.empty());
    choose(1);
    EXPECT_EQ(world.wire()->host, "five");
}

TEST_F(ChoosingServers, ClosedNobodyIsAskedAnyMore) {
    world.settle();
    world.close();
    choose(0);
    world.after(10s);
    EXPECT_TRUE(world.dialed.empty());
}

}  // namespace
