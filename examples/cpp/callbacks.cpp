// Callbacks: a service that answers, a request whose reply is called back, and what the client
// tells. They run one after the other on the client's own callback thread; Options::executor hands
// them to yours, for example to an io_context of Asio:
//     options.executor = [&io](std::function<void()> f) { boost::asio::post(io, std::move(f)); };
// usage: callbacks [URL]
#include <chrono>
#include <cstdio>
#include <exception>
#include <future>
#include <string>

#include <anynats/anynats.hpp>

using namespace std::chrono_literals;

int main(int argc, char** argv) try {
    anynats::Options options;
    if (argc > 1) options.servers = {argv[1]};
    options.on_event = [](const anynats::Event& event) {
        std::printf("event: %s\n", std::string(to_string(event.kind)).c_str());
    };
    anynats::Client nc = anynats::connect(options).get();

    anynats::Subscription service = nc.subscribe("shout", [&](const anynats::Message& msg) {
        nc.publish(msg.reply(), std::string(msg.payload()) + '!');
    });

    std::promise<void> answered;
    nc.request("shout", "hello", 5s).then([&](anynats::Result<anynats::Message> reply) {
        if (reply.ok()) {
            std::printf("reply: %s\n", std::string(reply->payload()).c_str());
        } else {
            std::printf("no reply: %s\n", reply.error().what());
        }
        answered.set_value();
    });
    answered.get_future().wait();

    nc.close().get();  // no callback runs any more: what they use may go
} catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
