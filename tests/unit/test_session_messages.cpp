// Delivery: queues and their limits, auto-unsubscribe, taking, and the memory that messages lie in:
// chunks that are retired, slices that are moved together, and how far memory runs ahead of data.
// I10-I12, I24, I26, I27; T02, T03, T08, T24; B11, B39, B40, B69-B73.
#include <algorithm>
#include <random>

#include "core/chunk.hpp"
#include "script.hpp"

using namespace script;

namespace {

struct Woken : Waiter {
    int times = 0;
    void wake() noexcept override { ++times; }
};

std::vector<Message> take_all(World& world, const std::shared_ptr<SubscriptionState>& sub) {
    std::vector<Message> all;
    world.session().take(*sub, all, no_limit);
    return all;
}

TEST(SessionMessages, EveryPartArrivesAsItWasSent) {
    World world;
    world.connect();
    const auto sub = world.subscribe("a.>");
    const std::string headers = "NATS/1.0\r\nA: 1\r\na: 2\r\nA: 3\r\n\r\n";
    const std::string payload("\0\r\n\xff", 4);
    world.server(hmsg("a.b", 1, headers, payload, "re.ply") + msg("a.c", 1, ""));
    const std::vector<Message> all = take_all(world, sub);
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].subject(), "a.b");
    EXPECT_EQ(all[0].reply(), "re.ply");
    EXPECT_EQ(all[0].payload(), payload);
    EXPECT_EQ(all[0].raw_headers(), headers);
    EXPECT_EQ(all[0].headers().all("A"), (std::vector<std::string>{"1", "3"}));
    EXPECT_EQ(all[0].sid(), 1u);
    EXPECT_EQ(all[1].payload(), "");
    EXPECT_EQ(all[1].reply(), "");
    EXPECT_FALSE(all[1].has_headers());
}

TEST(SessionMessages, UnknownSubscriptionsAreSkippedWithoutMemory) {
    World world;
    world.connect();
    const auto sub = world.subscribe("a");
    const std::string large(8 << 20, 'x');
    world.read_piece = 64 << 10;
    std::size_t most = 0;
    for (int i = 0; i < 3; ++i) {
        const std::string frame = msg("big", 77, large);
        for (std::size_t at = 0; at < frame.size(); at += 64 << 10) {
            world.server(std::string_view(frame).substr(at, 64 << 10));
            most = std::max(most, world.inner().link->inbound.capacity());
        }
    }
    world.server(msg("a", 1, "next"));
    EXPECT_EQ(world.session().counters().unknown_sid, 3u);
    EXPECT_LE(most, 256u << 10);
    EXPECT_EQ(world.take(sub), (std::vector<std::string>{"next"}));
    // Between the SUB and the UNSUB, and between the line and the payload.
    world.server("MSG a 1 4\r\nab");
    world.unsubscribe(sub);
    world.server("cd\r\nPING\r\n");
    EXPECT_EQ(world.session().counters().unknown_sid, 4u);
    EXPECT_EQ(world.lines().back(), "PONG");
}

struct Limit {
    std::size_t messages, bytes;
    SlowConsumerPolicy policy;
};

