// What goes over the wire in scripts and simulations, as a server sees it; see script_frames.hpp.
#include "script_frames.hpp"

namespace script {

using anynats::Seed;

Seed seed_of(std::uint64_t number) {
    Seed seed{};
    for (std::size_t i = 0; i < 8; ++i) seed[i] = static_cast<std::uint8_t>(number >> (8 * i));
    return seed;
}

std::string msg(std::string_view subject, std::uint64_t sid, std::string_view payload,
                std::string_view reply) {
    std::string frame = "MSG " + std::string(subject) + ' ' + std::to_string(sid) + ' ';
    if (!reply.empty()) frame += std::string(reply) + ' ';
    return frame + std::to_string(payload.size()) + "\r\n" + std::string(payload) + "\r\n";
}

std::string hmsg(std::string_view subject, std::uint64_t sid, std::string_view headers,
                 std::string_view payload, std::string_view reply) {
    std::string frame = "HMSG " + std::string(subject) + ' ' + std::to_string(sid) + ' ';
    if (!reply.empty()) frame += std::string(reply) + ' ';
    frame += std::to_string(headers.size()) + ' ';
    frame += std::to_string(headers.size() + payload.size()) + "\r\n";
    return frame + std::string(headers) + std::string(payload) + "\r\n";
}

bool matches(std::string_view pattern, std::string_view subject) {
    for (;;) {
        const std::size_t p = pattern.find('.'), s = subject.find('.');
        const std::string_view want = pattern.substr(0, p), have = subject.substr(0, s);
        if (want == ">") return true;
        if (want != "*" && want != have) return false;
        if (p == std::string_view::npos || s == std::string_view::npos) return p == s;
        pattern.remove_prefix(p + 1);
        subject.remove_prefix(s + 1);
    }
}

// --- what the client wrote ----------------------------------------------------------------------

std::string ClientFrame::reply() const {
    const std::size_t with = words[0] == "PUB" ? 4 : 5;
    return publish() && words.size() == with ? words[2] : std::string();
}

std::uint64_t ClientFrame::sid() const {
    return std::stoull(words[0] == "SUB" ? words.back() : words[1]);
}

std::uint64_t ClientFrame::max() const {
    return words.size() == 3 ? std::stoull(words[2]) : 0;
}

void ClientReader::feed(std::string_view bytes) {
    rest_ += bytes;
    const std::uint64_t before = read_;
    while (flaw.empty() && one(std::string_view(rest_).substr(read_ - before))) {
    }
    rest_.erase(0, read_ - before);
}

std::size_t ClientReader::number(const std::string& text, const std::string& line) {
    if (text.empty() || text.size() > 18 ||
        text.find_first_not_of("0123456789") != std::string::npos) {
        flaw = "a bad number in: " + line;
        return 0;
    }
    return static_cast<std::size_t>(std::stoull(text));
}

/// The headers and the payload behind a publish's line; false when they are not all there.
bool ClientReader::body(ClientFrame& frame, std::string_view bytes) {
    const bool headers = frame.words[0] == "HPUB";
    const std::size_t words = frame.words.size(), least = headers ? 4 : 3;
    if (words != least && words != least + 1) flaw = "bad words: " + frame.line;
    if (!flaw.empty()) return false;
    const std::size_t total = number(frame.words.back(), frame.line);
    const std::size_t head = headers ? number(frame.words[words - 2], frame.line) : 0;
    if (head > total) flaw = "headers larger than the message: " + frame.line;
    if (!flaw.empty() || bytes.size() < total + 2) return false;
    frame.headers = bytes.substr(0, head);
    frame.payload = bytes.substr(head, total - head);
    if (bytes.substr(total, 2) != "\r\n") flaw = "no CR LF behind: " + frame.line;
    return flaw.empty();
}

bool ClientReader::one(std::string_view bytes) {
    const std::size_t end = bytes.find("\r\n");
    if (end == std::string::npos) return false;
    ClientFrame frame;
    frame.line = bytes.substr(0, end);
    const std::size_t first_blank = frame.line.find(' ');
    if (frame.line.substr(0, first_blank) == "CONNECT") {
        frame.words = {"CONNECT", frame.line.substr(std::min(frame.line.size(), first_blank + 1))};
    } else {
        for (std::size_t at = 0;;) {
            const std::size_t blank = frame.line.find(' ', at);
            frame.words.push_back(frame.line.substr(at, blank - at));
            if (blank == std::string::npos) break;
            at = blank + 1;
        }
    }
    for (const std::string& word : frame.words) {
        if (word.empty()) flaw = "an empty word in: " + frame.line;
    }
    const std::string& verb = frame.words[0];
    const std::size_t words = frame.words.size();
    std::size_t size = end + 2;
    if (verb == "PUB" || verb == "HPUB") {
        if (!body(frame, bytes.substr(size))) return false;
        size += frame.headers.size() + frame.payload.size() + 2;
    } else if (verb == "SUB") {
        if (words != 3 && words != 4) flaw = "bad SUB: " + frame.line;
        if (flaw.empty()) number(frame.words.back(), frame.line);
    } else if (verb == "UNSUB") {
        if (words != 2 && words != 3) flaw = "bad UNSUB: " + frame.line;
        if (flaw.empty()) number(frame.words[1], frame.line);
        if (flaw.empty()) number(frame.words.back(), frame.line);
    } else if (verb != "PING" && verb != "PONG" && verb != "CONNECT") {
        flaw = "unknown verb in: " + frame.line;
    } else if (verb != "CONNECT" && words != 1) {
        flaw = "words behind: " + frame.line;
    }
    // CONNECT first, then PING, and each of them where it belongs (I01).
    if ((count_ == 0) != (verb == "CONNECT")) flaw = "CONNECT is not first: " + frame.line;
    if (count_ == 1 && verb != "PING") flaw = "PING does not follow CONNECT";
    if (!flaw.empty()) return false;
    ++count_;
    read_ += size;
    frame.end = read_;
    frames.push_back(std::move(frame));
    return true;
}

// --- what it is subscribed to -------------------------------------------------------------------

bool Interest::subscribe(const ClientFrame& frame) {
    const std::string queue = frame.words.size() == 4 ? frame.words[2] : "";
    return subs.emplace(frame.sid(), Sub{frame.subject(), queue, 0, 0}).second;
}

void Interest::unsubscribe(const ClientFrame& frame) {
    const auto sub = subs.find(frame.sid());
    if (sub == subs.end()) return;
    sub->second.max = frame.max();
    if (sub->second.max <= sub->second.delivered) subs.erase(sub);
}

void Interest::delivered(std::uint64_t sid) {
    const auto sub = subs.find(sid);
    if (sub == subs.end()) return;
    ++sub->second.delivered;
    if (sub->second.max && sub->second.delivered >= sub->second.max) subs.erase(sub);
}

}  // namespace script
