// Operations: request, flush, connect and close in every way they can end, dropped at any moment,
// detached, a thousand at a time. I14, I15; T22, T23; B45-B51, B54, B58, B62-B65.
#include <algorithm>
#include <random>
#include <set>

#include "script.hpp"

using namespace script;

namespace {

template <class T>
std::string outcome(const std::shared_ptr<ResultState<T>>& operation) {
    if (!operation->done()) return "open";
    if (operation->result->ok()) return "ok";
    return std::string(to_string(operation->result->error().code()));
}

/// The reply subject and payload of each request written since the last look.
std::vector<std::pair<std::string, std::string>> requests(World& world) {
    std::vector<std::pair<std::string, std::string>> all;
    for (const ClientFrame& frame : world.client()) {
        if (frame.publish()) all.emplace_back(frame.reply(), frame.payload);
    }
    return all;
}

TEST(Request, GetsItsReply) {
    World world(one_server());
    world.connect();
    const auto operation = world.request("svc", "question");
    const std::vector<ClientFrame> frames = world.client();
    ASSERT_EQ(frames.size(), 2u);
    EXPECT_EQ(frames[0].words[0], "SUB");
    const std::string inbox = frames[0].subject();
    EXPECT_EQ(inbox.substr(0, 7), "_INBOX.");
    EXPECT_EQ(inbox.substr(inbox.size() - 2), ".*");
    const std::string reply = frames[1].reply();
    EXPECT_EQ(reply.substr(0, inbox.size() - 1), inbox.substr(0, inbox.size() - 1));
    EXPECT_EQ(reply.find('.', inbox.size() - 1), std::string::npos) << "one token";
    world.server(msg(reply, 1, "answer"));
    ASSERT_EQ(outcome(operation), "ok");
    EXPECT_EQ(operation->result->value().payload(), "answer");
    world.request("svc", "again");
    EXPECT_EQ(world.lines().size(), 1u) << "the inbox is subscribed to once";
}

TEST(Request, LateDuplicateAndForeignRepliesMatchNobody) {
    World world(one_server());
    world.connect();
    const auto first = world.request("svc", "1");
    const std::string reply1 = requests(world)[0].first;
    const std::string root = reply1.substr(0, reply1.rfind('.') + 1);
    world.server(msg(reply1, 1, "a") + msg(reply1, 1, "b"));
    EXPECT_EQ(first->result->value().payload(), "a");
    // B45: the second reply to the first must not reach the second.
    const auto second = world.request("svc", "2");
    const std::string reply2 = requests(world)[0].first;
    EXPECT_NE(reply1, reply2);
    world.server(msg(reply1, 1, "c"));
    EXPECT_EQ(outcome(second), "open");
    for (const char* token : {"0", "_", "0_", "_1", "x", "99999_1", "0_0", "-1_5", "0_1x",
                              "18446744073709551616_1", "0_99999999999999999999999"}) {
        world.server(msg(root + token, 1, "guess"));
    }
    world.server(msg("short", 1, "other subject"));
    EXPECT_EQ(outcome(second), "open");
    world.after(1s);
    EXPECT_EQ(outcome(second), "TimeoutError");
    world.server(msg(reply2, 1, "late"));
    const Counters counters = world.session().counters();
    EXPECT_EQ(counters.duplicate_replies + counters.late_replies, 1u + 1 + 12 + 1);
    EXPECT_GE(counters.duplicate_replies, 1u);
    EXPECT_EQ(world.inner().replies.open_count(), 0u);
}

TEST(Request, NoRespondersIsAStatusLineWithoutPayload) {
    const auto ask = [](World& world, const std::string& block, const std::string& payload) {
        const auto operation = world.request("svc", "q");
        world.server(hmsg(requests(world)[0].first, 1, block, payload));
        return outcome(operation);
    };
    World world(one_server());
    world.connect();
    EXPECT_EQ(ask(world, no_responders, ""), "NoResponders");
    EXPECT_EQ(ask(world, "NATS/1.0 503 No Responders\r\n\r\n", ""), "NoResponders");
    EXPECT_EQ(ask(world, no_responders, "payload"), "ok");
    // T05: ordinary headers do not make a status.
    EXPECT_EQ(ask(world, "NATS/1.0\r\nStatus: 503\r\n\r\n", ""), "ok");
    EXPECT_EQ(ask(world, "NATS/1.0\r\nDescription: 503\r\n\r\n", ""), "ok");
    EXPECT_EQ(ask(world, "NATS/1.0 404\r\n\r\n", ""), "ok");
    EXPECT_EQ(ask(world, "NATS/1.0503\r\n\r\n", ""), "ok");
}

TEST(Request, EndsByItsDeadlineAndNotBefore) {
    World world(one_server());
    world.connect();
    const auto operation = world.request("svc", "q", 250ms);
    world.after(250ms - 1ns);
    EXPECT_EQ(outcome(operation), "open");
    world.after(1ns);
    EXPECT_EQ(outcome(operation), "TimeoutError");
    EXPECT_NE(operation->result->error().message().find("svc"), std::string::npos);
    EXPECT_NE(operation->result->error().message().find("s1:4001"), std::string::npos);
    EXPECT_NE(operation->result->error().message().find("0.25 s"), std::string::npos);
    // B63: a time beyond the clock's end does not overflow; the wait simply lasts.
    const auto patient = world.request("svc", "q", Duration::max());
    world.after(100s);
    EXPECT_EQ(outcome(patient), "open");
    patient->cancel();
}

TEST(Request, AReplyAtTheVeryDeadlineEndsItOnce) {
    World world(one_server());
    world.connect();
    const auto operation = world.request("svc", "q", 250ms);
    const std::string reply = requests(world)[0].first;
    world.session().advance(world.now() + 250ms);
    world.session().receive_data(world.wire()->epoch, msg(reply, 1, "just"), world.now() + 250ms);
    world.after(250ms);
    EXPECT_EQ(outcome(operation), "ok");  // B49
    const auto other = world.request("svc", "q2", 250ms);
    world.session().handle_timeout(world.now() + 250ms);
    world.session().receive_data(world.wire()->epoch, msg(requests(world)[0].first, 1, "late"),
                                 world.now() + 250ms);
    EXPECT_EQ(outcome(other), "TimeoutError");
    EXPECT_EQ(world.session().counters().late_replies, 1u);
}

TEST(Request, CancelledByDroppingIt) {
    World world(one_server());
    world.connect();
    {
        Operation<Message> operation(world.request("svc", "dropped"), nullptr);
        EXPECT_FALSE(operation.done());
        EXPECT_EQ(world.inner().replies.open_count(), 1u);
    }
    EXPECT_EQ(world.inner().replies.open_count(), 0u);  // B48
    EXPECT_EQ(world.inner().timers.size(), 0u);
    world.server(msg(requests(world)[0].first, 1, "late"));
    EXPECT_EQ(world.session().counters().late_replies, 1u);
    const auto operation = world.request("svc", "cancelled");
    operation->cancel();
    EXPECT_EQ(outcome(operation), "Cancelled");
    operation->cancel();
    EXPECT_EQ(outcome(operation), "Cancelled");
}

TEST(Request, OpenOnesFailAtADisconnect) {
    World world(one_server());
    world.connect();
    const auto operation = world.request("svc", "q", 10s);
    world.eof();
    EXPECT_EQ(outcome(operation), "Disconnected");  // B51
    ASSERT_NE(operation->result->error().cause(), nullptr);
    Options options = one_server();
    options.fail_requests_on_disconnect = false;
    World patient(options);
    patient.connect();
    patient.after(2s);
    const auto waits = patient.request("svc", "q", 10s);
    const std::string reply = requests(patient)[0].first;
    patient.eof();
    EXPECT_EQ(outcome(waits), "open");
    patient.connect();
    patient.server(msg(reply, 1, "after all"));
    EXPECT_EQ(outcome(waits), "ok");
}

TEST(Request, MadeWhileDisconnectedWaitsForTheConnection) {
    World world(one_server());
    world.connect();
    world.after(2s);
    world.eof();
    const auto operation = world.request("svc", "q", 10s);
    world.lines();
    world.connect();
    const auto asked = requests(world);
    world.settle();
    const std::vector<ClientFrame>& frames = world.wire()->reader.frames;
    ASSERT_TRUE(frames.back().publish());
    EXPECT_EQ(frames[frames.size() - 2].words[0], "SUB");
    world.server(msg(frames.back().reply(), 1, "answer"));
    EXPECT_EQ(outcome(operation), "ok");
}

TEST(Request, OnAClosedSession) {
    World world(one_server());
    world.connect();
    const auto open = world.request("svc", "q", 10s);
    world.close();
    EXPECT_EQ(outcome(open), "Closed");
    const auto late = world.request("svc", "q", 10s);
    EXPECT_EQ(outcome(late), "Closed");
    EXPECT_EQ(world.inner().replies.open_count(), 0u);
    EXPECT_EQ(world.inner().subscriptions.size(), 0u);
}

TEST(Request, BadArgumentsEndItAtOnce) {
    World world(one_server());
    world.connect();
    EXPECT_EQ(outcome(world.request("a b", "q")), "UsageError");
    EXPECT_EQ(outcome(world.request("a", std::string(2 << 20, 'x'))), "MaxPayload");
    EXPECT_EQ(world.inner().replies.open_count(), 0u);
    EXPECT_EQ(world.inner().timers.size(), 0u);
}

TEST(Request, AThousandAtATimeInRandomOrder) {
    constexpr int count = 1'000;
    std::mt19937 random(7);
    World world(one_server());
    world.connect();
    std::set<std::string> tokens;
    for (int round = 0; round < 3; ++round) {
        std::vector<std::shared_ptr<ResultState<Message>>> operations;
        for (int i = 0; i < count; ++i) {
            operations.push_back(world.request("svc", std::to_string(i), 1s));
        }
        auto asked = requests(world);
        ASSERT_EQ(asked.size(), static_cast<std::size_t>(count));
        for (const auto& [reply, payload] : asked) {
            EXPECT_TRUE(tokens.insert(reply).second) << "a token came twice (B46)";
        }
        std::shuffle(asked.begin(), asked.end(), random);
        std::string bytes;
        std::set<std::string> unanswered, nobody;
        for (const auto& [reply, payload] : asked) {
            switch (random() % 10) {
                case 0:
                    unanswered.insert(payload);
                    break;
                case 1:
                    nobody.insert(payload);
                    bytes += hmsg(reply, 1, no_responders, "");
                    break;
                case 2:
                    bytes += msg(reply, 1, "re:" + payload);
                    bytes += msg(reply, 1, "again");
                    break;
                default:
                    bytes += msg(reply, 1, "re:" + payload);
            }
        }
        world.read_piece = 1 + random() % 5'000;
        world.server(bytes);
        EXPECT_EQ(world.inner().replies.open_count(), unanswered.size());
        world.after(1s);
        for (int i = 0; i < count; ++i) {
            const std::string payload = std::to_string(i);
            const auto& operation = operations[static_cast<std::size_t>(i)];
            const std::string how = outcome(operation);
            if (unanswered.count(payload)) {
                EXPECT_EQ(how, "TimeoutError");
            } else if (nobody.count(payload)) {
                EXPECT_EQ(how, "NoResponders");
            } else {
                ASSERT_EQ(how, "ok");
                EXPECT_EQ(operation->result->value().payload(), "re:" + payload);
            }
        }
        EXPECT_EQ(world.inner().replies.open_count(), 0u);
        EXPECT_EQ(world.inner().timers.size(), 0u);
        EXPECT_EQ(world.session().dump(), "");
    }
}

TEST(Flush, IsAPingAndItsPong) {
    World world(one_server());
    world.connect();
    world.publish("a", "1");
    const auto operation = world.flush();
    EXPECT_EQ(world.lines(), (std::vector<std::string>{"PUB a 1", "PING"}));
    EXPECT_EQ(outcome(operation), "open");
    world.server("PONG\r\n");
    EXPECT_EQ(outcome(operation), "ok");
}

TEST(Flush, PongsGoToTheirPingsInOrder) {
    World world(one_server());
    world.connect();
    std::vector<std::shared_ptr<ResultState<Done>>> all;
    for (int i = 0; i < 6; ++i) {
        all.push_back(world.flush(10s));
    }
    all[1]->cancel();  // B64: the others must not move up
    all[4]->cancel();
    all.push_back(world.flush(1ms));  // times out in between
    world.after(1ms);
    EXPECT_EQ(outcome(all[6]), "TimeoutError");
    all.push_back(world.flush(10s));
    const char* after_each[] = {"0", "0", "02", "023", "023", "0235", "0235", "02357"};
    for (const char* done : after_each) {
        world.server("PONG\r\n");
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (i == 1 || i == 4 || i == 6) continue;
            const bool expected =
                std::string(done).find(static_cast<char>('0' + i)) != std::string::npos;
            EXPECT_EQ(outcome(all[i]), expected ? "ok" : "open") << i << " after " << done;
        }
    }
    world.server("PONG\r\n");  // one nobody asked for
    EXPECT_EQ(world.session().state(), ConnectionState::connected);
}

