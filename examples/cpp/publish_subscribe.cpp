// Publish and subscribe: wildcards, headers, and a queue group that shares the work.
// usage: publish_subscribe [URL]
#include <chrono>
#include <cstdio>
#include <exception>
#include <string>

#include <anynats/anynats.hpp>

using namespace std::chrono_literals;

int main(int argc, char** argv) try {
    anynats::Client nc = anynats::connect(argc > 1 ? argv[1] : "nats://127.0.0.1:4222").get();

    anynats::Subscription sensors = nc.subscribe("sensors.*");
    nc.publish("sensors.kitchen", "21.5", {.headers = {{"unit", "C"}}});
    nc.publish("sensors.cellar", "12.0", {.headers = {{"unit", "C"}}});
    for (int i = 0; i < 2; ++i) {
        const anynats::Message msg = sensors.next(5s).get();  // TimeoutError when nothing comes
        std::printf("%.*s: %.*s %s\n", static_cast<int>(msg.subject().size()), msg.subject().data(),
                    static_cast<int>(msg.payload().size()), msg.payload().data(),
                    msg.headers().get("unit")->c_str());
    }

    // Each message goes to one member of the group.
    anynats::Subscription first = nc.subscribe("jobs", {.queue = "workers"});
    anynats::Subscription second = nc.subscribe("jobs", {.queue = "workers"});
    for (int i = 0; i < 10; ++i) nc.publish("jobs", std::to_string(i));
    nc.flush().get();  // the server has taken all of them, and what it sent back has come
    std::printf("of 10 jobs, the two workers got %zu\n", first.pending() + second.pending());

    sensors.unsubscribe();
    nc.close().get();
} catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
