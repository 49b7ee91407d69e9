// Request and reply: a responder in a thread of its own, one request, and many at the same time.
// usage: request_reply [URL]
#include <chrono>
#include <cstdio>
#include <exception>
#include <string>
#include <thread>
#include <vector>

#include <anynats/anynats.hpp>

using namespace std::chrono_literals;

namespace {

/// Answer until the subscription ends.
void respond(anynats::Client nc, anynats::Subscription squares) {
    for (const anynats::Message& msg : squares) {
        const int n = std::stoi(std::string(msg.payload()));
        nc.publish(msg.reply(), std::to_string(n * n));
    }
}

}  // namespace

int main(int argc, char** argv) try {
    anynats::Client nc = anynats::connect(argc > 1 ? argv[1] : "nats://127.0.0.1:4222").get();
    anynats::Subscription squares = nc.subscribe("squares");
    std::thread responder(respond, nc, squares);

    std::printf("7 * 7 = %s\n",
                std::string(nc.request("squares", "7", 5s).get().payload()).c_str());

    // An operation starts at once; get() only waits for it.
    std::vector<anynats::Operation<anynats::Message>> replies;
    for (int i = 0; i < 100; ++i) replies.push_back(nc.request("squares", std::to_string(i), 5s));
    long sum = 0;
    for (auto& reply : replies) sum += std::stol(std::string(reply.get().payload()));
    std::printf("the sum of 100 squares is %ld\n", sum);

    try {
        nc.request("nobody.listens", "?").get();
    } catch (const anynats::NoResponders& error) {
        std::printf("%s\n", error.what());  // told by the server, without waiting for the timeout
    }

    squares.unsubscribe();
    responder.join();
    nc.close().get();
} catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