TEST(Flush, KeepAlivePingsTakeTheirPongsToo) {
    Options options = one_server();
    options.ping_interval = 1s;
    options.max_pings_outstanding = 10;
    World world(options);
    world.connect();
    const auto before = world.flush(30s);
    world.after(1s);  // a keep-alive ping goes out
    const auto behind = world.flush(30s);
    EXPECT_EQ(world.lines(), (std::vector<std::string>{"PING", "PING", "PING"}));
    world.server("PONG\r\n");
    EXPECT_EQ(outcome(before), "ok");
    world.server("PONG\r\n");
    EXPECT_EQ(outcome(behind), "open");
    world.server("PONG\r\n");
    EXPECT_EQ(outcome(behind), "ok");
}

TEST(Flush, WhileDisconnectedWaitsWithinItsTimeout) {
    World world(one_server());
    world.connect();
    world.after(2s);
    world.dial = World::Dial::refuse;
    world.eof();
    const auto late = world.flush(1s);
    const auto patient = world.flush(60s);
    world.after(1s);
    EXPECT_EQ(outcome(late), "TimeoutError");  // B65
    EXPECT_EQ(outcome(patient), "open");
    world.recover();
    EXPECT_EQ(outcome(patient), "ok");
    // Lost in the middle of it: Disconnected.
    world.model = false;
    const auto cut = world.flush(60s);
    world.eof();
    EXPECT_EQ(outcome(cut), "Disconnected");
}

