// How a session is driven in a simulation; see client.hpp.
#include "client.hpp"

#include <algorithm>
#include <cstring>

#include "world.hpp"

namespace sim {

using anynats::Action;

Client::Client(World& world, std::string its_name, const Options& options,
               const anynats::Seed& seed, std::size_t servers)
    : name(std::move(its_name)),
      session(mutated(options, world.scenario.mutant), seed, world.clock.now()),
      oracle(world.clock, world.verdict, world.coverage, session, options, servers),
      spoiler(world.scenario.mutant),
      world_(world) {
    oracle.lateness = world.lateness;
    session.set_trace([this](const anynats::TraceRecord& record) {
        using Kind = anynats::TraceRecord::Kind;
        if (record.kind != Kind::state) return;
        world_.trace.note(name, "state", record.bytes, record.epoch);
        oracle.entered(record.bytes);
    });
}

Time Client::due() const {
    const Time next = session.next_timeout();
    return next == anynats::never ? next : next + late_;
}

void Client::handle_timer() {
    oracle.timer();
    session.handle_timeout(world_.clock.now());
    late_ = {};
    if (world_.lateness > 0ms && world_.dice.one_in(4)) {
        late_ = world_.dice.duration(10us, world_.lateness);
    }
    if (spoiler.mutant() == Mutant::late_timers) late_ = 3s;
    oracle.look();
    turn();
}

void Client::turn() {
    for (bool more = true; more && !world_.verdict.broken();) {
        act();
        more = write();
        events();
        more = more || session.has_action();
    }
    oracle.look();
    for (const KnownOperation& operation : oracle.operations) {
        if (!operation.state->done()) continue;
        outcome.add(static_cast<std::uint64_t>(operation.kind));
        outcome.add(operation.subject);
        if (operation.reply && operation.reply->result->ok()) {
            spoiler.spoil(operation.reply->result->value());
        }
    }
    oracle.step();
}

void Client::act() {
    while (session.has_action()) {
        const Action action = session.next_action();
        world_.trace.note(name, to_string(action.kind), action.host, action.epoch);
        world_.coverage.count("wish", to_string(action.kind));
        switch (action.kind) {
            case Action::Kind::connect:
                wire_ = &world_.dial(*this, action);
                oracle.dialed(*wire_, action.host + ':' + std::to_string(action.port));
                if (spoiler.mutant() == Mutant::publish_before_connect && action.epoch > 1) {
                    wire_->tap.feed("lf a frame\r\n");
                }
                break;
            case Action::Kind::authenticate:
                authenticate(action);
                break;
            case Action::Kind::choose_server:
                choose(action);
                break;
            case Action::Kind::close:
                if (!wire_ || wire_->epoch != action.epoch) break;
                wire_->leave();
                wire_ = nullptr;
                break;
            default:
                break;
        }
    }
}

void Client::authenticate(const Action& action) {
    const std::uint64_t epoch = action.epoch;
    const auto answer = [this, epoch](bool good) {
        if (session.epoch() != epoch) oracle.stale_input();
        if (good) {
            session.credentials(epoch, session.own_credentials(), world_.clock.now());
        } else {
            session.auth_failed(epoch, Error(ErrorCode::authorization_error, "no credentials"),
                                world_.clock.now());
        }
        oracle.input();
        oracle.look();
    };
    const Login how = login;
    if (how != Login::later) return answer(how == Login::at_once);
    world_.clock.after(world_.dice.duration(1ms, 8s), [this, answer] {
        answer(true);
        turn();
    });
}

/// The user's choice of the next server, which may come late, not at all, or be none of them.
void Client::choose(const Action& action) {
    static constexpr std::string_view names[] = {"at once", "later", "never", "beyond"};
    oracle.may_choose(action);
    world_.coverage.count("choice", names[static_cast<std::size_t>(choice)]);
    if (choice == Choice::never || action.servers.empty()) return;
    std::size_t index = world_.dice.below(action.servers.size());
    std::string place = place_of(action.servers[index].url);
    if (spoiler.mutant() == Mutant::other_choice) index = (index + 1) % action.servers.size();
    if (choice == Choice::beyond) {
        index = action.servers.size();
        place.clear();
    }
    const Duration wait = world_.dice.one_in(2) ? 0ms : world_.dice.duration(1ms, 4s);
    const auto answer = [this, index, place, wait, epoch = action.epoch] {
        oracle.chooses(epoch, place, wait);
        session.server_chosen(epoch, index, wait, world_.clock.now());
        oracle.input();
        oracle.look();
    };
    if (choice != Choice::later) return answer();
    world_.clock.after(world_.dice.duration(1ms, 8s), [this, answer] {
        answer();
        turn();
    });
}

bool Client::write() {
    if (!wire_) return false;
    const auto parts = session.data_to_send();
    const std::string_view part = parts[0].empty() ? parts[1] : parts[0];
    const std::size_t n = part.empty() ? 0 : wire_->take(part);
    if (n == 0) return false;
    session.data_sent(n);
    std::vector<ClientFrame> frames;
    frames.swap(wire_->tap.frames);
    spoiler.spoil(frames, wire_->epoch);
    for (const ClientFrame& frame : frames) world_.trace.note(name, "writes", frame.line);
    oracle.wrote(*wire_, n, frames);
    wire_->carry(std::move(frames));
    return true;
}

void Client::events() {
    while (std::optional<Event> event = session.next_event()) {
        if (event->kind == Event::Kind::closed && spoiler.mutant() == Mutant::forget_closed) {
            continue;
        }
        const std::string why = event->error ? event->error->what() : "";
        world_.trace.note(name, to_string(event->kind), why, event->sid);
        world_.coverage.count("event", to_string(event->kind));
        outcome.add(to_string(event->kind));
        oracle.told(*event);
        const bool twice = spoiler.mutant() == Mutant::repeat_disconnected &&
                           event->kind == Event::Kind::disconnected;
        if (twice) oracle.told(*event);
    }
}

// --- the transport ------------------------------------------------------------------------------

void Client::opened(Wire& wire) {
    session.transport_up(wire.epoch, world_.clock.now());
    oracle.input();
    turn();
}

void Client::ended(Wire& wire, bool reset) {
    world_.trace.note(name, reset ? "reset" : "end of stream", {}, wire.epoch);
    if (reset) {
        session.transport_down(wire.epoch, Error(ErrorCode::disconnected, "reset by peer"),
                               world_.clock.now());
    } else {
        session.receive_eof(wire.epoch, world_.clock.now());
    }
    oracle.input();
    oracle.look();
    turn();
}

void Client::heard(Wire& wire, std::string_view bytes) {
    world_.trace.note(name, "hears", bytes, wire.epoch);
    std::uint64_t at = wire.delivered() - bytes.size();
    while (!bytes.empty() && session.epoch() == wire.epoch) {
        const std::span<char> space = session.prepare();
        std::size_t n = std::min(bytes.size(), space.size());
        if (world_.split_dice.one_in(3)) n = world_.split_dice.between(1, n);
        std::memcpy(space.data(), bytes.data(), n);
        session.commit(wire.epoch, n, world_.clock.now());
        bytes.remove_prefix(n);
        at += n;
        oracle.heard(wire, n, wire.heard_until(at));
    }
    turn();
}

void Client::stale_inputs() {
    const Time now = world_.clock.now();
    session.advance(now);
    const auto seen = [&] {
        anynats::Counters counters = session.counters();
        counters.stale_events = 0;
        Hash hash;
        hash.add({reinterpret_cast<const char*>(&counters), sizeof counters});
        hash.add(static_cast<std::uint64_t>(session.state()));
        hash.add(session.epoch());
        hash.add(session.size_to_send());
        hash.add(session.pending_size());
        hash.add(static_cast<std::uint64_t>(session.next_timeout().time_since_epoch().count()));
        return hash.value();
    };
    const std::uint64_t before = seen();
    const bool taken = spoiler.mutant() == Mutant::old_bytes && session.epoch();
    const std::uint64_t old = taken ? session.epoch() : session.epoch() + world_.dice.between(1, 9);
    session.receive_data(old, "PING\r\nMSG a 1 1\r\nx\r\n", now);
    session.transport_up(old, now);
    session.credentials(old, {}, now);
    session.auth_failed(old, Error(ErrorCode::authorization_error, "late"), now);
    session.receive_eof(old, now);
    session.transport_down(0, Error(ErrorCode::disconnected, "late"), now);
    session.server_chosen(0, 0, {}, now);
    oracle.stale_input(7);
    world_.verdict.require(Invariant::I04, seen() == before, "late inputs change the session");
}

}  // namespace sim
