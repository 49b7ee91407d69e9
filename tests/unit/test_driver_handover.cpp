// Random hand-overs of reading: eight threads do everything that waits, and everything that ends a
// wait, on one client, until reading has gone from one thread to another ANYNATS_HANDOVERS times
// (default below; 1,000,000 with ANYNATS_LONG). Every request must get its own reply, every message
// come once and in its publisher's order, and no wait may last: each has a deadline far beyond
// need.
#include <array>
#include <atomic>
#include <iostream>
#include <random>

#include <anynats/anynats.hpp>

#include "../support/echo_server.hpp"
#include "../support/watch.hpp"
#include "net/sys.hpp"

namespace {

using namespace anynats;
using namespace std::chrono_literals;
using test_support::EchoServer;
using test_support::from_environment;

constexpr std::size_t thread_count = 8;
constexpr std::uint64_t short_run = test_support::sanitized ? 3'000 : 15'000;
constexpr std::uint64_t long_run = 1'000'000;
constexpr unsigned most_quiet = 2;  // threads that wait for nothing: they would lead for long
constexpr Duration far_away = 30s;  // of what takes milliseconds

// --- hand-overs, seen from outside: the thread that reads is another one than the last time -----

std::atomic<std::uint64_t> handovers{0};
std::atomic<const void*> last_reader{nullptr};

ssize_t counting_recv(int fd, void* buffer, std::size_t size, int flags) {
    thread_local const char me = 0;
    if (last_reader.exchange(&me, std::memory_order_relaxed) != &me) {
        handovers.fetch_add(1, std::memory_order_relaxed);
    }
    return real_sys().recv(fd, buffer, size, flags);
}

class CountedReads {
public:
    CountedReads() {
        static SysOps table = real_sys();  // outlives the background thread's last look at it
        table.recv = counting_recv;
        replace_sys(table);
    }
    ~CountedReads() { replace_sys(real_sys()); }
};

/// What the threads share.
struct Common {
    Client client;
    std::uint64_t target;
    std::atomic<bool> done{false};
    std::atomic<unsigned> quiet_waiters{0};
    std::mutex mutex{};
    std::array<std::optional<Subscription>, thread_count> quiet{};  // waited on, ended by others
    std::optional<Subscription> shared{};  // taken from by all: each message goes to one
    std::atomic<std::uint64_t> shared_sent{0}, shared_got{0}, shared_sum{0};
    // [publisher][receiver], written by the publisher
    std::array<std::array<std::uint64_t, thread_count>, thread_count> sent{};
};

class Worker {
public:
    Worker(Common& common, std::size_t me, std::uint64_t seed)
        : all_(common),
          me_(me),
          own_(all_.client.subscribe("own." + std::to_string(me))),
          random_(seed) {}

    void run() {
        try {
            while (!all_.done) {
                step();
                ++steps;
                if (handovers >= all_.target || testing::Test::HasFailure()) all_.done = true;
            }
        } catch (const Error& error) {
            ADD_FAILURE() << "thread " << me_ << ", step " << steps << ": " << error.what();
            all_.done = true;
        }
        end_quiet();
    }

    /// After everything was published and flushed: take what is still there.
    void drain() {
        while (take_own(0s)) {
        }
        for (std::size_t p = 0; p < thread_count; ++p) {
            EXPECT_EQ(got_[p], all_.sent[p][me_]) << "from " << p << " to " << me_;
        }
    }

    std::uint64_t steps = 0;

private:
    std::uint64_t below(std::uint64_t n) { return random_() % n; }

    void step() {
        const std::uint64_t dice = below(1000);
        if (dice < 500) {
            request();
        } else if (dice < 600) {
            take_own(std::chrono::microseconds(below(100)));
        } else if (dice < 650) {
            while (take_own(0s)) {
            }
        } else if (dice < 730) {
            publish_own(1);
        } else if (dice < 735) {
            publish_own(1 + below(200));  // with 400 bytes each: up to the high-water mark
        } else if (dice < 790) {
            share();
        } else if (dice < 820) {
            all_.client.flush(far_away).get();
        } else if (dice < 840) {
            wait_for_end();
        } else if (dice < 940) {
            end_quiet();
        } else if (dice < 980) {
            cancel();
        } else {
            time_out();
        }
    }

    void request() {
        const std::string text = std::to_string(me_) + ' ' + std::to_string(random_());
        const std::string subject = "echo." + std::to_string(me_);
        if (below(16)) {
            ASSERT_EQ(all_.client.request(subject, text, far_away).get().payload(), text);
            return;
        }
        // Two at a time, waited for in the other order, one perhaps found done without waiting.
        auto first = all_.client.request(subject, text, far_away);
        auto second = all_.client.request(subject, text + "!", far_away);
        ASSERT_EQ(second.get().payload(), text + "!");
        ASSERT_EQ(first.get().payload(), text);
    }