TEST(Flush, BeforeTheFirstConnection) {
    Options options = one_server();
    options.retry_on_failed_connect = true;
    World world(options);
    const auto operation = world.flush(10s);
    EXPECT_EQ(outcome(operation), "open");
    world.connect();
    world.server("PONG\r\n");
    EXPECT_EQ(outcome(operation), "ok");
    world.close();
    EXPECT_EQ(outcome(world.flush()), "Closed");
}

TEST(Close, FlushesFirst) {
    World world(one_server());
    world.connect();
    world.writing = false;
    world.publish("a", "last words");
    const auto operation = world.close_op(2s);
    EXPECT_EQ(outcome(operation), "open");
    world.writing = true;
    world.settle();
    EXPECT_EQ(world.lines(), (std::vector<std::string>{"PUB a 10", "PING"}));  // B54
    EXPECT_EQ(world.session().state(), ConnectionState::connected);
    world.server("PONG\r\n");
    EXPECT_EQ(outcome(operation), "ok");
    EXPECT_EQ(world.session().state(), ConnectionState::closed);
    EXPECT_FALSE(world.wire()->open);
    EXPECT_EQ(world.session().counters().lost_publishes, 0u);
    EXPECT_EQ(world.count(Event::Kind::closed), 1u);
    EXPECT_FALSE(world.events.back().error);
    const auto again = world.close_op(2s);
    EXPECT_EQ(outcome(again), "ok");
    EXPECT_EQ(world.count(Event::Kind::closed), 1u);  // B55
}

