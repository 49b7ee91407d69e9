// Threads that wait on a client, for tests that need to know when they do.
#pragma once

#include <signal.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include <anynats/anynats.hpp>

#include "watch.hpp"

namespace test_support {

using namespace anynats;

constexpr Duration far_away = 30s;  // of what takes milliseconds

/// A thread, and when it can be told that it sleeps in the kernel.
class Waiting {
public:
    explicit Waiting(std::function<void()> body)
        : thread_([this, body = std::move(body)] {
              tid_ = static_cast<int>(::syscall(SYS_gettid));
              body();
              ended = true;
          }) {}
    ~Waiting() { thread_.join(); }
    bool sleeps() {
        return becomes_true([&] { return tid_ && test_support::sleeps(std::to_string(tid_)); });
    }
    void signal(int number) { ::pthread_kill(thread_.native_handle(), number); }
    std::atomic<bool> ended{false};

private:
    std::atomic<int> tid_{0};
    std::thread thread_;
};

/// Another thread that leads on `client` for as long as this lives.
class Leader {
public:
    explicit Leader(Client& client)
        : sub_(client.subscribe("leader.quiet")),
          waiting_([this] { EXPECT_THROW(sub_.next(far_away).get(), Closed); }) {
        EXPECT_TRUE(waiting_.sleeps());
    }
    ~Leader() { sub_.unsubscribe(); }

private:
    Subscription sub_;
    Waiting waiting_;
};

}  // namespace test_support
