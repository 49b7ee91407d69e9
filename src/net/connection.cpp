// The turns of a connection: the session's wishes are carried out, transports are opened, adopted
// and retired, and whatever goes wrong ends in transport_down, never in an exception. Bytes are
// moved in transfer.cpp. Q2: every input to the session names the epoch it belongs to.
#include <algorithm>
#include <new>

#include "core/session_state.hpp"
#include "net/connection_state.hpp"

namespace anynats {
inline namespace v0 {

Connection::State::State(Options options, Time now)
    : session(std::move(options), random_seed(), now) {}

Connection::State::~State() {
    close_transport();
    retired.clear();
}

/// Short memory does not leave a turn: it ends the connection, which then tries again (design 7).
template <class Body>
void Connection::State::guarded(Time now, Body&& body) {
    if (poller.inherited()) return leave_to_parent(now);
    try {
        if (starved_until != never) {
            if (now < starved_until) return;
            starved_until = never;
            session.transport_down(session.epoch(), Error(ErrorCode::out_of_memory, "no memory"),
                                   now);
        }
        body();
    } catch (const std::bad_alloc&) {
        out_of_memory(now);
    }
}

void Connection::State::out_of_memory(Time now) noexcept {
    close_transport();
    try {
        session.transport_down(session.epoch(),
                               Error(ErrorCode::out_of_memory, "no memory to go on with it"), now);
        act(now);
    } catch (const std::bad_alloc&) {
        starved_until = after(now, starved_pause);
    }
}

/// In a forked child: the sockets are the parent's. Close our copies without a word on the wire.
void Connection::State::leave_to_parent(Time now) noexcept {
    pins = 0;  // other threads have stayed in the parent
    close_transport();
    retired.clear();
    if (session.state() == ConnectionState::closed) return;
    try {
        session.advance(now);
        session.close(Error(ErrorCode::fork_error,
                            "the client was made before a fork and is used in the child"));
        session.run_ready();
        while (session.next_action().kind != Action::Kind::none) {
        }
    } catch (const std::bad_alloc&) {
        starved_until = after(now, starved_pause);  // the next turn closes it
    }
}

// --- wishes -------------------------------------------------------------------------------------

void Connection::State::act(Time now) {
    // Looked at before it is asked: this runs with every flush, and making an Action is not free.
    while (!session.inner().actions.empty()) carry_out(session.next_action(), now);
}

void Connection::State::carry_out(const Action& action, Time now) {
    switch (action.kind) {
        case Action::Kind::none:
            return;
        case Action::Kind::choose_server:
            choose_server(action, now);
            return;
        case Action::Kind::connect:
            close_transport();
            epoch = action.epoch;
            dial_deadline = action.deadline;
            dialer.emplace(poller);
            dialer->start(action.host, action.port, now);
            settle_dial(now);
            return;
        case Action::Kind::start_tls:
            session.transport_down(
                action.epoch, Error(ErrorCode::tls_error, "this version cannot do TLS yet"), now);
            return;
        case Action::Kind::authenticate:
            if (action.epoch != session.epoch()) return;  // the attempt is over
            session.credentials(action.epoch, session.own_credentials(), now);
            return;
        case Action::Kind::close:
            if (action.epoch == epoch) close_transport();
            return;
    }
}

void Connection::State::choose_server(const Action& action, Time now) {
    if (chooser) return chooser(action);
    ServerChoice choice{action.servers.size()};  // nobody: the pool's order
    if (const ServerChooser& ask = session.options().choose_server) choice = ask(action.servers);
    session.server_chosen(action.epoch, choice.index, choice.wait, now);
}

void Connection::State::settle_dial(Time now) {
    switch (dialer->status()) {
        case Dialer::Status::working:
            return;
        case Dialer::Status::connected: {
            Fd fd = dialer->take_socket();
            adopt(std::move(fd), now);
            return;
        }
        case Dialer::Status::failed: {
            const std::string why = dialer->why();
            down(why, now);
            return;
        }
    }
}

/// The session would do it too, but only the dialer knows what was waited for.
void Connection::State::give_up_dial(Time now) {
    Error error(ErrorCode::connect_timeout,
                session.server() + ": no connection within connect_timeout: " + dialer->so_far());
    const std::uint64_t ended = epoch;
    close_transport();
    session.transport_down(ended, std::move(error), now);
}

void Connection::State::adopt(Fd fd, Time now) {
    dialer.reset();
    retired.reserve(retired.size() + 1);  // so that retiring it cannot fail
    socket = std::move(fd);
    blocked = false;
    const int error = poller.modify(socket.get(), Poller::readable, socket_tag);
    if (error) return down(errno_text(error), now);
    if (filter_factory) filter = filter_factory();
    session.transport_up(epoch, now);
}

void Connection::State::down(std::string_view what, Time now) {
    const ErrorCode code =
        session.inner().up() ? ErrorCode::disconnected : ErrorCode::connect_failed;
    Error error(code, session.server() + ": " + std::string(what));
    const std::uint64_t ended = epoch;
    close_transport();
    session.transport_down(ended, std::move(error), now);
}

void Connection::State::close_transport() noexcept {
    epoch = 0;
    dialer.reset();
    filter.reset();
    blocked = false;
    if (!socket) return;
    poller.remove(socket.get());
    // Whoever polls or reads it without the lock wakes and finds the end of the stream; but its
    // number must not be reused before they have left. In a forked child the stream is not ours.
    if (!poller.inherited()) sys().shutdown(socket.get(), SHUT_RDWR);
    if (pins) {
        retired.push_back(std::move(socket));
    } else {
        socket.reset();
    }
}

void Connection::State::unpin() noexcept {
    if (pins && --pins == 0) retired.clear();
}

// --- turns --------------------------------------------------------------------------------------

bool Connection::State::turn(Time now) {
    session.advance(now);
    act(now);
    if (dialer) {
        dialer->progress(now);
        settle_dial(now);
        if (dialer && now >= dial_deadline) give_up_dial(now);
        act(now);
    }
    bool more = false;
    std::size_t bytes = 0;
    for (unsigned reads = 0; !more && begin_read();) {
        perform(read);
        release_read();
        bytes += read.result.size;
        if (!deliver(now)) break;
        act(now);
        more = ++reads == reads_per_turn || bytes >= bytes_per_turn;
    }
    end_turn(now);
    return more;
}

void Connection::State::end_turn(Time now) {
    act(now);
    session.handle_timeout(now);
    act(now);
    flush(now);
}

Time Connection::State::next_timeout() const {
    if (starved_until != never) return starved_until;
    // State of the session is looked into because asking for an action takes it.
    if (!const_cast<Session&>(session).inner().actions.empty()) return session.now();
    const Time next = session.next_timeout();
    // Nothing before what has been told already, so that nobody computes with Time::min().
    return std::max(session.now(), dialer ? std::min(next, dialer->next_timeout()) : next);
}

// --- the public face ----------------------------------------------------------------------------

Connection::Connection(Options options, Time now)
    : state_(std::make_unique<State>(std::move(options), now)) {}

Connection::~Connection() = default;

Session& Connection::session() noexcept {
    return state_->session;
}

int Connection::poll_fd() const noexcept {
    return state_->poller.fd();
}

Time Connection::next_timeout() const {
    return state_->next_timeout();
}

bool Connection::drive(Time now) {
    bool more = false;
    state_->guarded(now, [&] { more = state_->turn(now); });
    return more;
}

Connection::Read* Connection::begin_read(Time now) {
    Read* read = nullptr;
    state_->guarded(now, [&] { read = state_->begin_read(); });
    return read;
}

void Connection::finish_read(Time now) {
    if (!state_->read.active) return;
    state_->release_read();  // whatever happens then
    state_->guarded(now, [&] {
        state_->deliver(now);
        state_->end_turn(now);
    });
}

bool Connection::flush(Time now) {
    bool all = false;
    state_->guarded(now, [&] { all = state_->flush(now); });
    return all;
}

void Connection::handle_timeout(Time now) {
    state_->guarded(now, [&] {
        if (now >= state_->next_timeout()) state_->session.handle_timeout(now);
        state_->act(now);
    });
}

void Connection::act(Time now) {
    state_->guarded(now, [&] { state_->act(now); });
}

bool Connection::blocked() const noexcept {
    return state_->blocked;
}

int Connection::write_fd() const noexcept {
    return state_->socket.get();
}

void Connection::pin() noexcept {
    ++state_->pins;
}

void Connection::unpin() noexcept {
    state_->unpin();
}

}  // namespace v0
}  // namespace anynats