TEST(Close, EndsByItsTimeoutAndCountsWhatIsLost) {
    World world(one_server());
    world.connect();
    world.writing = false;
    for (int i = 0; i < 5; ++i) world.publish("a", "lost " + std::to_string(i));
    world.write_budget = 15;  // one and a half of them
    world.writing = true;
    const auto operation = world.close_op(2s);
    const auto open = world.request("svc", "q", 10s);
    world.after(2s - 1ns);
    EXPECT_EQ(outcome(operation), "open");
    world.after(1ns);
    EXPECT_EQ(outcome(operation), "ok");
    EXPECT_EQ(outcome(open), "Closed");
    EXPECT_EQ(world.session().counters().lost_publishes, 6u);
    EXPECT_EQ(world.session().size_to_send(), 0u);
    World hasty(one_server());
    hasty.connect();
    hasty.publish("a", "sent");
    EXPECT_EQ(outcome(hasty.close_op(0s)), "ok");
    EXPECT_EQ(hasty.session().state(), ConnectionState::closed);
}

TEST(Close, WhileConnectingEndsTheConnect) {
    World world(one_server());
    const auto connected = world.connect_op();
    const auto closed = world.close_op();
    EXPECT_EQ(outcome(closed), "ok");
    EXPECT_EQ(outcome(connected), "Closed");
    EXPECT_FALSE(world.wire() && world.wire()->open);
}

