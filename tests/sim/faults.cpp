// How each fault strikes: whom, for how long, and how it ends; see faults.hpp.
#include "faults.hpp"

#include <cstddef>

#include "world.hpp"

namespace sim {

namespace {

using Kind = Said::Kind;

Client& some_client(World& world) {
    return *world.dice.pick(world.clients);
}

Wire* some_wire(World& world) {
    return world.used_by(some_client(world));
}

Peer* some_peer(World& world) {
    const auto peers = world.cluster.peers();
    return peers.empty() ? nullptr : world.dice.pick(peers);
}

/// Somebody whose handshake is over.
Peer* some_member(World& world) {
    Peer* peer = some_peer(world);
    return peer && peer->greeted ? peer : nullptr;
}

Node& some_node(World& world) {
    return world.dice.pick(world.cluster.nodes);
}

// --- the network --------------------------------------------------------------------------------

bool cut_by_end(World& world) {
    Wire* wire = some_wire(world);
    if (wire) wire->cut(false);
    return wire != nullptr;
}

bool cut_by_reset(World& world) {
    Wire* wire = some_wire(world);
    if (wire) wire->cut(true);
    return wire != nullptr;
}

/// Cut it in the middle of what a server has just begun to say.
bool cut_in_a_message(World& world) {
    Wire* wire = some_wire(world);
    if (!wire || !wire->server) return false;
    wire->weather.byte = 1us;
    for (int n = 0; n < 3; ++n) {
        world.cluster.route(std::make_shared<Content>(
            Content{"s.0.9", {}, {}, std::string(world.dice.between(1, 900), 'c')}));
    }
    world.clock.after(wire->weather.delay + world.dice.duration(1us, 2ms), [&world, wire] {
        if (wire->client && world.faulty) wire->cut(world.dice.one_in(2));
    });
    return true;
}

bool silence(World& world, bool up, bool down) {
    Wire* wire = some_wire(world);
    if (!wire) return false;
    wire->silent_up = wire->silent_up || up;
    wire->silent_down = wire->silent_down || down;
    return true;
}

bool silence_both(World& world) {
    return silence(world, true, true);
}

bool silence_up(World& world) {
    return silence(world, true, false);
}

bool silence_down(World& world) {
    return silence(world, false, true);
}

bool stall(World& world) {
    Wire* wire = some_wire(world);
    if (!wire) return false;
    wire->stall(true);
    wire->weather.window = world.dice.between(1, 4'096);
    world.clock.after(world.dice.duration(10ms, 30s), [wire] { wire->stall(false); });
    return true;
}

bool slow_link(World& world) {
    Wire* wire = some_wire(world);
    if (!wire) return false;
    wire->weather.byte = world.dice.duration(100ns, 20us);
    wire->weather.delay = world.dice.duration(1ms, 200ms);
    wire->weather.jitter = world.dice.duration(1ms, 100ms);
    return true;
}

bool partial_writes(World& world) {
    Wire* wire = some_wire(world);
    if (wire) wire->weather.piece = world.dice.between(1, 40);
    return wire != nullptr;
}

bool split_input(World& world) {
    Wire* wire = some_wire(world);
    if (wire) wire->weather.split = 80;
    return wire != nullptr;
}

// --- the servers --------------------------------------------------------------------------------

/// Let a node's door be like this for a while; those who are inside stay.
bool door(World& world, Node::Door door) {
    Node& node = some_node(world);
    if (node.door != Node::Door::open) return false;
    node.door = door;
    world.clock.after(world.dice.duration(10ms, 60s), [&node] { node.door = Node::Door::open; });
    return true;
}

bool vanish(World& world, Node& node, void (*how)(Wire&)) {
    node.door = Node::Door::refused;
    for (Peer* peer : world.cluster.peers(&node)) how(*peer->wire);
    world.clock.after(world.dice.duration(10ms, 60s), [&node] {
        node.door = Node::Door::open;
        node.lame = false;
    });
    return true;
}

bool restart(World& world) {
    return vanish(world, some_node(world), [](Wire& wire) { wire.cut(false); });
}

bool kill(World& world) {
    return vanish(world, some_node(world), [](Wire& wire) { wire.cut(true); });
}

bool unplug(World& world) {
    return vanish(world, some_node(world),
                  [](Wire& wire) { wire.silent_up = wire.silent_down = true; });
}

bool refuse_connects(World& world) {
    return door(world, Node::Door::refused);
}

bool drop_connects(World& world) {
    return door(world, Node::Door::dropped);
}

bool accept_silently(World& world) {
    return door(world, Node::Door::mute);
}

bool accept_and_close(World& world) {
    return door(world, Node::Door::shut);
}

bool accept_slowly(World& world) {
    return door(world, Node::Door::slow);
}

bool accept_with_nonsense(World& world) {
    return door(world, Node::Door::babbling);
}

bool refuse_logins(World& world) {
    return door(world, Node::Door::forbidden);
}

bool lame_duck(World& world) {
    Node& node = some_node(world);
    if (node.lame || node.door != Node::Door::open) return false;
    node.lame = true;
    for (Peer* peer : world.cluster.peers(&node)) {
        if (peer->greeted) world.cluster.send_info(*peer);
    }
    world.clock.after(world.dice.duration(2s, 20s), [&world, &node] {
        vanish(world, node, [](Wire& wire) { wire.cut(false); });
    });
    return true;
}

// --- what they say ------------------------------------------------------------------------------

bool refuse(World& world, bool fatal) {
    Peer* peer = some_peer(world);
    if (!peer) return false;
    const ErrorText* text = nullptr;
    while (!text || text->fatal != fatal) text = &world.dice.pick(error_texts);
    world.coverage.count("-ERR", text->text);
    world.cluster.refuse(*peer, text->text, {.kind = Kind::error, .fatal = fatal});
    return true;
}

bool fatal_error(World& world) {
    return refuse(world, true);
}

bool harmless_error(World& world) {
    return refuse(world, false);
}

bool revoke(World& world) {
    Peer* peer = some_member(world);
    if (!peer || peer->interest.subs.empty()) return false;
    auto sub = peer->interest.subs.begin();
    std::advance(sub, world.dice.below(peer->interest.subs.size()));
    world.cluster.revoke(*peer, sub->first);
    return true;
}

bool garbage(World& world) {
    static const std::string texts[] = {
        "FOO\r\n",
        "MSG a\r\n",
        "MSG a 1 99999999999\r\n",
        "MSG a 1 -1\r\n",
        "\n",
        "PINGS\r\n",
        "MSG a 999999 3\r\nabcde\r\n",
        "HMSG a 1 9 3\r\nabc\r\n",
        "MSG a 1_0 3\r\nabc\r\n",
        std::string(70'000, 'M'),
    };
    Peer* peer = some_peer(world);
    if (peer) peer->wire->say(world.dice.pick(texts), {.kind = Kind::garbage});
    return peer != nullptr;
}

bool bad_info(World& world) {
    Peer* peer = some_member(world);
    if (peer) peer->wire->say("INFO {\"max_payload\":\r\n", {.kind = Kind::info, .valid = false});
    return peer != nullptr;
}

bool bad_headers(World& world) {
    static const std::string blocks[] = {
        "NATS/1.0 4O4\r\n\r\n",    "XATS/1.0\r\n\r\n",    "NATS/1.0\r\nno colon\r\n\r\n",
        "NATS/1.0\r\n: x\r\n\r\n", "NATS/1.0418\r\n\r\n", std::string("NATS/1.0\r\na: \0\r\n", 16),
    };
    return world.cluster.route(std::make_shared<Content>(
        Content{"s.3.7", {}, world.dice.pick(blocks), world.dice.one_in(2) ? "x" : ""}));
}

bool new_info(World& world) {
    for (Node& node : world.cluster.nodes) node.listed = world.dice.one_in(2);
    Node& node = some_node(world);
    static constexpr std::size_t sizes[] = {64, 1'024, 4'096, 16'384};
    node.max_payload = world.dice.pick(sizes);
    for (Peer* peer : world.cluster.peers(&node)) {
        if (peer->greeted) world.cluster.send_info(*peer);
    }
    return true;
}

bool unknown_sid(World& world) {
    Peer* peer = some_member(world);
    if (!peer) return false;
    const std::string payload(world.dice.one_in(4) ? 20'000 : 5, 'u');
    world.cluster.deliver(*peer, 1'000'000 + world.dice.below(9),
                          std::make_shared<Content>(Content{"gone", {}, {}, payload}));
    return true;
}

bool ping_often(World& world) {
    Peer* peer = some_member(world);
    if (!peer) return false;
    for (std::uint64_t n = world.dice.between(1, 50); n > 0; --n) world.cluster.ping(*peer);
    peer->pings = 0;
    return true;
}

bool flood(World& world) {
    bool anybody = false;
    for (std::uint64_t n = world.dice.between(10, 400); n > 0; --n) {
        anybody |= world.cluster.route(std::make_shared<Content>(
            Content{"s." + std::to_string(world.dice.below(4)) + '.' + std::to_string(n),
                    {},
                    {},
                    std::string(world.dice.below(200), 'f')}));
    }
    return anybody;
}

bool stray_ok(World& world) {
    Peer* peer = some_member(world);
    if (peer) peer->wire->say("+OK\r\n", {.kind = Kind::ok});
    return peer != nullptr;
}

// --- the driver ---------------------------------------------------------------------------------

bool login_late(World& world) {
    some_client(world).login = Client::Login::later;
    return true;
}

bool login_fails(World& world) {
    some_client(world).login = Client::Login::failed;
    return true;
}

bool late_inputs(World& world) {
    some_client(world).stale_inputs();
    return true;
}

bool early_timer(World& world) {
    Client& client = some_client(world);
    client.oracle.input();
    client.handle_timer();
    return true;
}

}  // namespace

const Fault faults[] = {
    {"cut by the end of the stream", 20, true, cut_by_end},
    {"cut by a reset", 20, true, cut_by_reset},
    {"cut in a message", 20, true, cut_in_a_message},
    {"silence both ways", 6, true, silence_both},
    {"silence up", 6, true, silence_up},
    {"silence down", 6, true, silence_down},
    {"stall", 15, false, stall},
    {"slow link", 10, true, slow_link},
    {"partial writes", 15, false, partial_writes},
    {"split input", 15, true, split_input},
    {"server restarts", 8, true, restart},
    {"server is killed", 8, true, kill},
    {"server is unplugged", 3, true, unplug},
    {"connects are refused", 10, true, refuse_connects},
    {"connects are dropped", 5, true, drop_connects},
    {"accepted silently", 5, true, accept_silently},
    {"accepted and closed", 8, true, accept_and_close},
    {"accepted slowly", 8, true, accept_slowly},
    {"accepted with nonsense", 5, true, accept_with_nonsense},
    {"logins are refused", 6, true, refuse_logins},
    {"lame duck", 8, false, lame_duck},
    {"fatal -ERR", 20, true, fatal_error},
    {"harmless -ERR", 15, true, harmless_error},
    {"permission is revoked", 10, true, revoke},
    {"garbage", 10, true, garbage},
    {"bad INFO", 8, true, bad_info},
    {"bad headers", 20, true, bad_headers},
    {"new INFO", 10, true, new_info},
    {"unknown sid", 15, true, unknown_sid},
    {"many pings", 10, true, ping_often},
    {"flood of messages", 15, true, flood},
    {"stray +OK", 5, true, stray_ok},
    {"login late", 5, true, login_late},
    {"login fails", 5, true, login_fails},
    {"late inputs", 20, true, late_inputs},
    {"early timer", 20, true, early_timer},
};
const std::size_t fault_count = std::size(faults);

}  // namespace sim
