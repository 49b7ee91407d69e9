// Cancelling operations of asio.hpp: what was cancelled ends at once, and no message is lost.
#include <random>

#include "asio_support.hpp"

#if __has_include(<boost/asio/cancel_after.hpp>) && !defined(ANYNATS_ASIO_STANDALONE)
#include <boost/asio/cancel_after.hpp>
#define ANYNATS_HAS_CANCEL_AFTER
#endif

namespace {

using namespace test_support;
using Nothing = net::awaitable<void>;

class AsioCancel : public AsioTest {
protected:
    /// Take the rest, of `sent` messages whose payloads count from 0.
    void take_rest(AsioSubscription sub, int& received, int sent) {
        run([&]() -> Nothing {
            for (; received < sent; ++received) {
                Message message = co_await sub.async_next(far_away);
                EXPECT_EQ(message.payload(), std::to_string(received));
            }
            co_await sub.async_drain();
            EXPECT_EQ(sub->pending(), 0u);
        });
    }
};

TEST_F(AsioCancel, EndsAWaitAtOnce) {
    AsioClient nc(io, options());
    auto sub = nc.subscribe("x");
    auto silent = nc.subscribe("silent");
    run([&]() -> Nothing { return nc.async_flush(); });
    Told<Message> next, request;
    net::cancellation_signal signals[2];
    sub.async_next(far_away, net::bind_cancellation_slot(signals[0].slot(), next.handler()));
    nc.async_request("silent", "?", far_away,
                     net::bind_cancellation_slot(signals[1].slot(), request.handler()));
    io.poll();
    for (auto& signal : signals) signal.emit(net::cancellation_type::terminal);
    ASSERT_TRUE(run_until([&] { return next.times == 1 && request.times == 1; }));
    EXPECT_EQ(next.code, ErrorCode::cancelled);
    EXPECT_EQ(request.code, ErrorCode::cancelled);
    for (auto& signal : signals) signal.emit(net::cancellation_type::terminal);  // of nobody
    Told<Duration> still_there;
    nc.async_rtt(still_there.handler());
    ASSERT_TRUE(run_until([&] { return still_there.times == 1; }));
    EXPECT_FALSE(still_there.code);
}

/// A sender, and a receiver that begins to wait and cancels, at every distance from the message.
TEST_F(AsioCancel, LosesNoMessage) {
    const auto rounds = static_cast<int>(from_environment("ANYNATS_LONG", 0) ? 200'000 : 20'000);
    AsioClient nc(io, options());
    Client sender = connect(server->url()).get();
    auto sub = nc.subscribe("numbers");
    run([&]() -> Nothing { return nc.async_flush(); });
    std::mt19937 random(1);
    int sent = 0, received = 0, cancelled = 0, in_hand = 0;
    const auto publish = [&](int count) {
        while (count-- > 0) sender.publish("numbers", std::to_string(sent++));
        sender.flush(far_away).get();
    };
    while (cancelled < rounds) {
        if (random() % 4 == 0) publish(static_cast<int>(random() % 3));
        Told<Message> told;
        net::cancellation_signal cancel;
        sub.async_next(far_away, net::bind_cancellation_slot(cancel.slot(), told.handler()));
        for (auto turns = random() % 4; turns > 0; --turns) io.poll_one();
        const std::size_t before = sub->pending();
        cancel.emit(net::cancellation_type::terminal);
        in_hand += sub->pending() > before;
        ASSERT_TRUE(run_until([&] { return told.times == 1; }));
        if (told.code) {
            ASSERT_EQ(told.code, ErrorCode::cancelled);
            ++cancelled;
        } else {
            ASSERT_EQ(told.value.payload(), std::to_string(received));
            ++received;
        }
    }
    EXPECT_GE(in_hand, rounds / 100);
    take_rest(sub, received, sent);
    EXPECT_GT(sent, rounds / 10);
    std::printf("%d cancelled, %d of them with a message in hand; %d messages\n", cancelled,
                in_hand, sent);
}

/// `||` cancels the loser, whose result it throws away.
TEST_F(AsioCancel, LosesNoMessageToATimer) {
    constexpr int rounds = 5'000;
    AsioClient nc(io, options());
    Client sender = connect(server->url()).get();
    auto sub = nc.subscribe("numbers");
    int sent = 0, received = 0, late = 0;
    run([&]() -> Nothing {
        co_await nc.async_flush();
        net::steady_timer timer(io);
        std::mt19937 random(1);
        for (int i = 0; i < rounds; ++i) {
            if (random() % 2 == 0) sender.publish("numbers", std::to_string(sent++));
            if (random() % 2 == 0) sender.flush(far_away).get();
            timer.expires_after(std::chrono::microseconds(random() % 50));
            auto first = co_await (sub.async_next() || timer.async_wait(AsioToken()));
            if (first.index() == 0) {
                EXPECT_EQ(std::get<0>(first).payload(), std::to_string(received));
                ++received;
            } else {
                ++late;
            }
        }
    });
    sender.flush(far_away).get();
    EXPECT_GT(late, rounds / 100);
    EXPECT_GT(received, rounds / 100);
    take_rest(sub, received, sent);
}

TEST_F(AsioCancel, LeavesAMessageToTheNextWhoWaits) {
    AsioClient nc(io, options());
    auto sub = nc.subscribe("x");
    run([&]() -> Nothing { return nc.async_flush(); });
    Told<Message> first, second;
    net::cancellation_signal cancel;
    sub.async_next(far_away, net::bind_cancellation_slot(cancel.slot(), first.handler()));
    sub.async_next(far_away, second.handler());
    nc->publish("x", "for one of them");
    // Until the message is in hand and its handler is about to be called.
    ASSERT_TRUE(run_until([&] { return nc->counters().in_messages == 1; }));
    EXPECT_EQ(first.times, 0);
    cancel.emit(net::cancellation_type::terminal);
    ASSERT_TRUE(run_until([&] { return first.times == 1 && second.times == 1; }));
    EXPECT_EQ(first.code, ErrorCode::cancelled);
    EXPECT_EQ(second.value.payload(), "for one of them");
}

#ifdef ANYNATS_HAS_CANCEL_AFTER

TEST_F(AsioCancel, HappensAfterATime) {
    AsioClient nc(io, options());
    Client sender = connect(server->url()).get();
    auto sub = nc.subscribe("numbers");
    int sent = 0, received = 0, late = 0;
    run([&]() -> Nothing {
        co_await nc.async_connect(net::cancel_after(far_away));
        co_await nc.async_flush(net::cancel_after(far_away, AsioToken()));
        std::mt19937 random(1);
        for (int i = 0; i < 2'000; ++i) {
            if (random() % 2 == 0) sender.publish("numbers", std::to_string(sent++));
            if (random() % 2 == 0) sender.flush(far_away).get();
            const std::chrono::microseconds time(random() % 50);
            auto [failure, message] =
                co_await sub.async_next(far_away, net::cancel_after(time, as_tuple(AsioToken())));
            if (failure) {
                EXPECT_EQ(code_of(failure), ErrorCode::cancelled);
                ++late;
            } else {
                EXPECT_EQ(message.payload(), std::to_string(received));
                ++received;
            }
        }
    });
    sender.flush(far_away).get();
    EXPECT_GT(late, 20);
    EXPECT_GT(received, 20);
    take_rest(sub, received, sent);
}

#endif

}  // namespace
