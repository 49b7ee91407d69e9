// anynats in C++, waiting in the calling thread: publish + flush, next() in a loop, sequential
// requests. usage: anynats_bench publish|receive|request port n size
// Built by bench/CMakeLists.txt against the library; see run.py for who starts it.
#include <anynats/anynats.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "measure.hpp"

namespace {

using namespace std::chrono_literals;

constexpr int warm_up = 200;

void publish(anynats::Client& nc, std::int64_t n, std::size_t size) {
    const std::string payload(size, 'x');
    nc.flush().get();
    const bench::Window window;
    for (std::int64_t i = 0; i < n; ++i) nc.publish("bench", payload);
    nc.flush().get();
    window.finish(n);
}

void receive(anynats::Client& nc, std::int64_t n, std::size_t size) {
    const bench::Window window;
    auto sub = nc.subscribe("bench", {.pending_messages = static_cast<std::size_t>(n),
                                      .pending_bytes = std::size_t{1} << 40});
    for (std::int64_t i = 0; i < n; ++i) {
        const anynats::Message message = sub.next(5s).get();
        if (message.payload().size() != size) throw std::runtime_error("a wrong message");
    }
    window.finish(n);
}

void request(anynats::Client& nc, std::int64_t n) {
    for (int i = 0; i < warm_up; ++i) static_cast<void>(nc.request("svc", "x", 1s).get());
    std::vector<std::int64_t> latencies(static_cast<std::size_t>(n));
    const bench::Window window;
    for (auto& latency : latencies) {
        const std::int64_t start = bench::now_ns();
        static_cast<void>(nc.request("svc", "x", 1s).get());
        latency = bench::now_ns() - start;
    }
    window.finish(n, std::move(latencies));
}

int run(std::string_view task, const std::string& port, std::int64_t n, std::size_t size) {
    auto nc = anynats::connect("nats://127.0.0.1:" + port).get();
    if (task == "publish") {
        publish(nc, n, size);
    } else if (task == "receive") {
        receive(nc, n, size);
    } else {
        request(nc, n);
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 5) {
        std::fprintf(stderr, "usage: %s publish|receive|request port n size\n", argv[0]);
        return 2;
    }
    try {
        return run(argv[1], argv[2], std::stoll(argv[3]), std::stoul(argv[4]));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
