// What a session tells: actions, events, its state, its totals; and the check of its accounting.
// The event queue is bounded: when nobody listens, the oldest of the lesser ones are left out.
#include <algorithm>
#include <new>

#include "core/session_state.hpp"

namespace anynats {
inline namespace v0 {

namespace {

constexpr std::size_t max_events = 1'024;

}  // namespace

std::string_view to_string(Action::Kind kind) noexcept {
    switch (kind) {
        case Action::Kind::none:
            return "none";
        case Action::Kind::choose_server:
            return "choose_server";
        case Action::Kind::connect:
            return "connect";
        case Action::Kind::start_tls:
            return "start_tls";
        case Action::Kind::authenticate:
            return "authenticate";
        case Action::Kind::close:
            return "close";
    }
    return "";
}

std::string_view to_string(ConnectionState state) noexcept {
    switch (state) {
        case ConnectionState::disconnected:
            return "disconnected";
        case ConnectionState::connecting:
            return "connecting";
        case ConnectionState::connected:
            return "connected";
        case ConnectionState::reconnecting:
            return "reconnecting";
        case ConnectionState::draining:
            return "draining";
        case ConnectionState::closed:
            return "closed";
    }
    return "";
}

std::string_view to_string(Event::Kind kind) noexcept {
    switch (kind) {
        case Event::Kind::connected:
            return "connected";
        case Event::Kind::disconnected:
            return "disconnected";
        case Event::Kind::reconnected:
            return "reconnected";
        case Event::Kind::discovered_servers:
            return "discovered_servers";
        case Event::Kind::lame_duck:
            return "lame_duck";
        case Event::Kind::slow_consumer:
            return "slow_consumer";
        case Event::Kind::error:
            return "error";
        case Event::Kind::closed:
            return "closed";
    }
    return "";
}

void Session::State::act(Action action) {
    trace(TraceRecord::Kind::action, anynats::to_string(action.kind));
    actions.push(std::move(action));
}

void Session::State::tell(Event event) noexcept {
    trace(TraceRecord::Kind::event, anynats::to_string(event.kind));
    if (event.kind == Event::Kind::discovered_servers && !events.empty()) {
        // A flood of INFO must not push out what else happened (T09).
        Event& newest = events[events.size() - 1];
        if (newest.kind == event.kind) {
            newest = std::move(event);
            return;
        }
    }
    if (events.size() >= max_events) {
        events.pop();
        ++counters.events_left_out;
    }
    try {
        events.push(std::move(event));
    } catch (const std::bad_alloc&) {
        ++counters.events_left_out;
    }
    if (listener) listener->wake();
    event_waiters.wake_all();
}

void Session::State::enter(ConnectionState next) {
    state = next;
    trace(TraceRecord::Kind::state, anynats::to_string(next));
}

void Session::State::trace(TraceRecord::Kind kind, std::string_view bytes) {
    if (trace_hook) trace_hook({kind, link->epoch, now, bytes});
}

Action Session::next_action() {
    if (state_->actions.empty()) return {};
    return state_->actions.pop();
}

bool Session::has_action() const noexcept {
    return !state_->actions.empty();
}

std::optional<Event> Session::next_event() {
    if (state_->events.empty()) return {};
    return state_->events.pop();
}

std::array<std::string_view, 2> Session::data_to_send() const {
    return state_->outbound.to_send();
}

std::size_t Session::size_to_send() const noexcept {
    return state_->outbound.size_to_send();
}

void Session::data_sent(std::size_t n) {
    if (state_->trace_hook) {
        const auto parts = state_->outbound.to_send();
        const std::size_t first = std::min(n, parts[0].size());
        if (first) state_->trace(TraceRecord::Kind::sent, parts[0].substr(0, first));
        if (n > first) state_->trace(TraceRecord::Kind::sent, parts[1].substr(0, n - first));
    }
    state_->outbound.sent(n);
    state_->counters.out_bytes += n;
}

std::uint64_t Session::epoch() const noexcept {
    return state_->link->epoch;
}

Time Session::now() const noexcept {
    return state_->now;
}

ConnectionState Session::state() const noexcept {
    const bool draining = state_->draining && state_->state != ConnectionState::closed;
    return draining ? ConnectionState::draining : state_->state;
}

bool Session::is_connected() const noexcept {
    return state_->up();
}

const std::optional<Error>& Session::last_error() const noexcept {
    return state_->last_error;
}

std::string Session::server() const {
    return state_->pool.empty() ? std::string() : state_->pool.current().url.shown();
}

std::string_view Session::server_info_json() const noexcept {
    return state_->info ? std::string_view(state_->info->json) : std::string_view();
}

std::size_t Session::max_payload() const noexcept {
    return state_->info ? state_->info->max_payload : ServerInfo().max_payload;
}

std::size_t Session::pending_size() const noexcept {
    return state_->outbound.pending_size();
}

const Options& Session::options() const noexcept {
    return state_->options;
}

Counters Session::counters() const noexcept {
    return state_->counters;
}

void Session::set_trace(std::function<void(const TraceRecord&)> hook) {
    state_->trace_hook = std::move(hook);
}

std::string Session::dump() const {
    std::string text;
    state_->operations.for_each([&](const LiveOperation& operation) {
        const auto age =
            std::chrono::duration_cast<std::chrono::milliseconds>(state_->now - operation.since);
        text += std::string(operation.name) + ", for " + std::to_string(age.count()) + " ms\n";
    });
    return text;
}

const char* Session::check() {
    State& s = *state_;
    if (!s.timers.check()) return "the timer heap is out of order";
    if (!s.subscriptions.check()) return "a subscription's counts do not add up";
    if (!s.replies.check()) return "the table of replies does not add up";
    if (s.outbound.pending_size() > s.options.pending_limit + (2 << 20)) {
        return "more bytes wait to be sent than pending_limit allows";
    }
    // Conservation: what was accepted is written, waits, or is counted as lost (I06).
    const std::uint64_t waiting = s.outbound.count_publishes();
    if (waiting + s.counters.lost_publishes > s.counters.out_messages) {
        return "more publishes wait or are lost than were accepted";
    }
    if (s.state == ConnectionState::closed &&
        (s.subscriptions.size() || waiting || s.outbound.size_to_send())) {
        return "a closed session still holds subscriptions or bytes";
    }
    return nullptr;
}

}  // namespace v0
}  // namespace anynats
