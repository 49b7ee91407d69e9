// A server that replays: greets one client and, after its first SUB, streams n pre-encoded
// `MSG bench <sid> <size>` frames as fast as the socket takes them. PINGs are answered between
// blocks of whole frames, so a PONG never falls inside a message.
#include "measure.hpp"
#include "wire.hpp"

namespace {

constexpr std::size_t block_size = 256 * 1024;

}  // namespace

int main(int argc, char** argv) {
    const auto values = bench::arguments(argc, argv, 2, "n size");
    const std::int64_t n = values[0];
    const std::string payload(static_cast<std::size_t>(values[1]), 'x');
    const int fd = bench::accept_one();
    bench::send_all(fd, bench::server_info);

    bench::Frames frames(fd);
    bench::Frame frame;
    std::string sid;
    while (sid.empty() && frames.next(frame)) {
        if (frame.line.starts_with("PING")) bench::send_all(fd, "PONG\r\n");
        if (frame.line.starts_with("SUB bench ")) {
            sid = frame.line.substr(frame.line.rfind(' ') + 1);
        }
    }
    if (sid.empty()) {
        errno = 0;
        bench::die("the client left without SUB bench");
    }
    const auto answer_pings = [&] {
        while (frames.next(frame, false)) {
            if (frame.line.starts_with("PING")) bench::send_all(fd, "PONG\r\n");
        }
        return !frames.closed();
    };
    const std::string message =
        "MSG bench " + sid + " " + std::to_string(payload.size()) + "\r\n" + payload + "\r\n";
    const bench::Window window;
    // What arrived together with the SUB, a PING perhaps, is answered before the stream starts.
    if (answer_pings() && bench::send_frames(fd, message, n, block_size, answer_pings)) {
        while (frames.next(frame)) {
            if (frame.line.starts_with("PING")) bench::send_all(fd, "PONG\r\n");
        }
    }
    window.finish(n);
    return 0;
}
