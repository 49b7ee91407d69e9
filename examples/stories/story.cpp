// The demo's story in C++: told on standard output, a line a step, for examples/demo.py to show.
// It asks for a restart of the server by printing "restart" and goes on when it has reconnected.
// usage: anynats_demo URL
#include <anynats/anynats.hpp>

#include <chrono>
#include <cstdio>
#include <exception>
#include <string>
#include <thread>

using namespace std::chrono_literals;

namespace {

constexpr int messages = 200'000;
constexpr int requests = 2'000;

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void say(const char* what, const std::string& detail) {
    std::printf("%s|%s\n", what, detail.c_str());
    std::fflush(stdout);
}

void show_rate(const char* what, int count, double seconds) {
    say(what, std::to_string(count) + "|" + std::to_string(seconds));
}

void subjects_and_headers(anynats::Client& nc) {
    auto all = nc.subscribe("demo.>");
    nc.publish("demo.sensors.a", "21.5", {.headers = {{"unit", "C"}, {"tag", "1"}, {"tag", "2"}}});
    const anynats::Message msg = all.next(5s).get();
    say("wildcard demo.>", std::string(msg.subject()) + " = " + std::string(msg.payload()));
    say("headers", "unit: " + *msg.headers().get("unit") +
                       ", tag: " + std::to_string(msg.headers().all("tag").size()) + " values");
}

void queue_group(anynats::Client& nc) {
    auto one = nc.subscribe("jobs", {.queue = "workers"});
    auto two = nc.subscribe("jobs", {.queue = "workers"});
    for (int i = 0; i < 1'000; ++i) nc.publish("jobs", "job");
    nc.flush().get();
    nc.flush().get();  // the second PONG comes behind every message of the first
    say("queue group",
        std::to_string(one.pending()) + " + " + std::to_string(two.pending()) + " of 1000 jobs");
}

void streams(anynats::Client& nc) {
    auto sub = nc.subscribe("rate", {.pending_messages = messages + 1});
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < messages; ++i) nc.publish("rate", "0123456789abcdef");
    for (int i = 0; i < messages; ++i) static_cast<void>(sub.next(30s).get());
    show_rate("published and received", messages, seconds_since(start));
}

void answer(anynats::Client& service, anynats::Subscription sub) {
    for (const anynats::Message& msg : sub) service.publish(msg.reply(), "42");
}

void requests_and_replies(anynats::Client& nc, const std::string& url) {
    auto service = anynats::connect(url).get();
    auto sub = service.subscribe("answer");
    service.flush().get();
    std::thread responder(answer, std::ref(service), sub);
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < requests; ++i) static_cast<void>(nc.request("answer", "?", 5s).get());
    show_rate("requests answered", requests, seconds_since(start));
    service.close().get();
    responder.join();
    const auto nobody = nc.request("nobody.there", "?", 5s).result();
    say("no responders", nobody.ok() ? "?" : std::string(to_string(nobody.error().code())));
}

void restart(anynats::Client& nc) {
    auto sub = nc.subscribe("after.restart");
    say("restart", "");
    while (nc.counters().reconnects == 0) {
        // A flush waits for the connection, and fails with the one that breaks.
        static_cast<void>(nc.flush(30s).result());
    }
    nc.publish("after.restart", "still here");
    say("restart survived", std::string(sub.next(10s).get().payload()));
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return std::fputs("usage: anynats_demo URL\n", stderr), 2;
    try {
        auto nc = anynats::connect(argv[1]).get();
        say("connected", nc.server());
        subjects_and_headers(nc);
        queue_group(nc);
        streams(nc);
        requests_and_replies(nc, argv[1]);
        restart(nc);
        nc.close().get();
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
