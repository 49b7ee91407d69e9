// One simulated connection: two pipes of bytes with delay, rate and a window, which can be split,
// cut at any byte, stalled and silenced. Knows where each frame ends, so that whoever looks knows
// what has been written, carried and read whole. Frames of the client come from a strict reader.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <anynats/error.hpp>

#include "clock.hpp"
#include "dice.hpp"
#include "script_frames.hpp"

namespace sim {

using script::ClientFrame;

/// What a message is, shared by all who get it.
struct Content {
    std::string subject, reply, headers, payload;
    std::size_t size() const {
        return subject.size() + reply.size() + headers.size() + payload.size();
    }
};
using ContentRef = std::shared_ptr<const Content>;

inline ContentRef content(std::string subject, std::string reply, std::string headers,
                          std::string payload) {
    return std::make_shared<Content>(
        Content{std::move(subject), std::move(reply), std::move(headers), std::move(payload)});
}

/// One frame of a server, and what it means to a client.
struct Said {
    enum class Kind { info, msg, ping, pong, ok, error, garbage };
    Kind kind = Kind::ok;
    std::uint64_t sid = 0;    // msg; error: the subscription that it names
    ContentRef content = {};  // msg; error: the subject and, as reply, the queue it is about
    bool fatal = false;       // error: the server closes the connection after it
    enum class About { connection, publish, subscription } about = About::connection;
    bool valid = true;                     // info: the JSON can be read
    bool lame_duck = false;                // info
    std::size_t max_payload = 0;           // info
    std::vector<std::string> places = {};  // info: the servers that it lists
    std::uint64_t end = 0;                 // bytes of the connection up to here
};

class Wire;
struct Peer;  // server.hpp: what the server knows of the connection

/// The end that a session drives.
class ClientEnd {
public:
    virtual ~ClientEnd() = default;
    virtual void opened(Wire& wire) = 0;
    virtual void ended(Wire& wire, bool reset) = 0;
    virtual void heard(Wire& wire, std::string_view bytes) = 0;
};

/// The end that a model server drives.
class ServerEnd {
public:
    virtual ~ServerEnd() = default;
    virtual void read(Wire& wire, const ClientFrame& frame) = 0;
    virtual void gone(Wire& wire) = 0;
};

/// How a connection behaves; the simulation changes it as it goes.
struct Weather {
    Duration delay = 1ms;           // one way
    Duration jitter = 0ms;          // up to this on top
    Duration byte = 0ns;            // more for each byte: a slow link
    std::size_t window = 1u << 20;  // bytes on the way that the client's socket takes
    std::size_t piece = 1u << 30;   // most bytes of one write
    unsigned split = 0;             // percent of the server's frames that come in two parts
};

class Wire {
public:
    Wire(Clock& clock, Dice dice, ClientEnd& end, std::uint64_t attempt, const Weather& now)
        : epoch(attempt), client(&end), weather(now), clock_(clock), dice_(dice) {}

    const std::uint64_t epoch;
    ClientEnd* client;            // null when the client has closed it or is gone
    ServerEnd* server = nullptr;  // null before it is accepted and when the server has closed it
    Peer* peer = nullptr;
    Weather weather;
    bool silent_up = false, silent_down = false;  // nothing arrives any more, and nobody is told
    script::ClientReader tap;                     // everything that the client's socket has taken

    // --- the client's end
    /// Bytes that the socket takes now, of `bytes`; the frames they complete are in tap.frames.
    std::size_t take(std::string_view bytes);
    /// Let frames, as they were tapped, travel; the bytes taken before go with them.
    void carry(std::vector<ClientFrame> frames);
    void leave();
    /// The frames that end within the bytes heard up to `at`, in order; each is given once.
    std::deque<Said> heard_until(std::uint64_t at);
    std::uint64_t delivered() const { return delivered_; }
    /// Whether a message for this subscription is on its way.
    bool says(std::uint64_t sid) const;
    /// What comes next, and has maybe begun, breaks the protocol.
    bool in_garbage() const { return !said_.empty() && said_.front().kind == Said::Kind::garbage; }

    // --- the server's end
    void say(std::string_view bytes, Said said);
    /// Close, after all that was said.
    void hang_up();
    /// Whether the server reads what arrives.
    void stall(bool yes);

    // --- the network
    /// Break it: something of what is on its way still arrives, at any byte.
    void cut(bool reset);
    /// Nothing is on its way and nothing will be lost.
    bool quiet() const;
    std::string shown() const;
    bool alive() const { return client && server && !silent_up && !silent_down; }

private:
    Time later(Time& last, std::size_t size);
    void arrive(std::uint64_t mark);
    void deliver(std::uint64_t mark);
    void read();

    Clock& clock_;
    Dice dice_;
    std::deque<ClientFrame> up_;
    std::uint64_t written_ = 0, arrived_ = 0, read_ = 0;
    Time next_up_{}, next_down_{};
    std::string down_;  // said and not delivered
    std::deque<Said> said_;
    std::uint64_t said_end_ = 0, delivered_ = 0;
    bool stalled_ = false;
};

}  // namespace sim
