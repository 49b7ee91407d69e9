// What a user's program does, through each part of the library that it can link to: a client, a
// session and a connection of its own, options, and errors caught by their class outside of the
// library that threw them. usage: consumer URL
#include <chrono>
#include <cstdio>
#include <string>

#include <anynats/anynats.hpp>

using namespace std::chrono_literals;

namespace {

template <class Expected, class Action>
bool throws(Action action) {
    try {
        action();
    } catch (const Expected&) {
        return true;
    }
    return false;
}

int fail(const char* what) {
    std::printf("wrong: %s\n", what);
    return 1;
}

int use(const char* url) {
    anynats::Options options;
    options.servers = {url};
    options.name = "consumer";
    auto nc = anynats::connect(options).get();
    auto sub = nc.subscribe("parts.*");
    nc.publish("parts.a", "one", {.headers = {{"unit", "C"}}});
    const anynats::Message msg = sub.next(10s).get();
    if (msg.payload() != "one" || *msg.headers().get("unit") != "C") return fail("the message");

    const auto ask = [&] { nc.request("nobody.here", "?", 10s).get(); };
    if (!throws<anynats::NoResponders>(ask)) return fail("NoResponders");
    if (!throws<anynats::Error>(ask)) return fail("NoResponders as Error");
    if (!throws<anynats::TimeoutError>([&] { sub.next(1ms).get(); })) return fail("TimeoutError");
    if (!throws<anynats::UsageError>([&] { nc.publish("", ""); })) return fail("UsageError");
    options.max_pings_outstanding = 0;
    if (!anynats::check(options)) return fail("check(Options)");
    nc.close().get();
    if (nc.state() != anynats::ConnectionState::closed) return fail("the state");

    // Without threads, and without I/O at all.
    anynats::Session session({}, anynats::Seed{}, anynats::Time{});
    if (session.next_action().kind != anynats::Action::Kind::connect) return fail("the session");
    anynats::Connection connection({}, anynats::Time{});
    if (connection.poll_fd() < 0) return fail("the connection");
    std::printf("%s %s\n", std::string(msg.subject()).c_str(),
                std::string(to_string(anynats::ErrorCode::no_servers)).c_str());
    return 0;
}

}  // namespace

int main(int argc, char** argv) try {
    return argc == 2 ? use(argv[1]) : 2;
} catch (const anynats::Error& error) {
    std::printf("not caught by its class: %s\n", error.what());
    return 1;
}
