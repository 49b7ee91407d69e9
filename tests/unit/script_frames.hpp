// The server's side of the wire, for scripts and for the simulator: frames made for a client, a
// strict reader of what a client wrote, and the table of what one connection is subscribed to.
// Written from wire.md, not from our parser and encoder (Q7).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <anynats/session.hpp>

namespace script {

anynats::Seed seed_of(std::uint64_t number);

/// `MSG subject sid [reply] size CRLF payload CRLF`.
std::string msg(std::string_view subject, std::uint64_t sid, std::string_view payload,
                std::string_view reply = {});

/// HMSG with a header block as it stands.
std::string hmsg(std::string_view subject, std::uint64_t sid, std::string_view headers,
                 std::string_view payload, std::string_view reply = {});

inline const std::string no_responders = "NATS/1.0 503\r\n\r\n";

/// Whether a subscription to `pattern` gets what is published on `subject`.
bool matches(std::string_view pattern, std::string_view subject);

/// One frame that a client wrote.
struct ClientFrame {
    std::string line;  // without CR LF
    std::vector<std::string> words;
    std::string headers, payload;
    std::uint64_t end = 0;  // bytes of the connection up to here
    bool publish() const { return words[0] == "PUB" || words[0] == "HPUB"; }
    const std::string& subject() const { return words[1]; }
    std::string reply() const;
    std::string key() const { return subject() + '|' + payload; }
    std::uint64_t sid() const;  // of SUB and UNSUB
    std::uint64_t max() const;  // of UNSUB; 0 when it ends the subscription now
};

/// What a server understands of a client's bytes.
class ClientReader {
public:
    void feed(std::string_view bytes);
    std::vector<ClientFrame> frames;  // may be taken away
    std::string flaw;                 // what is wrong with the bytes; empty when nothing is
    bool partial() const { return !rest_.empty(); }
    const std::string& rest() const { return rest_; }

private:
    bool one(std::string_view bytes);
    bool body(ClientFrame& frame, std::string_view bytes);
    std::size_t number(const std::string& text, const std::string& line);
    std::string rest_;
    std::uint64_t read_ = 0;   // bytes in whole frames
    std::uint64_t count_ = 0;  // whole frames
};

/// What one connection is subscribed to, by sid.
class Interest {
public:
    struct Sub {
        std::string subject, queue;
        std::uint64_t max = 0, delivered = 0;
        std::uint64_t left() const { return max ? max - delivered : 0; }
    };
    /// False when the sid is taken already.
    bool subscribe(const ClientFrame& frame);
    void unsubscribe(const ClientFrame& frame);
    /// Count one delivery; the last one ends the subscription.
    void delivered(std::uint64_t sid);
    std::map<std::uint64_t, Sub> subs;
};

}  // namespace script