TEST(Operations, MayBeDroppedAtAnyMoment) {
    // Each kind of operation, dropped after each step of its life, in every combination of order.
    for (int moment = 0; moment < 6; ++moment) {
        for (int kind = 0; kind < 4; ++kind) {
            SCOPED_TRACE("kind " + std::to_string(kind) + ", moment " + std::to_string(moment));
            World world(one_server());
            if (kind != 3) world.connect();
            Session& session = world.session();
            std::shared_ptr<OperationState> operation;
            const auto begin = [&] {
                switch (kind) {
                    case 0:
                        operation = start(session, "request", request(session, "svc", "q", {}, 1s));
                        break;
                    case 1:
                        operation = start(session, "flush", flush(session, 1s));
                        break;
                    case 2:
                        operation = start(session, "close", close(session, 1s));
                        break;
                    case 3:
                        operation = start(session, "connect", connect(session));
                        break;
                }
            };
            world.strict = false;
            begin();
            const auto drop = [&](int now) {
                if (now == moment) operation.reset();
            };
            drop(0);
            world.settle();
            drop(1);
            if (kind == 3) world.server(info);
            // Made ready, not yet resumed: the ready queue must forget it.
            if (moment == 2) {
                if (kind == 0) world.inner().replies.fail_all(Error(ErrorCode::error, "x"));
                if (kind == 1 || kind == 2) world.inner().fail_pongs(Error(ErrorCode::error, "x"));
                if (kind == 3) world.inner().connected_waiters.wake_all();
                operation.reset();
                session.run_ready();
            } else {
                world.server("PONG\r\n");
                drop(3);
                world.after(1s);
                drop(4);
                world.close();
                drop(5);
            }
            operation.reset();
            EXPECT_EQ(world.inner().replies.open_count(), 0u);
            EXPECT_EQ(session.dump(), "");
        }
    }
}

TEST(Operations, DetachedOnesGoOn) {
    World world(one_server());
    world.strict = false;
    world.connect();
    std::weak_ptr<ResultState<Message>> seen;
    {
        Operation<Message> operation(
            start(world.session(), "request", request(world.session(), "svc", "q", {}, 1s)),
            nullptr);
        seen = operation.state();
        operation.detach();
    }
    EXPECT_FALSE(seen.expired());
    EXPECT_EQ(world.session().dump(), "request, for 0 ms\n");
    world.after(999ms);
    EXPECT_EQ(world.session().dump(), "request, for 999 ms\n");
    EXPECT_FALSE(seen.expired());
    world.after(1ms);
    EXPECT_TRUE(seen.expired());
    EXPECT_EQ(world.session().dump(), "");
}

TEST(Operations, OutliveTheirSession) {
    std::shared_ptr<ResultState<Message>> asked;
    std::shared_ptr<ResultState<Done>> flushed, connected;
    std::shared_ptr<SubscriptionState> sub;
    {
        World world(one_server());
        connected = world.connect_op();
        flushed = world.flush(5s);
        asked = world.request("svc", "q", 5s);
        sub = world.subscribe("a");
    }
    EXPECT_EQ(outcome(connected), "Closed");
    EXPECT_EQ(outcome(flushed), "Closed");
    EXPECT_EQ(outcome(asked), "Closed");
    EXPECT_TRUE(sub->ended);
    asked->cancel();
}

struct Joined : Waiter {
    bool woken = false;
    void wake() noexcept override { woken = true; }
};

TEST(Operations, TellWhoJoined) {
    World world(one_server());
    world.connect();
    const auto operation = world.flush();
    Joined waiter;
    operation->join(waiter);
    world.server("PONG\r\n");
    EXPECT_TRUE(waiter.woken);
    Operation<Done> handle(world.flush(), nullptr);
    EXPECT_EQ(handle.result().error().code(), ErrorCode::usage_error) << "nobody drives it";
}

}  // namespace
