// Bytes on their way; see wire.hpp. Everything is an event of the clock, and events of a connection
// that is over find nobody.
#include "wire.hpp"

#include <algorithm>

namespace sim {

/// When `size` bytes arrive that leave now: behind what left before.
Time Wire::later(Time& last, std::size_t size) {
    Duration wait = weather.delay + weather.byte * static_cast<std::int64_t>(size);
    if (weather.jitter > 0ms) {
        const auto most = static_cast<std::uint64_t>(weather.jitter.count());
        wait += Duration(static_cast<std::int64_t>(dice_.below(most)));
    }
    return last = std::max(last, clock_.now() + wait);
}

// --- up -----------------------------------------------------------------------------------------

std::size_t Wire::take(std::string_view bytes) {
    const std::uint64_t on_the_way = written_ - read_;
    const std::size_t room = on_the_way < weather.window ? weather.window - on_the_way : 0;
    std::size_t n = std::min(bytes.size(), room);
    if (n > weather.piece) n = dice_.between(1, weather.piece);
    if (n == 0) return 0;
    tap.feed(bytes.substr(0, n));
    written_ += n;
    return n;
}

void Wire::carry(std::vector<ClientFrame> frames) {
    for (ClientFrame& frame : frames) up_.push_back(std::move(frame));
    if (silent_up || !server) return;
    const std::uint64_t mark = written_;
    clock_.at(later(next_up_, mark - arrived_), [this, mark] { arrive(mark); });
}

void Wire::arrive(std::uint64_t mark) {
    if (!server || silent_up) return;
    arrived_ = std::max(arrived_, mark);
    if (!stalled_) read();
}

void Wire::read() {
    read_ = arrived_;
    while (server && !up_.empty() && up_.front().end <= read_) {
        const ClientFrame frame = std::move(up_.front());
        up_.pop_front();
        server->read(*this, frame);
    }
}

void Wire::stall(bool yes) {
    stalled_ = yes;
    if (!yes && server && !silent_up) read();
}

void Wire::leave() {
    client = nullptr;
    down_.clear();
    if (!server || silent_up) return;
    clock_.at(later(next_up_, 0), [this] {
        if (!server) return;
        ServerEnd* end = server;
        server = nullptr;
        end->gone(*this);
    });
}

// --- down ---------------------------------------------------------------------------------------

void Wire::say(std::string_view bytes, Said said) {
    if (!server) return;
    said_end_ += bytes.size();
    said.end = said_end_;
    if (!client || silent_down) return;
    down_ += bytes;
    said_.push_back(std::move(said));
    const std::uint64_t mark = said_end_;
    const Time when = later(next_down_, bytes.size());
    if (bytes.size() > 1 && dice_.percent(weather.split)) {
        const std::uint64_t first = mark - dice_.between(1, bytes.size() - 1);
        clock_.at(when, [this, first] { deliver(first); });
        next_down_ += Duration(static_cast<std::int64_t>(dice_.below(2'000'000)));
    }
    clock_.at(next_down_, [this, mark] { deliver(mark); });
}

void Wire::deliver(std::uint64_t mark) {
    if (!client || silent_down || mark <= delivered_) return;
    const std::string bytes = down_.substr(0, mark - delivered_);
    down_.erase(0, bytes.size());
    delivered_ = mark;
    client->heard(*this, bytes);
}

std::deque<Said> Wire::heard_until(std::uint64_t at) {
    std::deque<Said> heard;
    while (!said_.empty() && said_.front().end <= at) {
        heard.push_back(std::move(said_.front()));
        said_.pop_front();
    }
    return heard;
}

bool Wire::says(std::uint64_t sid) const {
    return std::any_of(said_.begin(), said_.end(), [&](const Said& said) {
        return said.kind == Said::Kind::msg && said.sid == sid;
    });
}

void Wire::hang_up() {
    server = nullptr;
    clock_.at(later(next_down_, 0), [this] {
        if (client && !silent_down) client->ended(*this, false);
    });
}

// --- the network --------------------------------------------------------------------------------

void Wire::cut(bool reset) {
    if (server) {
        arrived_ += dice_.below(written_ - arrived_ + 1);
        if (!silent_up && !stalled_) read();
    }
    if (server) {
        ServerEnd* end = server;
        server = nullptr;
        end->gone(*this);
    }
    if (client && !silent_down) deliver(delivered_ + dice_.below(down_.size() + 1));
    if (client) client->ended(*this, reset);
}

std::string Wire::shown() const {
    return "written " + std::to_string(written_) + ", arrived " + std::to_string(arrived_) +
           ", read " + std::to_string(read_) + ", said " + std::to_string(said_end_) +
           ", delivered " + std::to_string(delivered_) + (client ? "" : ", client gone") +
           (server ? "" : ", server gone") + (silent_up ? ", silent up" : "") +
           (silent_down ? ", silent down" : "") + (stalled_ ? ", stalled" : "");
}

bool Wire::quiet() const {
    return alive() && !stalled_ && written_ == read_ && said_end_ == delivered_;
}

}  // namespace sim
