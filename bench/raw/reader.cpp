// The raw receiver: reads the source's stream, cuts it into frames with a minimal parser and
// touches each payload. One thread, no queue, no message object: the floor for a client that
// receives.
#include "measure.hpp"
#include "wire.hpp"

int main(int argc, char** argv) {
    const auto values = bench::arguments(argc, argv, 3, "port n size");
    const std::int64_t n = values[1];
    const auto size = static_cast<std::size_t>(values[2]);
    const int fd = bench::connect_to(values[0]);
    bench::Frames frames(fd);
    bench::send_all(fd, bench::client_connect);
    bench::wait_for_pong(fd, frames);

    // Opened before SUB and not at the first message: work done ahead of that belongs to the price.
    const bench::Window window;
    bench::send_all(fd, "SUB bench 1\r\n");
    for (std::int64_t i = 0; i < n; ++i) {
        const bench::Frame frame = bench::next_message(fd, frames);
        if (frame.payload.size() != size || frame.payload.front() != 'x') {
            bench::die("a wrong message");
        }
    }
    window.finish(n);
    return 0;
}
