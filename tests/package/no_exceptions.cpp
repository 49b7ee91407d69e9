// A program without exceptions and run-time types: it asks every operation for its Result, and
// prints what the test expects. usage: no_exceptions URL
#include <cstdio>

#include <anynats/anynats.hpp>

using namespace std::chrono_literals;

namespace {

int fail(const anynats::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) return 2;
    anynats::Options wrong;
    wrong.servers = {"http://nowhere"};
    auto refused = anynats::connect(wrong).result();
    if (refused.ok()) return 3;

    auto connected = anynats::connect(argv[1]).result();
    if (!connected.ok()) return fail(connected.error());
    anynats::Client nc = *std::move(connected);
    auto service = nc.try_subscribe("service", [&](const anynats::Message& msg) {
        static_cast<void>(nc.try_publish(msg.reply(), msg.payload()));
    });
    if (!service.ok()) return fail(service.error());
    if (const auto error = nc.try_publish("a b", "")) {
        std::printf("%s\n", std::string(to_string(error->code())).c_str());
    }
    auto reply = nc.request("service", "echo", 10s).result();
    if (!reply.ok()) return fail(reply.error());
    std::printf("%s\n", std::string(reply->payload()).c_str());

    auto sub = nc.try_subscribe("quiet");
    if (!sub.ok()) return fail(sub.error());
    auto nothing = sub->next(1ms).result();
    if (nothing.ok()) return 4;
    std::printf("%s\n", std::string(to_string(nothing.error().code())).c_str());
    auto closed = nc.close().result();
    return closed.ok() ? 0 : fail(closed.error());
}
