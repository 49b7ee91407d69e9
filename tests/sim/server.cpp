// What the model servers do; see server.hpp. wire.md 4.1 to 4.3.
#include "server.hpp"

#include <algorithm>

namespace sim {

namespace {

bool starts_with(std::string_view text, std::string_view start) {
    return text.substr(0, start.size()) == start;
}

}  // namespace

Node* Cluster::find(std::string_view host, std::uint16_t port) {
    for (Node& node : nodes) {
        if (node.host == host && node.port == port) return &node;
    }
    return nullptr;
}

std::vector<Peer*> Cluster::peers(const Node* node) {
    std::vector<Peer*> found;
    for (Peer* peer : live_) {
        if (!node || peer->node == node) found.push_back(peer);
    }
    return found;
}

// --- connections --------------------------------------------------------------------------------

void Cluster::accept(Wire& wire, Node& node) {
    Peer& peer = all_.emplace_back();
    peer.wire = &wire;
    peer.node = &node;
    wire.peer = &peer;
    wire.server = this;
    live_.push_back(&peer);
    if (node.door == Node::Door::mute) return;
    if (node.door == Node::Door::shut) {
        close(peer);
        return;
    }
    if (node.door == Node::Door::babbling) {
        wire.say("INFO {\"server_id\":\r\n", {.kind = Said::Kind::info, .valid = false});
        return;
    }
    send_info(peer);
}

void Cluster::gone(Wire& wire) {
    Peer* peer = wire.peer;
    trace_.note(peer->node->host, "client gone", {}, wire.epoch);
    live_.erase(std::remove(live_.begin(), live_.end(), peer), live_.end());
}

void Cluster::close(Peer& peer) {
    peer.wire->hang_up();
    gone(*peer.wire);
}

void Cluster::send_info(Peer& peer) {
    const Node& node = *peer.node;
    std::string json = R"({"server_id":")" + node.host + R"(","version":"2.15.2","proto":1)";
    json += R"(,"headers":true,"max_payload":)" + std::to_string(node.max_payload);
    json += R"(,"client_id":)" + std::to_string(++clients_);
    if (!user.empty()) json += R"(,"auth_required":true)";
    std::vector<std::string> places;
    for (const Node& other : nodes) {
        if (!other.listed || (node.lame && &other == &node)) continue;
        json += (places.empty() ? ",\"connect_urls\":[\"" : ",\"") + other.place() + '"';
        places.push_back(other.place());
    }
    if (!places.empty()) json += ']';
    if (node.lame) json += R"(,"ldm":true)";
    Said said{.kind = Said::Kind::info};
    said.lame_duck = node.lame;
    said.max_payload = node.max_payload;
    said.places = std::move(places);
    peer.wire->say("INFO " + json + "}\r\n", std::move(said));
}

void Cluster::ping(Peer& peer) {
    ++peer.pings;
    peer.wire->say("PING\r\n", {.kind = Said::Kind::ping});
}

void Cluster::keep_alive(Peer& peer) {
    clock_.after(ping_interval, [this, &peer] {
        if (!peer.wire->server) return;
        if (peer.pings >= 2) {
            coverage_.count("-ERR", "Stale Connection");
            refuse(peer, "Stale Connection", {.kind = Said::Kind::error, .fatal = true});
            return;
        }
        ping(peer);
        keep_alive(peer);
    });
}

void Cluster::refuse(Peer& peer, std::string_view text, Said said) {
    trace_.note(peer.node->host, "-ERR", text, peer.wire->epoch);
    const bool fatal = said.fatal;
    peer.wire->say("-ERR '" + std::string(text) + "'\r\n", std::move(said));
    if (fatal) close(peer);
}

void Cluster::revoke(Peer& peer, std::uint64_t sid) {
    const auto sub = peer.interest.subs.find(sid);
    if (sub == peer.interest.subs.end()) return;
    const auto about = content(sub->second.subject, sub->second.queue, {}, {});
    peer.interest.subs.erase(sub);
    peer.refused.insert(sid);
    coverage_.count("-ERR", "Permissions Violation (sid)");
    refuse(peer,
           "Permissions Violation for Subscription to \"" + about->subject + "\" (sid \"" +
               std::to_string(sid) + "\")",
           {.kind = Said::Kind::error,
            .sid = sid,
            .content = about,
            .about = Said::About::subscription});
}

// --- what a client says -------------------------------------------------------------------------

void Cluster::read(Wire& wire, const ClientFrame& frame) {
    Peer& peer = *wire.peer;
    const std::string& verb = frame.words[0];
    trace_.note(peer.node->host, "reads", frame.line, wire.epoch);
    if (verb == "CONNECT") return connect(peer, frame);
    if (!peer.in) return;  // it has been refused and does not know yet
    if (verb == "PING") {
        wire.say("PONG\r\n", {.kind = Said::Kind::pong});
        if (!peer.greeted) send_info(peer);
        peer.greeted = true;
        return;
    }
    if (verb == "PONG") {
        peer.pings = 0;
        return;
    }
    if (verb == "SUB") subscribe(peer, frame);
    if (verb == "UNSUB") peer.interest.unsubscribe(frame);
    if (frame.publish()) publish(peer, frame);
    if (peer.verbose && wire.server) wire.say("+OK\r\n", {.kind = Said::Kind::ok});
}

void Cluster::connect(Peer& peer, const ClientFrame& frame) {
    const std::string& json = frame.words[1];
    const auto has = [&](std::string_view text) { return json.find(text) != std::string::npos; };
    const bool whole = has(R"("protocol":1)") && has(R"("headers":true)") &&
                       has(R"("no_responders":true)") && has(R"("lang":)") &&
                       has(R"("version":)") && has(R"("verbose":)") && has(R"("pedantic":)");
    verdict_.require(Invariant::I01, whole, "CONNECT lacks what every client must say");
    const bool known =
        user.empty() || (has("\"user\":\"" + user + '"') && has("\"pass\":\"" + password + '"'));
    if (!known || peer.node->door == Node::Door::forbidden) {
        verdict_.require(Invariant::I01, known, "CONNECT lacks the credentials");
        refuse(peer, "Authorization Violation", {.kind = Said::Kind::error, .fatal = true});
        return;
    }
    peer.in = true;
    peer.verbose = has(R"("verbose":true)");
    peer.echo = !has(R"("echo":false)");
    if (peer.verbose) peer.wire->say("+OK\r\n", {.kind = Said::Kind::ok});
    keep_alive(peer);
}

void Cluster::subscribe(Peer& peer, const ClientFrame& frame) {
    const std::uint64_t sid = frame.sid();
    const std::string queue = frame.words.size() == 4 ? frame.words[2] : "";
    const auto about = content(frame.subject(), queue, {}, {});
    Said said{.kind = Said::Kind::error, .content = about};
    if (starts_with(frame.subject(), "deny.")) {
        said.about = Said::About::subscription;
        peer.refused.insert(sid);
        coverage_.count("-ERR", "Permissions Violation for Subscription");
        std::string text = "Permissions Violation for Subscription to \"" + about->subject + '"';
        if (!queue.empty()) text += " using queue \"" + queue + '"';
        refuse(peer, text, std::move(said));
    } else if (peer.interest.subs.size() >= most_subs) {
        peer.refused.insert(sid);
        coverage_.count("-ERR", "maximum subscriptions exceeded");
        refuse(peer, "maximum subscriptions exceeded", std::move(said));
    } else {
        verdict_.require(Invariant::I08, peer.interest.subscribe(frame),
                         "a sid is subscribed twice on one connection", sid);
    }
}

void Cluster::publish(Peer& peer, const ClientFrame& frame) {
    ++peer.publishes;
    const auto message = content(frame.subject(), frame.reply(), frame.headers, frame.payload);
    if (frame.headers.size() + frame.payload.size() > peer.node->max_payload) {
        refuse(peer, "Maximum Payload Violation", {.kind = Said::Kind::error, .fatal = true});
        return;
    }
    if (starts_with(message->subject, "deny.")) {
        coverage_.count("-ERR", "Permissions Violation for Publish");
        refuse(peer, "Permissions Violation for Publish to \"" + message->subject + '"',
               {.kind = Said::Kind::error, .content = message, .about = Said::About::publish});
        return;
    }
    const bool served = serve(message);
    if (route(message, &peer) || served || message->reply.empty()) return;
    for (const auto& [sid, sub] : peer.interest.subs) {
        if (!sub.queue.empty() || !script::matches(sub.subject, message->reply)) continue;
        const std::string status = "NATS/1.0 503\r\nNats-Subject: " + message->subject + "\r\n\r\n";
        deliver(peer, sid, content(message->reply, {}, status, {}));
        break;
    }
}

// --- messages -----------------------------------------------------------------------------------

/// The services of the model: r.KIND.ID is answered as KIND says.
bool Cluster::serve(const ContentRef& request) {
    const std::string_view subject = request->subject;
    if (request->reply.empty() || !starts_with(subject, "r.")) return false;
    const std::string_view kind = subject.substr(2, subject.find('.', 2) - 2);
    if (kind == "none") return false;
    const Duration soon = dice_.duration(1ms, 64ms);
    if (kind == "ok" || kind == "twice") reply_later(request, soon, request->reply);
    if (kind == "twice") reply_later(request, 2 * soon, request->reply);
    if (kind == "late") reply_later(request, dice_.duration(500ms, 20s), request->reply);
    if (kind == "stream") {  // some, and an empty one for the end
        const auto some = static_cast<std::int64_t>(dice_.below(4));
        for (std::int64_t n = 1; n <= some; ++n) reply_later(request, n * soon, request->reply);
        const auto end = content(request->reply, {}, {}, {});
        clock_.after((some + 1) * soon, [this, end] { route(end); });
    }
    if (kind == "foreign") reply_later(request, soon, request->reply + "7");
    return true;
}

void Cluster::reply_later(const ContentRef& request, Duration wait, std::string_view subject) {
    const auto reply = content(std::string(subject), {}, {}, "re:" + request->subject);
    clock_.after(wait, [this, reply] { route(reply); });
}

bool Cluster::route(const ContentRef& message, const Peer* from) {
    std::vector<std::pair<Peer*, std::uint64_t>> to;
    std::map<std::string, std::vector<std::pair<Peer*, std::uint64_t>>> queues;
    bool anybody = false;
    for (Peer* peer : live_) {
        if (!peer->in) continue;
        for (const auto& [sid, sub] : peer->interest.subs) {
            if (!script::matches(sub.subject, message->subject)) continue;
            anybody = true;
            if (peer == from && !peer->echo) continue;
            (sub.queue.empty() ? to : queues[sub.queue]).emplace_back(peer, sid);
        }
    }
    for (auto& [queue, members] : queues) to.push_back(dice_.pick(members));
    for (const auto& [peer, sid] : to) deliver(*peer, sid, message);
    return anybody;
}

void Cluster::deliver(Peer& peer, std::uint64_t sid, const ContentRef& message) {
    Said said{.kind = Said::Kind::msg, .sid = sid, .content = message};
    const Content& m = *message;
    peer.wire->say(m.headers.empty() ? script::msg(m.subject, sid, m.payload, m.reply)
                                     : script::hmsg(m.subject, sid, m.headers, m.payload, m.reply),
                   std::move(said));
    peer.interest.delivered(sid);
}

}  // namespace sim
