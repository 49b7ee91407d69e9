// How a connection ends: lost, left on purpose (a lame duck, the user's wish), or closed for good.
// Whatever it was, everything that belonged to it is gone before anybody is told (I03, I21, T11).
#include <new>

#include "core/session_state.hpp"

namespace anynats {
inline namespace v0 {

namespace {

constexpr Duration lame_duck_patience = std::chrono::seconds(5);

}  // namespace

void Session::State::close_transport(std::uint64_t epoch) {
    Action action;
    action.kind = Action::Kind::close;
    action.epoch = epoch;
    act(std::move(action));
}

Error with_cause(const Error& error, const Error& cause) noexcept {
    try {
        return error.because(cause);
    } catch (const std::bad_alloc&) {
        return error;
    }
}

void Session::State::link_lost(Error error) {
    if (link->phase != Link::Phase::up) {
        attempt_failed(std::move(error));
        return;
    }
    const bool stable = link->stable;
    if (link->server_error) error = with_cause(error, *link->server_error);
    leave_link(error);
    if (!options.reconnect) {
        close(std::move(error));
        return;
    }
    if (stable) {
        pool.left();
    } else {
        pool.failed(now, random);  // accept-then-close must not be retried at full speed (T12)
    }
    schedule_attempt();
}

/// The connection is over. What happens next is for the caller to say.
void Session::State::leave_link(const Error& error) {
    const std::uint64_t epoch = link->epoch;
    // Requests that were made after the decision to move wait in the buffer for the next server.
    const bool moves = link->move_by != never;
    const std::uint64_t before = link->moves_after;
    std::string server = server_shown();
    last_error = error;
    fail_pongs(error);
    end_drained(true);  // nothing more can come for them, and they are not resubscribed (B42)
    reset_link();
    counters.lost_publishes += outbound.broken();
    close_transport(epoch);
    if (options.fail_requests_on_disconnect) {
        if (moves) {
            replies.fail_before(before, error);
        } else {
            replies.fail_all(error);
        }
        disconnect_gatherings(moves, error);
    }
    enter(ConnectionState::reconnecting);
    tell({Event::Kind::disconnected, std::move(server), error, 0});
}

/// The server will close soon: nothing new starts here, and we go when what has started is done.
void Session::State::prepare_move() {
    if (pool.servers().size() < 2) return;  // nowhere to go: stay while it lasts
    link->move_by = after(now, lame_duck_patience);
    link->moves_after = replies.next_generation();
    outbound.hold();
}

bool Session::State::move_when_idle() {
    if (link->move_by == never || !up()) return false;
    if (now < link->move_by && (outbound.size_to_send() != 0 || !link->pongs.empty() ||
                                replies.waiting_before(link->moves_after))) {
        return false;
    }
    leave_link(left_error);
    pool.left();
    schedule_attempt();
    return true;
}

void Session::State::stay() noexcept {
    link->move_by = never;
    outbound.release();
}

void Session::State::fail_pongs(const Error& error) noexcept {
    while (!link->pongs.empty()) {
        PongWait* wait = link->pongs.pop();
        if (!wait) continue;
        wait->state_ = nullptr;
        wait->fail(error);
    }
}

void Session::State::reset_link() noexcept {
    if (link->inbound.chunk().get()) subscriptions.compact(link->inbound.chunk());
    link.emplace(options);
}

/// What is told to who does `what` with a closed session. A fork is no event that a program should
/// have to look for among the causes of a Closed: using the client is wrong by itself.
Error Session::State::closed(std::string_view what) const {
    if (last_error && last_error->is(ErrorCode::fork_error)) return *last_error;
    Error error(ErrorCode::closed, std::string(what) + ": the client is closed");
    return last_error ? error.because(*last_error) : error;
}

void Session::State::close(std::optional<Error> why) {
    if (state == ConnectionState::closed) return;
    const Link::Phase phase = link->phase;
    const std::uint64_t epoch = link->epoch;
    const bool forked = why && why->is(ErrorCode::fork_error);
    const Error closed = forked ? *why : why ? with_cause(closed_error, *why) : closed_error;
    fail_pongs(closed);
    reset_link();
    link->phase = Link::Phase::closed;
    next_attempt = choose_by = never;
    choice = 0;
    for (std::size_t n = actions.size(); n > 0; --n) {  // transports must be closed all the same
        Action action = actions.pop();
        if (action.kind == Action::Kind::close) actions.push(std::move(action));
    }
    if (phase != Link::Phase::waiting) close_transport(epoch);
    counters.lost_publishes += outbound.clear();
    last_error = why;
    replies.fail_all(closed);
    subscriptions.end_all(why ? std::optional<Error>(closed) : std::nullopt);
    inbox.reset();
    // They may have ended long ago, and hold what nobody will work off any more.
    for (const auto& sub : to_work_off) sub->worked_off.wake_all();
    to_work_off.clear();
    enter(ConnectionState::closed);
    tell({Event::Kind::closed, {}, std::move(why), 0});
    connected_waiters.wake_all();
}

void Session::reconnect() {
    State& s = *state_;
    if (s.up()) {
        s.leave_link(s.left_error);
        s.pool.left();
        s.schedule_attempt();
    } else if (s.next_attempt != never || s.choice) {  // not waiting any longer
        s.next_attempt = s.now;
        s.choose_by = never;
        s.choice = 0;
        s.on_time();
    }
    run_ready();
}

void Session::close(std::optional<Error> why) {
    state_->close(std::move(why));
}

}  // namespace v0
}  // namespace anynats
