// A server that discards: greets one client, answers its PINGs, also in mid-stream, and counts and
// drops what it publishes. Prints the count at the end, so that a client which lost or kept back
// messages is found out; `at_ping` is the count when the last PING came, before its PONG went out.
#include "measure.hpp"
#include "wire.hpp"

namespace {

struct Counts {
    std::int64_t messages = 0;
    std::int64_t at_ping = 0;
};

// Consumes frames wherever the input is cut. Payloads are skipped unread, therefore a PING inside
// one is no PING. A run repeats one control line, so the last one is compared before anything is
// parsed.
class Discarder {
public:
    explicit Discarder(int fd) : fd_(fd) {}

    // Returns how much is done with; the rest (part of a line) must come again with more behind it.
    std::size_t consume(std::string_view input) {
        const std::size_t size = input.size();
        while (!input.empty()) {
            if (skip_ > 0) {
                const std::size_t part = std::min(skip_, input.size());
                input.remove_prefix(part);
                skip_ -= part;
            }
            input.remove_prefix(repeats(input));
            if (input.empty()) break;
            const std::size_t end = input.find('\n');
            if (end == std::string_view::npos) break;
            line(input.substr(0, end + 1));
            input.remove_prefix(end + 1);
        }
        return size - input.size();
    }

    [[nodiscard]] const Counts& counts() const { return counts_; }

private:
    // The length of the whole frames at the start that repeat the last control line.
    std::size_t repeats(std::string_view input) {
        if (last_.empty()) return 0;
        const std::size_t stride = last_.size() + last_body_;
        const char* const line = last_.data();
        const std::size_t length = last_.size();
        std::size_t at = 0;
        while (input.size() - at >= stride && std::memcmp(input.data() + at, line, length) == 0) {
            at += stride;
        }
        counts_.messages += static_cast<std::int64_t>(at / stride);
        return at;
    }

    void line(std::string_view text) {
        if (text.starts_with("PUB ") || text.starts_with("HPUB ")) {
            // Both end in the number of bytes that follow.
            const std::size_t end = text.find_last_of("0123456789");
            const std::size_t space = text.rfind(' ');
            if (end == std::string_view::npos || space > end) bench::die("a bad PUB line");
            last_ = text;
            last_body_ =
                static_cast<std::size_t>(bench::number(text.substr(space + 1, end - space))) + 2;
            skip_ = last_body_;
            ++counts_.messages;
        } else if (text.starts_with("PING")) {
            counts_.at_ping = counts_.messages;
            bench::send_all(fd_, "PONG\r\n");
        }
    }

    int fd_;
    std::size_t skip_ = 0;
    std::string last_;
    std::size_t last_body_ = 0;
    Counts counts_;
};

}  // namespace

int main(int argc, char** argv) {
    bench::arguments(argc, argv, 0, "");
    const int fd = bench::accept_one();
    bench::send_all(fd, bench::server_info);
    const bench::Window window;
    Discarder discarder(fd);
    std::vector<char> buffer(bench::read_size);
    std::size_t held = 0;
    for (;;) {
        const ssize_t got = recv(fd, buffer.data() + held, buffer.size() - held, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        held += static_cast<std::size_t>(got);
        const std::size_t used = discarder.consume({buffer.data(), held});
        held -= used;
        std::memmove(buffer.data(), buffer.data() + used, held);
        if (held == buffer.size()) bench::die("a control line larger than the buffer");
    }
    std::printf("{\"messages\":%lld,\"at_ping\":%lld}\n",
                static_cast<long long>(discarder.counts().messages),
                static_cast<long long>(discarder.counts().at_ping));
    window.finish(discarder.counts().messages);
    return 0;
}
