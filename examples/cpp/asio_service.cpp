// On Boost.Asio (with ANYNATS_ASIO_STANDALONE: on standalone Asio): an io_context drives two
// clients, and every operation takes a completion token. One answers until the other has asked.
// usage: asio_service [URL]
#include <cstdio>
#include <exception>
#include <string>

#include <anynats/asio.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

asio::awaitable<void> serve(anynats::AsioClient nc, anynats::AsioSubscription squares) {
    try {
        for (;;) {
            anynats::Message msg = co_await squares.async_next();
            const int n = std::stoi(std::string(msg.payload()));
            co_await nc.async_publish(std::string(msg.reply()), std::to_string(n * n));
        }
    } catch (const anynats::Closed&) {  // the subscription is over
    }
}

asio::awaitable<void> ask(anynats::AsioClient nc, anynats::AsioClient service) {
    co_await nc.async_connect();
    auto squares = service.subscribe("squares");
    asio::co_spawn(nc.get_executor(), serve(service, squares), asio::detached);
    co_await service.async_flush();
    anynats::Message reply = co_await nc.async_request("squares", "7", 5s);
    std::printf("7 * 7 = %s\n", std::string(reply.payload()).c_str());
    try {
        co_await nc.async_request("nobody.listens", "?");
    } catch (const anynats::NoResponders& error) {
        std::printf("%s\n", error.what());
    }
    co_await service.async_drain();
    co_await nc.async_close();
}

}  // namespace

int main(int argc, char** argv) try {
    asio::io_context io;
    anynats::Options options;
    if (argc > 1) options.servers = {argv[1]};
    anynats::AsioClient nc(io, options), service(io, options);
    asio::co_spawn(io, ask(nc, service), [](std::exception_ptr failure) {
        if (failure) std::rethrow_exception(failure);
    });
    io.run();  // until both are closed
} catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
