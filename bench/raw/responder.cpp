// The raw responder: answers every request on `svc` with its own payload, until its server goes
// away or it is killed. The same one serves all requesters, so it is part of nobody's comparison.
#include "measure.hpp"
#include "wire.hpp"

int main(int argc, char** argv) {
    const auto values = bench::arguments(argc, argv, 1, "port");
    alarm(0);  // serves a whole benchmark; ends with its server
    const int fd = bench::connect_to(values[0]);
    bench::Frames frames(fd);
    bench::send_all(fd, bench::client_connect);
    bench::wait_for_pong(fd, frames);
    bench::send_all(fd, "SUB svc 1\r\nPING\r\n");
    bench::wait_for_pong(fd, frames);
    std::printf("{\"ready\":true}\n");
    std::fflush(stdout);

    const bench::Window window;
    std::int64_t n = 0;
    std::string answer;
    bench::Frame frame;
    while (frames.next(frame)) {
        if (frame.line.starts_with("PING")) bench::send_all(fd, "PONG\r\n");
        if (frame.line.front() != 'M') continue;
        // MSG svc 1 <reply> <n>: the answer's line is its last two words.
        const std::size_t size_at = frame.line.rfind(' ');
        const std::size_t reply_at = frame.line.rfind(' ', size_at - 1);
        answer = "PUB";
        answer += frame.line.substr(reply_at);
        answer += "\r\n";
        answer += frame.payload;
        answer += "\r\n";
        if (!bench::send_all(fd, answer)) break;
        ++n;
    }
    window.finish(n);
    return 0;
}