    bool take_own(Duration timeout) {
        std::optional<Message> message;
        if (timeout == 0s) {
            message = own_.try_next();
        } else {
            try {
                message = own_.next(timeout).get();
            } catch (const TimeoutError&) {
            }
        }
        if (!message) return false;
        const std::string_view text = message->payload();
        const auto from = static_cast<std::size_t>(text[0] - '0');
        EXPECT_EQ(std::stoull(std::string(text.substr(2, 20))), ++got_[from])
            << "from " << from << " to " << me_;
        return true;
    }

    void publish_own(std::uint64_t count) {
        const std::size_t to = below(thread_count);
        const std::string subject = "own." + std::to_string(to);
        const std::string padding(count > 1 ? 400 : 0, '.');
        for (; count > 0; --count) {
            const std::string text =
                std::to_string(me_) + ' ' + std::to_string(++all_.sent[me_][to]) + ' ';
            all_.client.publish(subject, text + padding);
        }
    }

    void share() {
        const std::uint64_t value = 1 + below(1'000'000);
        all_.shared_sent += 1;
        all_.shared_sum += value;
        all_.client.publish("shared", std::to_string(value));
        take_shared(std::chrono::microseconds(below(300)));
    }

    void take_shared(Duration timeout) {
        try {
            const Message message = all_.shared->next(timeout).get();
            all_.shared_got += 1;
            all_.shared_sum -= std::stoull(std::string(message.payload()));
        } catch (const TimeoutError&) {
        }
    }

    /// Wait for a message that never comes, until another thread ends the subscription.
    void wait_for_end() {
        if (all_.quiet_waiters.fetch_add(1) >= most_quiet) {
            --all_.quiet_waiters;
            return;
        }
        Subscription sub = all_.client.subscribe("quiet");
        {
            const std::lock_guard<std::mutex> lock(all_.mutex);
            all_.quiet[me_] = sub;
        }
        if (all_.done) sub.unsubscribe();  // the others may have left
        EXPECT_THROW(sub.next(far_away).get(), Closed);
        --all_.quiet_waiters;
    }

    void end_quiet() {
        for (std::size_t i = 0; i < thread_count; ++i) {
            std::optional<Subscription> sub;
            const std::lock_guard<std::mutex> lock(all_.mutex);
            sub.swap(all_.quiet[i]);
            if (sub) sub->unsubscribe();
        }
    }

    void cancel() {
        Operation<Message> dropped = all_.client.request("echo.dropped", "x", far_away);
        Operation<Message> cancelled = all_.client.request("slow.cancelled", "x", far_away);
        cancelled.cancel();
        EXPECT_EQ(cancelled.result().error().code(), ErrorCode::cancelled);
        Operation<Done> let_go = all_.client.flush(far_away);
        if (below(2)) let_go.detach();
    }

    void time_out() {
        const Duration timeout = std::chrono::microseconds(1 + below(1000));
        EXPECT_THROW(all_.client.request("slow.late", "x", timeout).get(), TimeoutError);
    }

    Common& all_;
    const std::size_t me_;
    Subscription own_;
    std::mt19937_64 random_;
    std::array<std::uint64_t, thread_count> got_{};  // the last number from each publisher
};

void hand_over(std::uint64_t target, unsigned seconds) {
    const test_support::EndsWithin limit(seconds);
    const std::uint64_t seed = from_environment("ANYNATS_SEED", std::random_device()());
    const CountedReads counted;
    EchoServer server;
    Options options;
    options.servers = {server.url()};
    options.sub_pending_messages = 10'000'000;
    Common common{connect(options).get(), target};
    common.shared.emplace(common.client.subscribe("shared"));
    handovers = 0;

    std::vector<std::unique_ptr<Worker>> workers;
    for (std::size_t i = 0; i < thread_count; ++i) {
        workers.push_back(std::make_unique<Worker>(common, i, seed + i));
    }
    std::vector<std::thread> running;
    for (const auto& worker : workers) running.emplace_back([&] { worker->run(); });
    for (std::thread& thread : running) thread.join();

    std::uint64_t steps = 0;
    for (const auto& worker : workers) steps += worker->steps;
    std::cout << "seed " << seed << ": " << handovers << " hand-overs in " << steps << " steps\n";
    ASSERT_FALSE(testing::Test::HasFailure()) << "ANYNATS_SEED=" << seed << " begins the same way";
    common.client.flush(far_away).get();
    for (const auto& worker : workers) worker->drain();
    while (const auto message = common.shared->try_next()) {
        common.shared_got += 1;
        common.shared_sum -= std::stoull(std::string(message->payload()));
    }
    EXPECT_EQ(common.shared_got, common.shared_sent);
    EXPECT_EQ(common.shared_sum, 0u);
    EXPECT_EQ(common.client.counters().dropped, 0u);
    EXPECT_EQ(common.client.counters().reconnects, 0u);
}

TEST(DriverHandover, EightThreadsLoseNothing) {
    hand_over(from_environment("ANYNATS_HANDOVERS", short_run), 280);
}

TEST(DriverHandoverLong, EightThreadsLoseNothing) {
    if (!from_environment("ANYNATS_LONG", 0)) GTEST_SKIP() << "with ANYNATS_LONG=1 only";
    hand_over(long_run, 7000);
}

}  // namespace
