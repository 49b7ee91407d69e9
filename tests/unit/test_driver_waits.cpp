// Waiting as one caller sees it: what it costs in context switches, how it ends (a message, time,
// the end of the subscription or client, a signal), and what happens while nobody waits at all.
// The server is an echo in a thread of this process. Every wait has a deadline far beyond its need.
#include <signal.h>
#include <sys/resource.h>

#include <atomic>
#include <thread>

#include <anynats/anynats.hpp>

#include "../support/echo_server.hpp"
#include "../support/waiting.hpp"
#include "drive/driver.hpp"
#include "drive/parking.hpp"

namespace {

using namespace anynats;
using namespace std::chrono_literals;
using namespace test_support;

class DriverWaits : public testing::Test {
protected:
    Client connected() {
        Options options;
        options.servers = {server.url()};
        options.stable_after = 1h;  // no timer helps by chance
        return connect(options).get();
    }

    const EndsWithin limit{120};
    EchoServer server;
};

TEST_F(DriverWaits, ARequestSwitchesOnceAndWakesNobodyElse) {
    constexpr unsigned requests = 2000;
    Client nc = connected();
    for (int i = 0; i < 100; ++i) nc.request("echo.warm", "x", far_away).get();
    auto before = voluntary_switches();
    for (unsigned i = 0; i < requests; ++i) nc.request("echo.x", "x", far_away).get();
    std::uint64_t mine = 0, of_others = 0;
    for (const auto& [tid, count] : voluntary_switches()) {
        if (tid == std::to_string(server.tid())) continue;
        (tid == my_tid() ? mine : of_others) += count - before[tid];
    }
    EXPECT_LE(mine, requests * 1.2);
    EXPECT_LE(of_others, requests * 0.2);
    std::cout << "switches a request: " << double(mine) / requests << " here, "
              << double(of_others) / requests << " in other threads\n";
}

TEST_F(DriverWaits, TimeEndsAWait) {
    Client nc = connected();
    Subscription sub = nc.subscribe("quiet");
    const auto both = [&] {
        const auto begin = std::chrono::steady_clock::now();
        EXPECT_THROW(sub.next(20ms).get(), TimeoutError);
        EXPECT_THROW(nc.request("slow.x", "", 20ms).get(), TimeoutError);
        EXPECT_GE(std::chrono::steady_clock::now() - begin, 40ms);
        EXPECT_THROW(sub.next(0s).get(), TimeoutError);
        EXPECT_FALSE(sub.try_next());
    };
    both();
    const Leader other(nc);
    both();
}

TEST_F(DriverWaits, TheEndOfWhatIsWaitedForIsNoTimeout) {
    Client nc = connected();
    Subscription one = nc.subscribe("one"), two = nc.subscribe("two");
    one.unsubscribe();
    EXPECT_THROW(one.next(far_away).get(), Closed);
    nc.publish("two", "kept");
    nc.flush(far_away).get();
    auto request = nc.request("slow.x", "", far_away);
    nc.close().get();
    EXPECT_EQ(two.next(far_away).get().payload(), "kept");
    EXPECT_THROW(two.next(far_away).get(), Closed);
    EXPECT_THROW(request.get(), Closed);
    EXPECT_THROW(nc.request("echo.x", "").get(), Closed);
    EXPECT_THROW(nc.publish("x", ""), Closed);
    EXPECT_THROW(nc.flush().get(), Closed);
    EXPECT_THROW(nc.subscribe("x"), Closed);
}

TEST_F(DriverWaits, NobodyListensIsToldAtOnce) {
    Client nc = connected();
    EXPECT_THROW(nc.request("nobody", "", far_away).get(), NoResponders);
}

TEST_F(DriverWaits, UnsubscribeWakesWhoWaits) {
    Client nc = connected();
    Subscription first = nc.subscribe("first"), second = nc.subscribe("second");
    Waiting leads([&] { EXPECT_THROW(first.next(far_away).get(), Closed); });
    ASSERT_TRUE(leads.sleeps());
    {
        Waiting follows([&] { EXPECT_THROW(second.next(far_away).get(), Closed); });
        ASSERT_TRUE(follows.sleeps());
        second.unsubscribe();
    }
    EXPECT_FALSE(leads.ended);
    first.unsubscribe();
}

TEST_F(DriverWaits, AThreadThatGotNoDescriptorIsWokenToo) {
    Client nc = connected();
    Subscription sub = nc.subscribe("x");
    std::atomic<bool> open_again{false};  // UBSan opens pipes to look at memory
    Waiting waits([&] {
        rlimit before;
        ::getrlimit(RLIMIT_NOFILE, &before);
        const rlimit nothing{0, before.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &nothing);
        const WakeDescriptor& mine = WakeDescriptor::mine();  // made now, and kept
        ::setrlimit(RLIMIT_NOFILE, &before);
        open_again = true;
        EXPECT_LT(mine.fd(), 0);
        EXPECT_THROW(sub.next(far_away).get(), Closed);
    });
    ASSERT_TRUE(becomes_true([&] { return open_again.load(); }));
    ASSERT_TRUE(waits.sleeps());
    EXPECT_EQ(nc.request("echo.x", "y", far_away).get().payload(), "y");
    sub.unsubscribe();
}

TEST_F(DriverWaits, CloseWakesWhoWaits) {
    Client nc = connected();
    Subscription first = nc.subscribe("first"), second = nc.subscribe("second");
    Waiting leads([&] { EXPECT_THROW(first.next().get(), Closed); });
    ASSERT_TRUE(leads.sleeps());
    Waiting follows([&] { EXPECT_THROW(nc.request("slow.x", "", far_away).get(), Closed); });
    ASSERT_TRUE(follows.sleeps());
    Waiting iterates([&] {
        for (const Message& message : second) ADD_FAILURE() << message.subject();
    });
    ASSERT_TRUE(iterates.sleeps());
    nc.close().get();
}

// --- signals ------------------------------------------------------------------------------------

thread_local volatile sig_atomic_t signalled = 0;
void note_signal(int) {
    signalled = 1;
}
bool was_signalled() {
    const bool yes = signalled != 0;
    signalled = 0;
    return yes;
}

class DriverSignals : public DriverWaits {
protected:
    DriverSignals() {
        struct sigaction action{};
        action.sa_handler = note_signal;
        ::sigaction(SIGUSR1, &action, nullptr);
        set_interrupt_check(was_signalled);
    }
    ~DriverSignals() override { set_interrupt_check(nullptr); }

