// The raw publisher: encodes each PUB into one buffer, writes it at 64 KiB, then PING, until PONG.
// What a publish must cost: the frame put together and the kernel's copy; no lock, no checks.
#include <charconv>

#include "measure.hpp"
#include "wire.hpp"

namespace {

constexpr std::size_t high_water = 64 * 1024;
constexpr std::size_t longest_line = 64;

// Encodes message after message, as a caller whose payloads differ would have to.
class Writer {
public:
    Writer(int fd, std::size_t size) : fd_(fd), buffer_(high_water + longest_line + size) {}

    void publish(std::string_view subject, std::string_view payload) {
        char* at = buffer_.data() + used_;
        const auto append = [&at](std::string_view text) {
            std::memcpy(at, text.data(), text.size());
            at += text.size();
        };
        append("PUB ");
        append(subject);
        append(" ");
        at = std::to_chars(at, at + 20, payload.size()).ptr;
        append("\r\n");
        append(payload);
        append("\r\n");
        used_ = static_cast<std::size_t>(at - buffer_.data());
        if (used_ >= high_water) flush();
    }

    void flush() {
        if (!bench::send_all(fd_, {buffer_.data(), used_})) bench::die("the sink went away");
        used_ = 0;
    }

private:
    int fd_;
    std::vector<char> buffer_;
    std::size_t used_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
    const auto values = bench::arguments(argc, argv, 3, "port n size");
    const std::int64_t n = values[1];
    const std::string payload(static_cast<std::size_t>(values[2]), 'x');
    const int fd = bench::connect_to(values[0]);
    bench::Frames frames(fd);
    bench::send_all(fd, bench::client_connect);
    bench::wait_for_pong(fd, frames);
    Writer writer(fd, payload.size());

    const bench::Window window;
    for (std::int64_t i = 0; i < n; ++i) writer.publish("bench", payload);
    writer.flush();
    bench::send_all(fd, "PING\r\n");
    bench::wait_for_pong(fd, frames);
    window.finish(n);
    return 0;
}
