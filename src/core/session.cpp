// The life of a session: attempts, back-off, the handshake's deadline, keep-alive, loss and close.
// A table of phases (Link::Phase) that moves on inputs and on the time; it reads no clock.
// ADR-40 (connection lifecycle); I16-I18, I21, T11, T12.
#include <algorithm>
#include <new>

#include "core/session_state.hpp"
#include "core/subject.hpp"
#include "core/writer.hpp"

namespace anynats {
inline namespace v0 {

namespace {

constexpr Duration memory_pause = std::chrono::milliseconds(10);  // when an attempt got none

Error no_servers(const Error& last) noexcept {
    try {
        return Error(ErrorCode::no_servers,
                     "no server is left to try: each one failed as often "
                     "as max_reconnects allows")
            .because(last);
    } catch (const std::bad_alloc&) {
        return last;
    }
}

Options checked(Options options) {
    if (std::optional<Error> error = check(options)) throw_error(*error);
    if (const char* flaw = flaw_in_literal_subject(options.inbox_prefix)) {
        throw_error(bad_argument("inbox_prefix", options.inbox_prefix, flaw));
    }
    if (options.choose_server) options.ask_for_server = true;
    return options;
}

}  // namespace

Session::State::State(Options given, const Seed& seed, std::vector<ServerUrl> servers, Time start)
    : options(std::move(given)),
      random(seed),
      pool(std::move(servers), options, random),
      replies(random.next32()),
      link(std::in_place, options),
      now(start),
      first_pass_left(pool.servers().size()) {
    // An input tells a few things at most: from here on there is room for them without memory.
    actions.reserve(16);
    events.reserve(64);
    if (!options.ask_for_server || !ask_for_server()) begin_attempt();
}

Session::Session(Options options, const Seed& seed, Time now) {
    Options good = checked(std::move(options));
    Result<std::vector<ServerUrl>> servers = server_urls(good.servers);
    if (!servers.ok()) throw_error(servers.error());
    state_ = std::make_unique<State>(std::move(good), seed, std::move(*servers), now);
}

Session::~Session() {
    close();
    run_ready();  // whoever waited learns of it while the session still stands
}

// --- attempts -----------------------------------------------------------------------------------

void Session::State::begin_attempt() {
    Server& server = pool.current();
    Action action;
    action.kind = Action::Kind::connect;
    action.epoch = epochs + 1;
    action.host = server.url.host;
    action.port = server.url.port;
    action.deadline = after(now, options.connect_timeout);
    reset_link();
    link->epoch = ++epochs;
    link->phase = Link::Phase::dialing;
    link->attempt_deadline = action.deadline;
    next_attempt = never;
    ++counters.attempts;
    ++server.attempts;
    act(std::move(action));
}

void Session::State::schedule_attempt() {
    choice = 0;
    if (pool.empty()) {
        close(no_servers(*last_error));
        return;
    }
    if (!options.ask_for_server || !ask_for_server()) attempt_when_due();
}

/// The current server of the pool is the next: at once, or when its time has come.
void Session::State::attempt_when_due() {
    choice = 0;
    choose_by = never;
    next_attempt = pool.current().not_before;
    if (next_attempt > now) return;
    try {
        begin_attempt();
    } catch (const std::bad_alloc&) {
        next_attempt = after(now, memory_pause);
    }
}

void Session::State::attempt_failed(Error error) {
    const std::uint64_t epoch = link->epoch;
    const bool transport = link->phase != Link::Phase::waiting;
    last_error = error;
    reset_link();
    counters.lost_publishes += outbound.broken();
    if (transport) close_transport(epoch);
    pool.failed(now, random);
    if (!was_connected && !options.retry_on_failed_connect) {
        if (--first_pass_left == 0) {
            close(std::move(error));
            return;
        }
    } else {
        tell({Event::Kind::error, {}, error, 0});
    }
    schedule_attempt();
}

void Session::State::connected() {
    replay();  // may throw, and nothing else has changed then
    link->phase = Link::Phase::up;
    link->attempt_deadline = never;
    link->stable_at = after(now, options.stable_after);
    link->next_ping = after(now, options.ping_interval);
    drop_unwelcome();
    outbound.open(true);
    last_error.reset();
    if (was_connected) ++counters.reconnects;
    enter(ConnectionState::connected);
    tell(
        {was_connected ? Event::Kind::reconnected : Event::Kind::connected, server_shown(), {}, 0});
    was_connected = true;
    connected_waiters.wake_all();
}

// --- inputs of the driver -----------------------------------------------------------------------

bool Session::State::stale(std::uint64_t epoch) noexcept {
    if (epoch == link->epoch && link->epoch != 0) return false;
    ++counters.stale_events;
    return true;
}

std::string Session::State::server_shown() const noexcept {
    try {
        return pool.empty() ? std::string() : pool.current().url.shown();
    } catch (const std::bad_alloc&) {
        return {};
    }
}

Error Session::State::about_server(ErrorCode code, std::string_view what) const {
    std::string text = pool.empty() ? std::string("server") : pool.current().url.shown();
    text += ": ";
    text += what;
    return Error(code, std::move(text));
}

void Session::transport_up(std::uint64_t epoch, Time now) {
    advance(now);
    if (state_->stale(epoch)) return;
    if (state_->link->phase == Link::Phase::dialing) state_->link->phase = Link::Phase::info;
}

void Session::transport_down(std::uint64_t epoch, Error error, Time now) {
    advance(now);
    if (state_->stale(epoch)) return;
    state_->link_lost(std::move(error));
    run_ready();
}

void Session::receive_eof(std::uint64_t epoch, Time now) {
    transport_down(
        epoch,
        state_->about_server(state_->up() ? ErrorCode::disconnected : ErrorCode::connect_failed,
                             "the server closed the connection"),
        now);
}

Credentials Session::own_credentials() const {
    const ServerUrl& url = state_->pool.current().url;
    if (url.has_token) return {{}, {}, url.token};
    if (url.has_user) return {url.user, url.password, {}};
    return {state_->options.user, state_->options.password, state_->options.token};
}

void Session::credentials(std::uint64_t epoch, const Credentials& credentials, Time now) {
    advance(now);
    State& s = *state_;
    if (s.stale(epoch) || s.link->phase != Link::Phase::authenticating) return;
    ConnectFields fields;
    fields.verbose = s.options.verbose;
    fields.pedantic = s.options.pedantic;
    fields.echo = s.options.echo;
    fields.headers = s.info->headers;
    fields.name = s.options.name;
    fields.user = credentials.user;
    fields.password = credentials.password;
    fields.token = credentials.token;
    try {
        encode_connect(s.outbound.opening(), connect_json(fields));
        encode_ping(s.outbound.opening());
        if (s.link->owes_pong) encode_pong(s.outbound.opening());
    } catch (const std::bad_alloc&) {
        s.attempt_failed(s.no_memory);
        run_ready();
        return;
    }
    s.link->phase = Link::Phase::pong;
}

void Session::auth_failed(std::uint64_t epoch, Error error, Time now) {
    advance(now);
    if (state_->stale(epoch) || state_->link->phase != Link::Phase::authenticating) return;
    state_->attempt_failed(std::move(error));
    run_ready();
}

// --- time ---------------------------------------------------------------------------------------

Time Session::next_timeout() const {
    const State& s = *state_;
    if (!s.ready.empty() || s.subscriptions.has_news()) return s.now;
    Time next = std::min({s.timers.next(), s.next_attempt, s.choose_by});
    next = std::min({next, s.link->attempt_deadline, s.link->next_ping, s.link->move_by});
    return s.link->stable ? next : std::min(next, s.link->stable_at);
}

void Session::handle_timeout(Time now) {
    advance(now);
    state_->timers.expire(state_->now);
    state_->on_time();
    run_ready();
}

void Session::State::on_time() {
    if (now >= choose_by) attempt_when_due();
    if (now >= next_attempt) begin_attempt();
    if (now >= link->attempt_deadline) {
        attempt_failed(about_server(ErrorCode::connect_timeout,
                                    "the handshake was not done within connect_timeout"));
        return;
    }
    if (!link->stable && now >= link->stable_at) {
        link->stable = true;
        pool.stable();
    }
    if (now < link->next_ping) return;
    if (link->pings_outstanding >= options.max_pings_outstanding) {
        link_lost(
            about_server(ErrorCode::stale_connection,
                         std::to_string(link->pings_outstanding) + " pings were not answered"));
        return;
    }
    // A connection that had much to carry, and has no more, keeps no large buffers.
    link->inbound.rest();
    outbound.rest();
    // Whatever else is sent or received, only a PONG proves that the way there and back is open
    // (B26, I16).
    link->pongs.reserve(1);
    encode_ping(outbound.pending());
    link->pongs.push(nullptr);
    ++link->pings_outstanding;
    link->next_ping = after(now, options.ping_interval);
}

void Session::advance(Time now) noexcept {
    state_->now = std::max(state_->now, now);
}

void Session::run_ready() {
    // Each round wakes whoever has news and resumes them; what they start may make more ready.
    State& s = *state_;
    do {
        s.subscriptions.announce();
        while (Runnable* next = s.ready.pop_front()) {
            next->run();
            s.subscriptions.announce();
        }
    } while (s.move_when_idle());
}

}  // namespace v0
}  // namespace anynats