    /// Signal `thread` and tell how long it goes on waiting.
    static Duration interrupt(Waiting& thread) {
        const auto begin = std::chrono::steady_clock::now();
        thread.signal(SIGUSR1);
        EXPECT_TRUE(becomes_true([&] { return thread.ended.load(); }));
        return std::chrono::steady_clock::now() - begin;
    }
    static constexpr Duration answer = sanitized ? 1000ms : 200ms;
};

TEST_F(DriverSignals, EndTheWaitOfLeaderAndFollower) {
    Client nc = connected();
    Subscription first = nc.subscribe("first"), second = nc.subscribe("second");
    Waiting leads([&] { EXPECT_THROW(first.next(far_away).get(), Cancelled); });
    ASSERT_TRUE(leads.sleeps());
    Waiting follows([&] { EXPECT_THROW(second.next(far_away).get(), Cancelled); });
    ASSERT_TRUE(follows.sleeps());
    EXPECT_LE(interrupt(follows), answer);
    EXPECT_FALSE(leads.ended);
    EXPECT_LE(interrupt(leads), answer);
    EXPECT_EQ(nc.request("echo.x", "still here", far_away).get().payload(), "still here");
    nc.publish("first", "for whoever comes next");
    EXPECT_EQ(first.next(far_away).get().payload(), "for whoever comes next");
}

TEST_F(DriverSignals, AreNotLostBetweenTwoSleeps) {
    Client nc = connected();
    std::atomic<bool> done{false};
    Waiting traffic([&] {
        while (!done) nc.request("echo.x", "", far_away).get();
    });
    Subscription quiet = nc.subscribe("quiet");
    for (int i = 0; i < 20; ++i) {
        std::atomic<bool> begun{false};
        Waiting waits([&] {
            begun = true;
            EXPECT_THROW(quiet.next(far_away).get(), Cancelled);
        });
        ASSERT_TRUE(becomes_true([&] { return begun.load(); }));
        EXPECT_LE(interrupt(waits), answer + 300ms);  // it competes with `traffic` for the lock
    }
    done = true;
}

Client* used_by_check = nullptr;
std::atomic<int> checks{0};
bool check_that_requests() {
    Client* const client = std::exchange(used_by_check, nullptr);
    if (!client) return checks > 0;  // also asked during the request below
    auto nested = client->request("echo.x", "nested", 5s).result();
    EXPECT_TRUE(nested.ok()) << nested.error().what();
    ++checks;
    return false;
}

TEST_F(DriverSignals, TheCheckMayUseTheClient) {
    Client nc = connected();
    Subscription quiet = nc.subscribe("quiet");
    used_by_check = &nc;
    checks = 0;
    set_interrupt_check(check_that_requests);
    EXPECT_THROW(quiet.next(far_away).get(), Cancelled);
    EXPECT_EQ(checks, 1);
}

// --- nobody waits -------------------------------------------------------------------------------

TEST_F(DriverWaits, PingsAreAnsweredWhileNobodyWaits) {
    Client nc = connected();
    for (std::uint64_t i = 1; i <= 5; ++i) {
        if (i % 2) nc.request("echo.x", "", far_away).get();  // so that reading lingers
        server.say("PING\r\n");
        ASSERT_TRUE(becomes_true([&] { return server.pongs() == i; }));
    }
}

TEST_F(DriverWaits, MessagesComeWhileNobodyWaits) {
    Client nc = connected(), other = connected();
    Subscription sub = nc.subscribe("x");
    nc.flush(far_away).get();
    for (int i = 0; i < 5; ++i) {
        other.publish("x", "there");
        ASSERT_TRUE(becomes_true([&] { return sub.pending() == 1; }));
        const auto message = sub.try_next();
        ASSERT_TRUE(message);
        EXPECT_EQ(message->payload(), "there");
        EXPECT_FALSE(sub.try_next());
        nc.flush(far_away).get();
        other.publish("x", "looked for");
        ASSERT_TRUE(becomes_true([&] { return sub.try_next().has_value(); }));
    }
}

TEST_F(DriverWaits, OperationsEndWhileNobodyWaits) {
    Client nc = connected();
    auto replied = nc.request("echo.x", "reply", far_away);
    auto late = nc.request("slow.x", "", 20ms);
    EXPECT_TRUE(becomes_true([&] { return replied.done() && late.done(); }));
    EXPECT_EQ(replied.get().payload(), "reply");
    EXPECT_THROW(late.get(), TimeoutError);
    for (int i = 0; i < 2000; ++i) {  // taken, and gone, the moment that it is done
        auto operation = nc.request("echo.x", "x", far_away);
        while (!operation.done()) {
        }
        ASSERT_EQ(operation.get().payload(), "x");
    }
}

}  // namespace
