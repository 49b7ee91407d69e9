// How a simulation goes: seeded circumstances, an hour of trouble, then peace, and an end in order.
#include "world.hpp"

#include <algorithm>

#include "faults.hpp"

namespace sim {

using anynats::Action;

World::World(const Scenario& given, Coverage& count)
    : scenario(given),
      dice(given.seed),
      split_dice(given.split_seed),
      coverage(count),
      trace(clock, given.trace_lines),
      cluster(clock, dice.fork(), trace, verdict, count) {
    static constexpr std::string_view hosts[] = {"alpha", "beta", "gamma", "delta"};
    const std::size_t servers = dice.between(1, std::size(hosts));
    for (std::size_t i = 0; i < servers; ++i) {
        Node node;
        node.host = hosts[i];
        node.port = static_cast<std::uint16_t>(4'222 + i);
        if (dice.one_in(8)) node.max_payload = 64u << 10;
        cluster.nodes.push_back(std::move(node));
    }
    if (dice.one_in(2)) {
        cluster.user = "derek";
        cluster.password = "s3cr3t";
    }
    cluster.ping_interval = dice.duration(2s, 120s);
    if (dice.one_in(4)) cluster.most_subs = 4;
    weather.delay = dice.duration(50us, 50ms);
    if (dice.one_in(2)) weather.jitter = dice.duration(10us, 20ms);
    if (dice.one_in(4)) lateness = dice.duration(1ms, 50ms);
    choose_actions();
    const std::size_t count_of_clients = dice.one_in(3) ? dice.between(2, 3) : 1;
    clients.resize(count_of_clients);
    users.resize(count_of_clients);
    for (std::size_t slot = 0; slot < count_of_clients; ++slot) add_client(slot);
}

/// Each run has a part of the faults and actions only: together they hide each other.
void World::choose_actions() {
    for (std::size_t i = 0; i < fault_count; ++i) {
        const bool fits = faults[i].plain || !scenario.plain_writes;
        allowed_faults_.push_back(dice.one_in(2) && fits);
    }
    for (std::size_t i = 0; i < std::size(user_actions); ++i) {
        allowed_actions_.push_back(dice.percent(70));
    }
    allowed_actions_[0] = true;
}

anynats::Options World::options() {
    anynats::Options o;
    o.servers.clear();
    const std::size_t given = dice.between(1, cluster.nodes.size());
    for (std::size_t i = 0; i < given; ++i) {
        o.servers.push_back("nats://" + cluster.nodes[i].place());
    }
    if (!cluster.user.empty()) {
        o.user = cluster.user;
        o.password = cluster.password;
    }
    const auto one_of = [&](auto... values) {
        const std::common_type_t<decltype(values)...> all[] = {values...};
        return dice.pick(all);
    };
    o.name = dice.one_in(2) ? "a \"name\"" : "";
    o.connect_timeout = dice.duration(500ms, 8s);
    o.retry_on_failed_connect = dice.percent(70);
    o.reconnect = dice.percent(90);
    if (dice.one_in(8)) o.max_reconnects = dice.between(1, 20);
    o.reconnect_wait_min = dice.duration(2ms, 500ms);
    o.reconnect_wait_max = std::max<Duration>(o.reconnect_wait_min, dice.duration(50ms, 8s));
    o.stable_after = dice.duration(10ms, 2s);
    o.randomize_servers = dice.one_in(2);
    if (dice.one_in(4)) o.discovered_servers = anynats::DiscoveredServers::configured_only;
    o.ask_for_server = dice.one_in(4);
    o.ping_interval = dice.duration(2s, 60s);
    o.max_pings_outstanding = dice.between(1, 3);
    o.fail_requests_on_disconnect = dice.percent(80);
    o.pending_limit =
        one_of(std::size_t{0}, std::size_t{2'048}, std::size_t{64u << 10}, std::size_t{8u << 20});
    o.sub_pending_messages = dice.between(1, 200);
    o.sub_pending_bytes = dice.between(1'000, 100'000);
    if (dice.one_in(2)) o.slow_consumer = SlowConsumerPolicy::drop_old;
    if (dice.one_in(8)) o.max_subscriptions = 5;
    o.read_chunk = one_of(std::size_t{4u << 10}, std::size_t{16u << 10}, std::size_t{256u << 10});
    o.max_inbound_message = 1u << 20;
    o.max_control_line = 64u << 10;
    o.echo = dice.percent(80);
    o.verbose = dice.one_in(4);
    o.pedantic = dice.one_in(4);
    return o;
}

void World::add_client(std::size_t slot) {
    if (clients[slot]) {
        old_users_.push_back(std::move(users[slot]));
        old_clients_.push_back(std::move(clients[slot]));
    }
    const anynats::Options chosen = options();
    const std::uint64_t number = old_clients_.size() * clients.size() + slot + 1;
    clients[slot] = std::make_unique<Client>(*this, "client" + std::to_string(slot), chosen,
                                             script::seed_of(dice.next()), chosen.servers.size());
    users[slot] = std::make_unique<User>(*this, *clients[slot], number * 1'000'000'000);
    clients[slot]->turn();
}

// --- the network --------------------------------------------------------------------------------

Wire& World::dial(Client& client, const Action& action) {
    Weather now = weather;
    if (faulty && !scenario.plain_writes && dice.one_in(8)) now.window = dice.between(64, 4'096);
    Wire& wire = wires.emplace_back(clock, dice.fork(), client, action.epoch, now);
    Node* node = cluster.find(action.host, action.port);
    const Node::Door door = node ? node->door : Node::Door::refused;
    Duration wait = 2 * now.delay;
    if (door == Node::Door::slow) wait += dice.duration(100ms, 12s);
    if (door == Node::Door::dropped) return wire;
    clock.after(wait, [&wire, node, door, this] {
        if (!wire.client) return;
        if (door == Node::Door::refused) return wire.client->ended(wire, true);
        wire.client->opened(wire);
        if (wire.client) cluster.accept(wire, *node);
    });
    return wire;
}

Wire* World::used_by(const Client& client) {
    for (auto wire = wires.rbegin(); wire != wires.rend(); ++wire) {
        if (wire->client == &client) return wire->alive() ? &*wire : nullptr;
    }
    return nullptr;
}

// --- what happens -------------------------------------------------------------------------------

void World::user_turn(std::size_t slot) {
    if (!faulty) return;
    clock.after(dice.duration(100us, 8s), [this, slot] {
        if (!faulty) return;
        if (clients[slot]->oracle.closed()) {
            clients[slot]->oracle.after_close();
            if (dice.one_in(4)) add_client(slot);
        }
        users[slot]->act(allowed_actions_);
        user_turn(slot);
    });
}

void World::fault_turn() {
    clock.after(dice.duration(5ms, 60s), [this] {
        if (!faulty) return;
        const std::size_t i = dice.below(fault_count);
        if (allowed_faults_[i]) {
            trace.note("fault", faults[i].name);
            if (faults[i].strike(*this)) coverage.count("fault", faults[i].name);
        } else {
            for (auto& client : clients) client->login = Client::Login::at_once;
        }
        fault_turn();
    });
}

/// Let time pass; every client judges itself after whatever concerns it.
void World::advance(Time until) {
    while (!verdict.broken()) {
        Client* due = nullptr;
        Time next = clock.next();
        for (auto& client : clients) {
            const Time its = client->due();
            if (its < next) {
                next = its;
                due = client.get();
            }
        }
        if (next > until) break;
        clock.advance(std::max(next, clock.now()));
        if (due) {
            due->handle_timer();
        } else {
            clock.run();
            for (auto& client : clients) {  // a server that reads makes room to write
                if (client->session.size_to_send()) client->turn();
            }
        }
    }
    if (!verdict.broken()) clock.advance(std::max(until, clock.now()));
}

/// From now on the servers and the network are well.
void World::heal() {
    faulty = false;
    trace.note("world", "heals");
    for (Node& node : cluster.nodes) {
        node.door = Node::Door::open;
        node.lame = false;
    }
    for (Wire& wire : wires) {
        wire.stall(false);
        wire.weather.byte = {};
        wire.weather.window = 1u << 20;
    }
    patience_ = 60s;
    for (auto& client : clients) {
        client->login = Client::Login::at_once;
        client->choice = Client::Choice::at_once;
        const anynats::Options& o = client->session.options();
        const auto stale = o.ping_interval * (o.max_pings_outstanding + 2);
        const auto dials = o.connect_timeout * static_cast<std::int64_t>(4 * cluster.nodes.size());
        patience_ = std::max<Duration>(patience_, stale + dials + 2 * o.reconnect_wait_max + 60s);
    }
}

void World::finish() {
    heal();
    advance(clock.now() + patience_);
    if (verdict.broken()) return;
    for (auto& user : users) user->perform("last flush", &User::flush);
    advance(clock.now() + 60s);
    for (auto& client : clients) {
        // A ping may be on its way just now.
        for (int n = 0; n < 100 && !client->oracle.quiet(); ++n) advance(clock.now() + 77ms);
        if (!verdict.broken()) client->oracle.at_rest();
    }
    for (std::size_t slot = 0; slot < clients.size() && !verdict.broken(); ++slot) {
        constexpr void (User::* ways[])() = {&User::close, &User::close_at_once, &User::drain};
        users[slot]->perform("last close", dice.pick(ways));
    }
    advance(clock.now() + 10s);
    for (auto& client : clients) {
        if (!verdict.broken()) client->oracle.after_close();
    }
}

Outcome World::run() {
    const Time begin = clock.now();
    for (std::size_t slot = 0; slot < clients.size(); ++slot) user_turn(slot);
    fault_turn();
    advance(begin + scenario.length);
    if (!verdict.broken()) finish();
    Outcome result;
    for (const auto& client : old_clients_) outcome_.add(client->outcome.value());
    for (const auto& client : clients) outcome_.add(client->outcome.value());
    for (const auto& client : clients)
        trace.note(client->name, "ends", {}, client->outcome.value());
    result.trace = trace.hash();
    result.outcome = outcome_.value();
    result.simulated = clock.now() - begin;
    result.tail = trace.tail();
    result.verdict = verdict;
    return result;
}

}  // namespace sim
