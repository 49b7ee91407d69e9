// co_await: what can be waited for with get() can be awaited in a coroutine of any type. The one
// here begins at once and is waited for by nobody; a library of yours will bring a better one.
// A coroutine goes on where callbacks run: the client's own thread, or Options::executor.
// usage: coroutines [URL]
#include <chrono>
#include <coroutine>
#include <cstdio>
#include <exception>
#include <future>
#include <string>

#include <anynats/anynats.hpp>

using namespace std::chrono_literals;

namespace {

struct Started {
    struct promise_type {
        Started get_return_object() { return {}; }
        std::suspend_never initial_suspend() { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { throw; }
    };
};

/// Answer until the subscription ends.
Started add_one(anynats::Client nc, anynats::Subscription numbers) {
    for (;;) {
        auto msg = co_await numbers.next().as_result();  // a Result; without as_result() it throws
        if (!msg.ok()) co_return;
        const int n = std::stoi(std::string(msg->payload()));
        nc.publish(msg->reply(), std::to_string(n + 1));
    }
}

Started count_to(int last, anynats::Client nc, std::promise<int>& counted) {
    int n = 0;
    try {
        while (n < last) {
            anynats::Message reply = co_await nc.request("add_one", std::to_string(n), 5s);
            n = std::stoi(std::string(reply.payload()));
        }
        counted.set_value(n);
    } catch (const anynats::Error&) {
        counted.set_exception(std::current_exception());
    }
}

}  // namespace

int main(int argc, char** argv) try {
    anynats::Client nc = anynats::connect(argc > 1 ? argv[1] : "nats://127.0.0.1:4222").get();
    add_one(nc, nc.subscribe("add_one"));
    std::promise<int> counted;
    count_to(100, nc, counted);
    std::printf("counted to %d\n", counted.get_future().get());
    nc.close().get();
} catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