TEST(SessionMessages, LimitsAreExactAndDropsAreCounted) {
    for (const Limit& limit : {Limit{3, 1'000'000, SlowConsumerPolicy::drop_new},
                               Limit{3, 1'000'000, SlowConsumerPolicy::drop_old},
                               Limit{1'000, 15, SlowConsumerPolicy::drop_new},
                               Limit{1'000, 15, SlowConsumerPolicy::drop_old},
                               Limit{1'000, 17, SlowConsumerPolicy::drop_old}}) {
        World world;
        world.connect();
        SubscribeOptions options;
        options.pending_messages = limit.messages;
        options.pending_bytes = limit.bytes;
        options.slow_consumer = limit.policy;
        const auto sub = world.subscribe("a", options);
        // Each counts 5 bytes: subject, reply, payload.
        for (int i = 0; i < 10; ++i) world.server(msg("a", 1, "p0" + std::to_string(i), "r"));
        EXPECT_EQ(sub->held.size(), 3u);
        EXPECT_EQ(sub->held_bytes, 15u);
        EXPECT_EQ(sub->dropped, 7u);
        EXPECT_EQ(sub->received, 10u);
        EXPECT_EQ(world.session().counters().dropped, 7u);
        const bool old = limit.policy == SlowConsumerPolicy::drop_old;
        EXPECT_EQ(world.take(sub), old ? (std::vector<std::string>{"p07", "p08", "p09"})
                                       : (std::vector<std::string>{"p00", "p01", "p02"}));
        EXPECT_EQ(sub->held_bytes, 0u);
        EXPECT_EQ(sub->delivered, 3u);
    }
}

TEST(SessionMessages, HeadersCountBothWays) {
    World world;
    world.connect();
    SubscribeOptions options;
    options.pending_bytes = 200;
    const auto sub = world.subscribe("a", options);
    const std::string frame = hmsg("a", 1, "NATS/1.0\r\nKey: value\r\n\r\n", "payload");
    for (int i = 0; i < 1'000; ++i) {  // B70: after enough messages everything was dropped
        world.server(frame);
        ASSERT_EQ(world.take(sub).size(), 1u);
    }
    EXPECT_EQ(sub->dropped, 0u);
    EXPECT_EQ(sub->held_bytes, 0u);
    // Also when some are left behind by each take.
    for (int i = 0; i < 1'000; ++i) {
        world.server(frame);
        if (i) {
            ASSERT_EQ(world.take(sub, 1).size(), 1u);
        }
    }
    EXPECT_EQ(sub->dropped, 0u);
    EXPECT_EQ(sub->held_bytes, sub->held[0].size());
}

TEST(SessionMessages, OneMessageLargerThanTheLimitIsDropped) {
    for (const auto policy : {SlowConsumerPolicy::drop_new, SlowConsumerPolicy::drop_old}) {
        World world;
        world.connect();
        SubscribeOptions options;
        options.pending_bytes = 10;
        options.slow_consumer = policy;
        const auto sub = world.subscribe("a", options);
        world.server(msg("a", 1, "small") + msg("a", 1, std::string(11, 'x')));
        EXPECT_EQ(sub->dropped, 1u);
        EXPECT_EQ(world.take(sub), (std::vector<std::string>{"small"}));
    }
}

TEST(SessionMessages, ZeroMeansNoLimit) {
    for (const auto policy : {SlowConsumerPolicy::drop_new, SlowConsumerPolicy::drop_old}) {
        World world;
        world.connect();
        SubscribeOptions options;
        options.pending_bytes = 0;
        options.pending_messages = 2;
        options.slow_consumer = policy;
        const auto sub = world.subscribe("a", options);
        for (int i = 0; i < 4; ++i) world.server(msg("a", 1, std::to_string(i)));
        const bool old = policy == SlowConsumerPolicy::drop_old;
        EXPECT_EQ(world.take(sub), old ? (std::vector<std::string>{"2", "3"})
                                       : (std::vector<std::string>{"0", "1"}));
    }
}

TEST(SessionMessages, SlowConsumerIsToldAtTheEdgeOnly) {
    World world;
    world.connect();
    SubscribeOptions options;
    options.pending_messages = 2;
    const auto sub = world.subscribe("a", options);
    const auto other = world.subscribe("b");
    for (int i = 0; i < 100; ++i) world.server(msg("a", 1, "x"));
    EXPECT_EQ(world.count(Event::Kind::slow_consumer), 1u);
    EXPECT_EQ(world.events.back().sid, sub->sid);
    EXPECT_EQ(world.events.back().error->code(), ErrorCode::slow_consumer);
    // A full queue stops nothing else: pings are answered, others get theirs (B69, B71).
    world.server("PING\r\n" + msg("b", 2, "y"));
    EXPECT_EQ(world.lines().back(), "PONG");
    EXPECT_EQ(world.take(other), (std::vector<std::string>{"y"}));
    EXPECT_FALSE(world.publish("c", "works"));
    EXPECT_FALSE(world.session().last_error());
    world.take(sub);
    for (int i = 0; i < 100; ++i) world.server(msg("a", 1, "x"));
    EXPECT_EQ(world.count(Event::Kind::slow_consumer), 2u);
    EXPECT_EQ(sub->dropped, 196u);
}

TEST(SessionMessages, AutoUnsubscribeEndsAfterExactlySoMany) {
    World world;
    world.connect();
    const auto sub = world.subscribe("a");
    Woken waiter;
    sub->waiters.join(waiter);
    world.unsubscribe(sub, 3);
    EXPECT_EQ(world.lines(), (std::vector<std::string>{"SUB a 1", "UNSUB 1 3"}));
    for (int i = 1; i <= 5; ++i) world.server(msg("a", 1, std::to_string(i)));
    EXPECT_TRUE(sub->ended);
    EXPECT_FALSE(sub->end);
    EXPECT_EQ(waiter.times, 1);
    EXPECT_EQ(world.inner().subscriptions.size(), 0u);  // B43
    EXPECT_EQ(world.take(sub), (std::vector<std::string>{"1", "2", "3"}));
    EXPECT_EQ(world.session().counters().unknown_sid, 2u);
    world.unsubscribe(sub);  // again, harmless
    EXPECT_TRUE(world.lines().empty());
}

TEST(SessionMessages, ALimitCanBeSetAfterSomeHaveCome) {
    World world;
    world.connect();
    const auto sub = world.subscribe("a");
    for (int i = 1; i <= 3; ++i) world.server(msg("a", 1, std::to_string(i)));
    world.unsubscribe(sub, 4);
    EXPECT_EQ(world.lines().back(), "UNSUB 1 4");
    EXPECT_FALSE(sub->ended);
    world.server(msg("a", 1, "4"));
    EXPECT_TRUE(sub->ended);
    const auto done = world.subscribe("b");
    world.server(msg("b", 2, "1"));
    world.unsubscribe(done, 1);  // B39
    EXPECT_TRUE(done->ended);
    EXPECT_EQ(world.lines().back(), "UNSUB 2");
}

TEST(SessionMessages, UnsubscribeLeavesWhatIsHeld) {
    World world;
    world.connect();
    const auto sub = world.subscribe("a");
    Woken waiter;
    world.server(msg("a", 1, "1") + msg("a", 1, "2"));
    sub->waiters.join(waiter);
    world.unsubscribe(sub);
    EXPECT_EQ(waiter.times, 1);
    EXPECT_TRUE(sub->ended);
    world.server(msg("a", 1, "3"));
    EXPECT_EQ(world.take(sub), (std::vector<std::string>{"1", "2"}));
}

TEST(SessionMessages, CloseEndsSubscriptionsAndSaysWhy) {
    World world;
    world.connect();
    const auto sub = world.subscribe("a");
    Woken waiter;
    sub->waiters.join(waiter);
    world.server(msg("a", 1, "1"));
    EXPECT_EQ(waiter.times, 1);
    sub->waiters.join(waiter);
    world.session().close(Error(ErrorCode::no_servers, "none left"));
    world.session().run_ready();
    world.settle();
    EXPECT_EQ(waiter.times, 2);
    ASSERT_TRUE(sub->end);
    EXPECT_EQ(sub->end->code(), ErrorCode::closed);
    EXPECT_EQ(sub->end->cause()->code(), ErrorCode::no_servers);
    EXPECT_EQ(world.take(sub), (std::vector<std::string>{"1"}));
}

TEST(SessionMessages, TakingInBatchesKeepsOrderAndCounts) {
    World world;
    world.connect();
    const auto sub = world.subscribe("a");
    std::mt19937 random(42);
    std::vector<std::string> sent, got;
    for (int round = 0; round < 2'000; ++round) {
        for (unsigned n = random() % 5; n > 0; --n) {
            sent.push_back(std::to_string(sent.size()));
            world.server(msg("a", 1, sent.back()));
        }
        std::vector<Message> batch(random() % 2);  // also when `out` holds something
        const std::size_t before = batch.size();
        world.session().take(*sub, batch, random() % 6);
        for (std::size_t i = before; i < batch.size(); ++i) got.emplace_back(batch[i].payload());
        ASSERT_EQ(world.session().check(), nullptr) << "seed 42, round " << round;
    }
    for (const std::string& rest : world.take(sub)) got.push_back(rest);
    EXPECT_EQ(got, sent);
    EXPECT_EQ(sub->received, sub->delivered);
}

TEST(SessionMessages, OneWaiterAMessageAndNoneIsForgotten) {
    World world;
    world.connect();
    const auto sub = world.subscribe("a");
    Woken one, two, three;
    sub->waiters.join(one);
    sub->waiters.join(two);
    sub->waiters.join(three);
    world.server(msg("a", 1, "1") + msg("a", 1, "2"));
    EXPECT_EQ(one.times + two.times + three.times, 2);  // B73
    std::vector<Message> out;
    world.session().take(*sub, out, 1);
    EXPECT_EQ(one.times + two.times + three.times, 3) << "one is left, so the next is told";
    world.session().take(*sub, out, 1);
    // Nobody is waiting now; a message that comes must be seen by who joins and looks.
    world.server(msg("a", 1, "3"));
    EXPECT_EQ(sub->held.size(), 1u);
    // A waiter that gives up is not told, the next one is.
    world.session().take(*sub, out, 1);
    {
        Woken gone;
        sub->waiters.join(gone);
    }
    sub->waiters.join(one);
    world.server(msg("a", 1, "4"));
    EXPECT_EQ(one.times, 2);
}

/// What a message must be, from its number.
struct Expected {
    std::string subject, reply, headers, payload;
};

Expected expected(std::size_t number, std::size_t size) {
    Expected all;
    all.subject = "s." + std::to_string(number);
    if (number % 3 == 0) all.reply = "r." + std::to_string(number);
    if (number % 4 == 0) all.headers = "NATS/1.0\r\nN: " + std::to_string(number) + "\r\n\r\n";
    all.payload.resize(size);
    for (std::size_t i = 0; i < size; ++i) all.payload[i] = static_cast<char>(number * 7 + i * 31);
    return all;
}

std::string frame_of(const Expected& all) {
    return all.headers.empty() ? msg(all.subject, 1, all.payload, all.reply)
                               : hmsg(all.subject, 1, all.headers, all.payload, all.reply);
}

void expect_same(const Message& message, const Expected& all) {
    EXPECT_EQ(message.subject(), all.subject);
    EXPECT_EQ(message.reply(), all.reply);
    EXPECT_EQ(message.raw_headers(), all.headers);
    EXPECT_TRUE(message.payload() == all.payload) << all.subject;
    EXPECT_EQ(message.has_headers(), !all.headers.empty());
    EXPECT_FALSE(message.header_error());
    EXPECT_EQ(message.sid(), 1u);
    EXPECT_EQ(message.size(),
              all.subject.size() + all.reply.size() + all.headers.size() + all.payload.size());
}

void messages_stay_intact(const std::vector<std::size_t>& sizes, std::size_t read_piece,
                          std::size_t taken_every) {
    Options options;
    options.sub_pending_bytes = 1u << 30;
    World world(options);
    world.connect();
    const auto sub = world.subscribe("s.*");
    world.read_piece = read_piece;
    std::vector<Message> got;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        world.server(frame_of(expected(i, sizes[i])));
        if (taken_every && i % taken_every == 0) world.session().take(*sub, got, 3);
    }
    world.after(2s);
    world.eof();  // also the last chunk is left to its messages
    world.lines();
    world.connect();
    world.session().take(*sub, got, no_limit);
    ASSERT_EQ(got.size(), sizes.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
        expect_same(got[i], expected(i, sizes[i]));
        if (::testing::Test::HasFailure()) {
            ADD_FAILURE() << "message " << i << " of " << sizes[i] << " bytes, reads of "
                          << read_piece << ", taken every " << taken_every;
            return;
        }
    }
}

TEST(SessionMessages, MessagesOutliveTheirChunks) {
    std::vector<std::size_t> sizes;
    for (std::size_t size = 0; size < 600; ++size) sizes.push_back(size * 7 % 300);
    for (const std::size_t size : {4'000, 4'095, 4'096, 4'097, 9'000, 20'000, 65'535, 65'536,
                                   65'537, 262'144, 300'000, 1'048'576, 17}) {
        sizes.push_back(size);
    }
    for (const std::size_t piece : {std::size_t{1'000}, std::size_t{4'096}, no_limit}) {
        for (const std::size_t every : {0, 1, 5}) messages_stay_intact(sizes, piece, every);
    }
}

TEST(SessionMessages, MessagesOfThreeMebibytes) {
    messages_stay_intact({3u << 20, 10, 3u << 20, 3u << 20, 0}, 100'000, 0);
    messages_stay_intact({3u << 20, 10, (3u << 20) + 1, 5}, no_limit, 1);
}

TEST(SessionMessages, RandomSizesInRandomReads) {
    for (unsigned seed = 0; seed < 30; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        std::mt19937 random(seed);
        std::vector<std::size_t> sizes;
        for (int i = 0; i < 100; ++i) {
            sizes.push_back(random() % (random() % 10 ? 200 : 30'000));
        }
        messages_stay_intact(sizes, 1 + random() % 20'000, random() % 4);
    }
}

TEST(SessionMessages, FewSmallMessagesDoNotKeepWholeChunks) {
    Options options;
    World world(options);
    world.connect();
    const auto busy = world.subscribe("busy");
    const auto rare = world.subscribe("rare");
    const std::string filler = msg("busy", 1, std::string(1'000, 'x'));
    std::string burst;
    for (int i = 0; i < 100; ++i) burst += filler;
    for (int i = 0; i < 50; ++i) {
        world.server(burst + msg("rare", 2, std::to_string(i)) + burst);
        world.take(busy);
    }
    // 50 held messages of a few bytes; each in a block no larger than itself needs to be.
    std::vector<Message> held = take_all(world, rare);
    ASSERT_EQ(held.size(), 50u);
    std::size_t memory = 0;
    for (std::size_t i = 0; i < 50; ++i) {
        EXPECT_EQ(held[i].payload(), std::to_string(i));
        EXPECT_FALSE(held[i].header_error());
        if (!i || held[i].chunk().get() != held[i - 1].chunk().get()) {
            memory += held[i].chunk().get()->capacity;
        }
    }
    EXPECT_LT(memory, 600u << 10) << "at most the newest chunk or two are still whole";
}

TEST(SessionMessages, MemoryRunsOnlySoFarAheadOfTheData) {
    World world;
    world.connect();
    const auto sub = world.subscribe("a");
    world.server("MSG a 1 67108864\r\n");  // 64 MiB announced, nothing sent
    const std::string piece(10'000, 'x');
    std::size_t sent = 0;
    for (int i = 0; i < 1'500; ++i) {
        EXPECT_LE(world.session().prepare().size(), std::max<std::size_t>(1u << 20, sent) + 65'536);
        EXPECT_LE(world.inner().link->inbound.capacity(),
                  sent + std::max<std::size_t>(1u << 20, sent) + 65'536);
        world.server(piece);
        sent += piece.size();
    }
    world.eof();
    EXPECT_LE(world.inner().link->inbound.capacity(), 4'096u);
}

TEST(SessionMessages, OversizeIsLostFraming) {
    Options options;
    options.max_inbound_message = 1'000;
    for (const char* line :
         {"MSG a 1 1001\r\n", "MSG a 1 99999999999999999999\r\n", "MSG a 1 -5\r\n",
          "MSG a 1 +5\r\n", "MSG a 1 0x10\r\n", "HMSG a 1 20 10\r\n", "MSG a 1\r\n"}) {
        SCOPED_TRACE(line);
        World world(options);
        world.connect();
        world.subscribe("a");
        world.server(line);
        EXPECT_EQ(world.session().state(), ConnectionState::reconnecting);
        EXPECT_EQ(world.session().counters().protocol_errors, 1u);
        world.recover();
    }
    World world(options);
    world.connect();
    const auto sub = world.subscribe("a");
    world.server(msg("a", 1, std::string(1'000, 'x')));
    EXPECT_EQ(world.take(sub).size(), 1u);
}

TEST(SessionMessages, BadHeadersAreThatMessagesBusiness) {
    World world;
    world.connect();
    const auto sub = world.subscribe("a");
    for (const char* block :
         {"NATS/1.0", "HTTP/1.0\r\n\r\n", "NATS/1.0 5\r\n\r\n", "NATS/1.0418\r\n\r\n",
          "NATS/1.0\r\nno colon\r\n\r\n", "\xff\xfe\r\n\r\n", "NATS/1.0 4O4\r\n\r\n"}) {
        world.server(hmsg("a", 1, block, "p"));
        std::vector<Message> got = take_all(world, sub);
        ASSERT_EQ(got.size(), 1u) << block;
        EXPECT_EQ(got[0].raw_headers(), block);
        EXPECT_TRUE(got[0].header_error()) << block;
        EXPECT_EQ(got[0].status(), 0) << block;
        EXPECT_EQ(got[0].payload(), "p");
    }
    EXPECT_EQ(world.session().state(), ConnectionState::connected);
}

TEST(SessionMessages, EndedSubscriptionsAreNotKept) {
    World world;
    world.connect();
    std::weak_ptr<SubscriptionState> last;
    std::size_t alive = 0;
    std::vector<std::weak_ptr<SubscriptionState>> all;
    for (int i = 1; i <= 1'000; ++i) {
        const auto sub = world.subscribe("a");
        world.server(msg("a", static_cast<std::uint64_t>(i), "x"));
        world.take(sub);
        world.unsubscribe(sub);
        all.push_back(sub);
    }
    world.server("PING\r\n");
    for (const auto& sub : all) alive += sub.expired() ? 0 : 1;
    EXPECT_LE(alive, 2u) << "subscriptions pile up that are over (B43)";
}

TEST(SessionMessages, MaxSubscriptionsCountsTheUsersOwn) {
    Options options;
    options.max_subscriptions = 2;
    World world(options);
    world.connect();
    world.request("svc", "q");  // the reply inbox is not the user's
    const auto one = world.subscribe("a");
    const auto two = world.subscribe("b");
    ASSERT_TRUE(one && two);
    EXPECT_EQ(world.session().subscribe("c").error().code(), ErrorCode::usage_error);
    world.unsubscribe(one);
    EXPECT_TRUE(world.session().subscribe("c").ok());
}

TEST(SessionMessages, BadArgumentsAreRefusedAndNothingIsWritten) {
    World world;
    world.connect();
    const std::string nul("a\0b", 3);
    for (const std::string& bad :
         {std::string(), std::string("a b"), std::string("a\r\nPUB x 0\r\n"), std::string("a\t"),
          nul, std::string("a\x7f"), std::string(".a"), std::string("a..b"), std::string("a.")}) {
        EXPECT_EQ(world.session().publish(bad, "x")->code(), ErrorCode::usage_error) << bad;
        EXPECT_EQ(world.session().subscribe(bad).error().code(), ErrorCode::usage_error) << bad;
        if (!bad.empty()) {
            EXPECT_EQ(world.session().publish("a", "x", bad)->code(), ErrorCode::usage_error);
        }
    }
    SubscribeOptions queue;
    queue.queue = "a b";
    EXPECT_EQ(world.session().subscribe("a", queue).error().code(), ErrorCode::usage_error);
    EXPECT_EQ(world.session().publish("a", std::string(1'048'577, 'x'))->code(),
              ErrorCode::max_payload);
    EXPECT_EQ(
        world.session().publish("a", std::string(1'048'570, 'x'), {}, "NATS/1.0\r\n\r\n")->code(),
        ErrorCode::max_payload);
    EXPECT_FALSE(header_block({{"bad name", "x"}}).ok());
    EXPECT_FALSE(header_block({{"", "x"}}).ok());
    EXPECT_FALSE(header_block({{"a:b", "x"}}).ok());
    EXPECT_FALSE(header_block({{"a", "x\r\ny"}}).ok());
    world.settle();
    EXPECT_TRUE(world.lines().empty());
    EXPECT_GE(world.session().counters().rejected_calls, 29u);
}

TEST(SessionMessages, Scripts) {
    SubscribeOptions small;
    small.pending_messages = 2;
    Script("delivery")
        .handshake()
        .call([small](World& world) {
            world.subscribe("a", small);
            world.subscribe("b");
        })
        .client({"SUB a 1", "SUB b 2"})
        .server(msg("a", 1, "1") + hmsg("b", 2, "NATS/1.0\r\nK: v\r\n\r\n", "2", "r"))
        .server(msg("a", 1, "3") + msg("a", 1, "4") + msg("c", 9, "5") + "PING\r\n")
        .client({"PONG"})
        .expect([](World& world) {
            EXPECT_EQ(world.count(Event::Kind::slow_consumer), 1u);
            EXPECT_EQ(world.session().counters().unknown_sid, 1u);
        })
        .server("-ERR 'Permissions Violation for Subscription to \"b\"'\r\n" + info)
        .run();
}

}  // namespace
