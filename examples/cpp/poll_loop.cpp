// A connection in an event loop of one's own: watch one descriptor and one deadline, call drive().
// No thread, no lock, nothing that waits but the loop itself.
// usage: poll_loop [URL]
#include <poll.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <string>

#include <anynats/connection.hpp>

namespace {

anynats::Time now() {
    timespec time;
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return anynats::Time(std::chrono::seconds(time.tv_sec) +
                         std::chrono::nanoseconds(time.tv_nsec));
}

/// One turn: wait until there is something to do, and do it.
void turn(anynats::Connection& connection) {
    using std::chrono::milliseconds;
    const auto left = std::chrono::ceil<milliseconds>(connection.next_timeout() - now());
    pollfd fd{connection.poll_fd(), POLLIN, 0};
    ::poll(&fd, 1, static_cast<int>(std::clamp(left, milliseconds(0), milliseconds(1000)).count()));
    while (connection.drive(now())) {
    }
}

}  // namespace

int main(int argc, char** argv) try {
    anynats::Options options;
    if (argc > 1) options.servers = {argv[1]};
    anynats::Connection connection(options, now());
    anynats::Session& session = connection.session();
    connection.drive(now());  // begins to connect
    while (session.state() != anynats::ConnectionState::connected) {
        if (session.state() == anynats::ConnectionState::closed) throw *session.last_error();
        turn(connection);
    }
    while (const auto event = session.next_event()) {
        std::printf("%s\n", std::string(to_string(event->kind)).c_str());
    }
    for (int i = 0; i < 5; ++i) {
        if (const auto refusal = session.publish("loop.ticks", std::to_string(i))) throw *refusal;
    }
    while (!connection.flush(now())) turn(connection);
    const anynats::Counters counters = session.counters();
    std::printf("%llu messages out\n", static_cast<unsigned long long>(counters.out_messages));
} catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
