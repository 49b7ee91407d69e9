// What goes over the wire in scripts: frames made for the client, and a strict reader of what it
// wrote that is not our own parser (Q7).
#include "script.hpp"

#include <algorithm>
#include <cstdio>
#include <new>
#include <span>
#include <sstream>

namespace script {

Seed seed_of(std::uint64_t number) {
    Seed seed{};
    for (std::size_t i = 0; i < 8; ++i) seed[i] = static_cast<std::uint8_t>(number >> (8 * i));
    return seed;
}

std::string info_with(const std::string& members) {
    std::string line = info;
    line.insert(line.size() - 3, "," + members);
    return line;
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

// --- what the client wrote ----------------------------------------------------------------------

std::string ClientFrame::reply() const {
    const std::size_t with = words[0] == "PUB" ? 4 : 5;
    return publish() && words.size() == with ? words[2] : std::string();
}

void ClientReader::feed(std::string_view bytes) {
    rest_ += bytes;
    while (flaw.empty() && one()) {
    }
}

bool ClientReader::one() {
    const std::size_t end = rest_.find("\r\n");
    if (end == std::string::npos) return false;
    ClientFrame frame;
    frame.line = rest_.substr(0, end);
    std::size_t size = end + 2;
    const std::size_t first_blank = frame.line.find(' ');
    if (frame.line.substr(0, first_blank) == "CONNECT") {
        frame.words = {"CONNECT", frame.line.substr(std::min(frame.line.size(), first_blank + 1))};
    } else {
        std::size_t at = 0;
        for (;;) {
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
    const auto number = [&](const std::string& text) {
        if (text.empty() || text.size() > 18 ||
            text.find_first_not_of("0123456789") != std::string::npos) {
            flaw = "a bad number in: " + frame.line;
            return std::size_t{0};
        }
        return static_cast<std::size_t>(std::stoull(text));
    };
    if (verb == "PUB" || verb == "HPUB") {
        const bool headers = verb == "HPUB";
        const std::size_t least = headers ? 4 : 3;
        if (words != least && words != least + 1) flaw = "bad " + verb + ": " + frame.line;
        if (!flaw.empty()) return false;
        const std::size_t total = number(frame.words.back());
        const std::size_t head = headers ? number(frame.words[words - 2]) : 0;
        if (head > total) flaw = "headers larger than the message: " + frame.line;
        if (!flaw.empty() || rest_.size() < size + total + 2) return false;
        frame.headers = rest_.substr(size, head);
        frame.payload = rest_.substr(size + head, total - head);
        if (rest_.compare(size + total, 2, "\r\n") != 0) flaw = "no CR LF behind: " + frame.line;
        size += total + 2;
    } else if (verb == "SUB") {
        if (words != 3 && words != 4) flaw = "bad SUB: " + frame.line;
        if (flaw.empty()) number(frame.words.back());
    } else if (verb == "UNSUB") {
        if (words != 2 && words != 3) flaw = "bad UNSUB: " + frame.line;
        if (flaw.empty()) number(frame.words.back());
    } else if (verb != "PING" && verb != "PONG" && verb != "CONNECT") {
        flaw = "unknown verb in: " + frame.line;
    } else if (verb != "CONNECT" && words != 1) {
        flaw = "words behind: " + frame.line;
    }
    // CONNECT first, then PING, and each of them where it belongs (I01).
    if (frames.empty() != (verb == "CONNECT")) flaw = "CONNECT is not first: " + frame.line;
    if (frames.size() == 1 && verb != "PING") flaw = "PING does not follow CONNECT";
    if (!flaw.empty()) return false;
    frames.push_back(std::move(frame));
    rest_.erase(0, size);
    return !rest_.empty();
}

}  // namespace script
