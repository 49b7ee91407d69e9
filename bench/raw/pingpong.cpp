// The raw requester: request, wait in recv() for the reply, again. What one blocking thread and one
// socket cost against the same server and responder; every client's request is measured against it.
#include "measure.hpp"
#include "wire.hpp"

namespace {

constexpr std::int64_t warm_up = 200;

// The fewest bytes a client could send: its inbox is fixed, since only one request is ever open.
constexpr std::string_view request_frame = "PUB svc _INBOX.raw.1 1\r\nx\r\n";

}  // namespace

int main(int argc, char** argv) {
    const auto values = bench::arguments(argc, argv, 2, "port n");
    const std::int64_t n = values[1];
    const int fd = bench::connect_to(values[0]);
    bench::Frames frames(fd);
    bench::send_all(fd, bench::client_connect);
    bench::wait_for_pong(fd, frames);
    bench::send_all(fd, "SUB _INBOX.raw.* 1\r\nPING\r\n");
    bench::wait_for_pong(fd, frames);

    const auto round_trip = [&] {
        const std::int64_t start = bench::now_ns();
        bench::send_all(fd, request_frame);
        if (bench::next_message(fd, frames).payload != "x") bench::die("a wrong reply");
        return bench::now_ns() - start;
    };
    for (std::int64_t i = 0; i < warm_up; ++i) round_trip();

    std::vector<std::int64_t> latencies(static_cast<std::size_t>(n));
    const bench::Window window;
    for (auto& latency : latencies) latency = round_trip();
    window.finish(n, std::move(latencies));
    return 0;
}
