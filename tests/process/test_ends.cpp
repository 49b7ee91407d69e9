// How a C++ process ends, and how it forks, with clients in every state: static storage, threads
// that wait, exits that skip destructors. Children of this process; each must end by itself, at
// once, with its own exit code.
#include <stdlib.h>

#include <optional>
#include <thread>

#include "../support/nats_server.hpp"
#include "support.hpp"

namespace process_test {
namespace {

/// Ends its client in its destructor, as an object of static storage does after main.
struct Closing {
    std::optional<Client> nc;
    std::optional<Subscription> sub;
    ~Closing() {
        if (!nc) return;
        nc->publish("ends.static", "from a destructor");
        nc->flush().get();
        if (sub) sub->unsubscribe();
        nc->close().get();
    }
};

class Ends : public testing::Test {
protected:
    void SetUp() override { rounds = from_environment("ANYNATS_LONG", 0) ? 100 : 10; }

    /// Let a child with a static client, and with threads at work, end by `end`.
    void ends(int code, const std::function<void()>& end) {
        for (int i = 0; i < rounds && !HasFailure(); ++i) {
            EXPECT_EQ(in_child([&] {
                          static Closing first, second;
                          thread_local std::optional<Client> of_thread;
                          first.nc = connect(server.url()).get();
                          second.nc = connect(server.url()).get();
                          second.sub = second.nc->subscribe("ends.static");
                          of_thread = connect(server.url()).get();
                          second.nc->flush().get();
                          end();
                      }),
                      code);
        }
    }
    /// Threads that nobody joins, in whatever they are.
    void busy() {
        const auto nc = std::make_shared<Client>(connect(server.url()).get());
        const auto sub = std::make_shared<Subscription>(nc->subscribe("ends.silent"));
        nc->flush().get();
        const auto forever = [](auto call) {
            std::thread([call] {
                for (;;) call();
            }).detach();
        };
        forever([nc, sub] { sub->next(1h).get(); });
        forever([nc] { nc->publish("ends.busy", "x"); });
        forever([nc] { nc->request("ends.silent", "x", 1h).get(); });
        forever([nc] { nc->flush().get(); });
        forever([this] { connect(server.url()).get(); });
    }

    int rounds = 0;
    NatsServer server;
    const EndsWithin limit{250};
};

TEST_F(Ends, ByExit) {
    ends(3, [] { std::exit(3); });
}
TEST_F(Ends, ByExitWhileThreadsWork) {
    ends(3, [this] {
        busy();
        std::exit(3);
    });
}
TEST_F(Ends, ByQuickExit) {
    ends(4, [this] {
        busy();
        ::quick_exit(4);
    });
}
TEST_F(Ends, By_Exit) {
    ends(5, [this] {
        busy();
        ::_Exit(5);
    });
}
TEST_F(Ends, ByExitOfAnotherThread) {
    ends(6, [this] {
        busy();
        std::thread([] { std::exit(6); }).join();
    });
}
TEST_F(Ends, ThreadsThatUsedClientsLeaveNothing) {
    Client nc = connect(server.url()).get();
    Subscription sub = nc.subscribe("x");
    const auto use = [&] {
        std::thread([&] {
            EXPECT_FALSE(nc.request("ends.nobody", "").result().ok());
            nc.publish("x", "y");
            sub.next(far_away).get();
        }).join();
    };
    use();
    const std::size_t files = open_descriptors();
    for (int i = 0; i < 20; ++i) use();
    EXPECT_EQ(open_descriptors(), files);
}

// --- forks --------------------------------------------------------------------------------------

TEST_F(Ends, AForkFindsOneThreadAndFreeLocks) {
    Client nc = connect(server.url()).get();
    Subscription silent = nc.subscribe("ends.silent"), busy = nc.subscribe("ends.busy");
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads_at_work;
    const auto forever = [&](auto call) {
        threads_at_work.emplace_back([&stop, call] {
            while (!stop) call();
        });
    };
    forever([&] { nc.publish("ends.busy", "x"); });
    forever([&] { busy.try_next(); });
    forever([&] { EXPECT_FALSE(nc.request("ends.nobody", "").result().ok()); });
    Waiting waits([&] { EXPECT_THROW(silent.next(far_away).get(), Closed); });
    ASSERT_TRUE(waits.sleeps());
    for (int i = 0; i < 3 * rounds && !HasFailure(); ++i) {
        EXPECT_EQ(in_child([&] {
                      EXPECT_EQ(threads(), 1u + 2u);  // with . and ..
                      Client mine = connect(server.url()).get();
                      mine.flush().get();
                      EXPECT_THROW(nc.publish("child", "x"), ForkError);
                      EXPECT_THROW(nc.request("child", "x").get(), ForkError);
                      EXPECT_THROW(nc.subscribe("child"), ForkError);
                      EXPECT_THROW(nc.new_inbox(), ForkError);
                      EXPECT_THROW(silent.next(far_away).get(), ForkError);
                      EXPECT_FALSE(busy.try_next());
                      nc.close().get();
                      mine.flush().get();
                  }),
                  well);
    }
    stop = true;
    for (std::thread& thread : threads_at_work) thread.join();
    EXPECT_EQ(nc.counters().reconnects, 0u);
    nc.close().get();
}

}  // namespace
}  // namespace process_test
