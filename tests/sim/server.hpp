// The model servers, written from wire.md: a cluster of nodes that greet, authenticate, keep each
// connection's subscriptions, route what is published, say who has no responders, ping, and refuse.
// It knows nothing of our parser, encoder or session (Q7).
#pragma once

#include <deque>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "coverage.hpp"
#include "trace.hpp"
#include "wire.hpp"

namespace sim {

struct Node;

/// One connection as its server knows it.
struct Peer {
    Wire* wire = nullptr;
    Node* node = nullptr;
    script::Interest interest;
    std::set<std::uint64_t> refused;  // sids that the server does not know, though they were asked
    bool in = false;                  // CONNECT was accepted
    bool greeted = false;             // the second INFO was sent
    bool verbose = false, echo = true;
    unsigned pings = 0;           // without an answer
    std::uint64_t publishes = 0;  // read
};

/// One server.
struct Node {
    enum class Door { open, refused, dropped, mute, shut, slow, babbling, forbidden };
    std::string host;
    std::uint16_t port = 0;
    Door door = Door::open;  // what happens to those who connect
    bool lame = false;
    bool listed = true;  // in connect_urls
    std::size_t max_payload = 4096;
    std::string place() const { return host + ':' + std::to_string(port); }
};

/// A text of -ERR that is not about permissions, and whether the server closes after it.
struct ErrorText {
    std::string_view text;
    bool fatal;
};
inline constexpr ErrorText error_texts[] = {
    {"Unknown Protocol Operation", true},
    {"Authorization Violation", true},
    {"Authentication Timeout", true},
    {"User Authentication Expired", true},
    {"Account Authentication Expired", true},
    {"User Authentication Revoked", true},
    {"Stale Connection", true},
    {"maximum connections exceeded", true},
    {"maximum account active connections exceeded", true},
    {"Connection throttling is active. Please try again later.", true},
    {"Secure Connection - TLS Required", true},
    {"Maximum Payload Violation", true},
    {"maximum control line exceeded", true},
    {"invalid client protocol", true},
    {"no responders requires headers support", true},
    {"attempted to connect to route port", true},
    {"Invalid Subject", false},
    {"Invalid Publish Subject", false},
    {"Something that nobody has heard of", false},
};

/// What servers also say, each because of something that a client did or may no longer do.
inline constexpr std::string_view other_errors[] = {
    "Permissions Violation for Publish",
    "Permissions Violation for Subscription",
    "Permissions Violation (sid)",
    "maximum subscriptions exceeded",
};

class Cluster final : public ServerEnd {
public:
    Cluster(Clock& clock, Dice dice, Trace& trace, Verdict& verdict, Coverage& coverage)
        : clock_(clock), dice_(dice), trace_(trace), verdict_(verdict), coverage_(coverage) {}

    std::vector<Node> nodes;
    std::string user, password;  // empty: nobody is asked
    Duration ping_interval = 120s;
    std::size_t most_subs = 1'000;

    Node* find(std::string_view host, std::uint16_t port);
    /// A client has connected to a node.
    void accept(Wire& wire, Node& node);
    /// The live connections of a node, or all of them, in the order they came.
    std::vector<Peer*> peers(const Node* node = nullptr);

    /// Route a message to whom it may concern; tells whether there was anybody.
    bool route(const ContentRef& content, const Peer* from = nullptr);
    void send_info(Peer& peer);
    void ping(Peer& peer);
    /// Send an -ERR, and close when it is fatal.
    void refuse(Peer& peer, std::string_view text, Said said);
    /// Send a message by a sid, known or not.
    void deliver(Peer& peer, std::uint64_t sid, const ContentRef& content);
    /// Tell that a connection may not be subscribed to this any more.
    void revoke(Peer& peer, std::uint64_t sid);

    void read(Wire& wire, const ClientFrame& frame) override;
    void gone(Wire& wire) override;

private:
    void connect(Peer& peer, const ClientFrame& frame);
    void subscribe(Peer& peer, const ClientFrame& frame);
    void publish(Peer& peer, const ClientFrame& frame);
    bool serve(const ContentRef& content);
    void reply_later(const ContentRef& request, Duration wait, std::string_view subject);
    void keep_alive(Peer& peer);
    void close(Peer& peer);

    Clock& clock_;
    Dice dice_;
    Trace& trace_;
    Verdict& verdict_;
    Coverage& coverage_;
    std::deque<Peer> all_;  // stay where they are
    std::vector<Peer*> live_;
    std::uint64_t clients_ = 0;
};

}  // namespace sim
