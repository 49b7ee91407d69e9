// A client in an event loop of one's own: watch one descriptor and one deadline, call drive().
// No thread, no lock, nothing that waits but the loop itself.
// usage: poll_loop [URL]
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <string>

#include <anynats/loop.hpp>

using namespace std::chrono_literals;

/// One turn: send and call back what is due, wait until there is something to do, and do it.
static void turn(anynats::LoopDriver& driver) {
    const bool again = driver.drive(false);
    const auto left = again ? 0ns : driver.next_timeout() - driver.now();
    pollfd fd{driver.fd(), POLLIN, 0};
    const auto wait =
        std::chrono::ceil<std::chrono::milliseconds>(std::clamp<anynats::Duration>(left, 0s, 1min));
    ::poll(&fd, 1, static_cast<int>(wait.count()));
    driver.drive();
}

int main(int argc, char** argv) try {
    anynats::Options options;
    if (argc > 1) options.servers = {argv[1]};
    anynats::LoopDriver driver(options);
    anynats::Client& nc = driver.client();
    auto squares = nc.subscribe("squares", [&](const anynats::Message& msg) {
        const int n = std::stoi(std::string(msg.payload()));
        nc.publish(msg.reply(), std::to_string(n * n));
    });
    nc.request("squares", "7", 5s).then([&](anynats::Result<anynats::Message> reply) {
        if (reply.ok()) std::printf("7 * 7 = %s\n", std::string(reply->payload()).c_str());
        nc.close().detach();
    });
    while (!driver.closed()) turn(driver);
    if (const auto error = nc.last_error()) throw *error;
} catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
