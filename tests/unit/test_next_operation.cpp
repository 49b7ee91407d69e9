// The next message as an operation, in virtual time on a bare session: whose turn it is when
// several wait, what cancelling and dropping give back, and when time is up. Also: who listens to a
// session is woken by each event.
#include <gtest/gtest.h>

#include "drive/bare_host.hpp"
#include "drive/next_operation.hpp"
#include "script.hpp"

namespace {

using namespace anynats;
using namespace std::chrono_literals;

class CountedWakes final : public Waiter {
public:
    void wake() noexcept override { ++count; }
    int count = 0;
};

class NextOperations : public testing::Test {
protected:
    using Next = std::shared_ptr<NextOperation>;

    NextOperations() {
        session.inner().listener = &listener;
        while (session.has_action()) session.next_action();
        session.transport_up(session.epoch(), now);
        say(script::info);
        session.credentials(session.epoch(), session.own_credentials(), now);
        say("PONG\r\n");
        EXPECT_EQ(session.state(), ConnectionState::connected);
        queue = *host->subscribe("x", {});
    }
    ~NextOperations() override { session.inner().listener = nullptr; }

    void say(std::string_view bytes) { session.receive_data(session.epoch(), bytes, now); }
    void send(std::string_view payload) { say(script::msg("x", queue->state->sid, payload)); }
    void pass(Duration time) {
        now += time;
        session.handle_timeout(now);
    }
    Next begin(Duration timeout = Duration::max()) {
        auto next = std::make_shared<NextOperation>(queue);
        next->begin(timeout);
        return next;
    }
    static std::string taken(const Next& next) {
        if (!next->done()) return "nothing yet";
        const Result<Message> result = next->take();
        return result.ok() ? std::string(result->payload())
                           : std::string(to_string(result.error().code()));
    }

    Time now{1s};
    CountedWakes listener;
    std::shared_ptr<BareHost> host = std::make_shared<BareHost>(Options(), script::seed_of(1), now);
    Session& session = host->session();
    std::shared_ptr<SubscriptionQueue> queue;
};

TEST_F(NextOperations, GetWhatComesInTheirOrder) {
    const Next first = begin(), second = begin();
    send("1");
    EXPECT_EQ(taken(first), "1");
    EXPECT_EQ(taken(second), "nothing yet");
    send("2");
    EXPECT_EQ(taken(second), "2");
    send("3");
    EXPECT_EQ(taken(begin()), "3");  // it was here before
}

TEST_F(NextOperations, EndWhenTheirTimeIsUp) {
    const Next late = begin(10ms), later = begin(20ms), at_once = begin(0ms);
    EXPECT_EQ(session.next_timeout(), now);
    pass(0ms);
    EXPECT_EQ(taken(at_once), "TimeoutError");
    pass(9ms);
    EXPECT_EQ(taken(late), "nothing yet");
    pass(1ms);
    EXPECT_EQ(taken(late), "TimeoutError");
    send("1");
    EXPECT_EQ(taken(later), "1");
    EXPECT_EQ(queue->pending(), 0u);
    EXPECT_EQ(session.check(), nullptr);
}

TEST_F(NextOperations, ThatAreCancelledOrDroppedLoseNothing) {
    {
        const Next waiting = begin(), cancelled = begin();
        cancelled->cancel();
        EXPECT_EQ(taken(cancelled), "Cancelled");
        waiting->cancel();
        send("1");
    }
    EXPECT_EQ(queue->pending(), 1u);
    {
        const Next done = begin();
        send("2");
        EXPECT_TRUE(done->done());
        EXPECT_EQ(queue->pending(), 1u);
    }
    EXPECT_EQ(queue->pending(), 2u);
    EXPECT_EQ(taken(begin()), "1");  // in front again
    EXPECT_EQ(taken(begin()), "2");
}

TEST_F(NextOperations, GiveBackToWhoWaits) {
    const Next first = begin(), second = begin();
    send("1");
    first->abandon();
    EXPECT_EQ(taken(second), "1");
}

TEST_F(NextOperations, EndWithTheSubscription) {
    const Next waiting = begin();
    send("1");
    send("2");
    queue->unsubscribe(0);
    EXPECT_EQ(taken(waiting), "1");
    EXPECT_EQ(taken(begin()), "2");
    EXPECT_EQ(taken(begin()), "Closed");
    session.close();
}

TEST_F(NextOperations, EndWithTheClient) {
    const Next waiting = begin();
    session.close();
    session.run_ready();
    EXPECT_EQ(taken(waiting), "Closed");
}

TEST_F(NextOperations, AreNoBusinessOfEvents) {
    EXPECT_EQ(listener.count, 1);  // connected
    send("1");
    EXPECT_EQ(listener.count, 1);
    session.close();
    EXPECT_EQ(listener.count, 2);
}

}  // namespace
