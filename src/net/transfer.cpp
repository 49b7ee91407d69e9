// Bytes between the socket and the session, directly or through a filter. Per read: no allocation,
// one recv; per flush: one sendmsg for all that waits. Only Connection::perform may run without
// the lock. An error of the socket ends the transport and names the server (T11).
#include "core/session_state.hpp"
#include "net/connection_state.hpp"

namespace anynats {
inline namespace v0 {

namespace {

/// What a filter offers its plain bytes to.
class SessionSink : public PlainSink {
public:
    SessionSink(Session& session, std::uint64_t epoch, Time now) noexcept
        : session_(session), epoch_(epoch), now_(now) {}
    std::span<char> prepare() override { return session_.prepare(); }
    bool commit(std::size_t n) override {
        session_.commit(epoch_, n, now_);
        return session_.epoch() == epoch_;
    }

private:
    Session& session_;
    std::uint64_t epoch_;
    Time now_;
};

}  // namespace

// --- in -----------------------------------------------------------------------------------------

Connection::Read* Connection::State::begin_read() {
    if (!socket || read.active || session.epoch() != epoch) return nullptr;
    read.space = filter ? filter->prepare() : session.prepare();
    read.chunk = filter ? ChunkRef() : session.inner().link->inbound.chunk();
    read.filter = filter;
    read.fd = socket.get();
    read.epoch = epoch;
    read.performed = false;
    read.active = true;
    ++pins;
    return &read;
}

int Connection::read_fd(const Read& read) noexcept {
    return read.fd;
}

void Connection::perform(Read& read) noexcept {
    read.result = receive(read.fd, read.space.data(), read.space.size());
    read.performed = true;
}

bool Connection::filled(const Read& read) noexcept {
    return read.performed && read.result.size == read.space.size();
}

void Connection::State::release_read() noexcept {
    read.active = false;
    // Before the commit: while we hold the chunk it looks as if a message did.
    read.chunk = ChunkRef();
    read.filter.reset();
    unpin();
}

/// Returns whether the space was filled, so that there may be more.
bool Connection::State::deliver(Time now) {
    if (!read.performed || read.result.try_later()) return false;
    if (read.epoch != epoch) {
        session.commit(read.epoch, 0, now);  // counted as late, nothing else
        return false;
    }
    if (read.result.error) {
        down(errno_text(read.result.error), now);
        return false;
    }
    if (read.result.size == 0) {
        session.receive_eof(read.epoch, now);
        return false;
    }
    received(read.result.size, now);
    return read.result.size == read.space.size();
}

void Connection::State::received(std::size_t n, Time now) {
    if (!filter) return session.commit(epoch, n, now);
    const std::shared_ptr<Filter> through = filter;  // the session may end the transport meanwhile
    SessionSink above(session, epoch, now);
    if (const std::optional<Error> error = through->commit(n, above)) {
        session.transport_down(epoch, *error, now);
    }
}

// --- out ----------------------------------------------------------------------------------------

bool Connection::State::flush(Time now) {
    act(now);
    if (!socket) {
        const auto parts = session.data_to_send();
        return parts[0].empty() && parts[1].empty();
    }
    const bool all = filter ? flush_filter(now) : flush_plain(now);
    act(now);
    return all;
}

bool Connection::State::flush_plain(Time now) {
    for (;;) {
        const std::array<std::string_view, 2> parts = session.data_to_send();
        const std::size_t waiting = parts[0].size() + parts[1].size();
        if (waiting == 0) return watch_writable(false, now);
        std::size_t sent = 0;
        if (!send(parts, sent, now)) return false;
        session.data_sent(sent);
        if (sent < waiting) {
            watch_writable(true, now);
            return false;
        }
    }
}

bool Connection::State::flush_filter(Time now) {
    Bytes& wire = filter->wire();
    for (;;) {
        for (;;) {
            const std::array<std::string_view, 2> parts = session.data_to_send();
            const std::string_view next = parts[0].empty() ? parts[1] : parts[0];
            const std::size_t taken = next.empty() ? 0 : filter->accept(next);
            if (taken == 0) break;
            session.data_sent(taken);
        }
        if (wire.empty()) return watch_writable(false, now);
        const std::string_view part = wire.view();
        std::size_t sent = 0;
        if (!send({&part, 1}, sent, now)) return false;
        const bool full = sent < part.size();
        wire.consume(sent);
        if (full) {
            watch_writable(true, now);
            return false;
        }
    }
}

/// False when the transport is gone. A short write means that the socket is full: the next call
/// would only say so.
bool Connection::State::send(std::span<const std::string_view> parts, std::size_t& sent, Time now) {
    const Transfer result = send_parts(socket.get(), parts);
    sent = result.size;
    if (!result.error || result.try_later()) return true;
    down(errno_text(result.error), now);
    return false;
}

/// False when the transport is gone.
bool Connection::State::watch_writable(bool yes, Time now) {
    if (yes == blocked) return true;
    blocked = yes;
    const unsigned what = Poller::readable | (yes ? Poller::writable : 0u);
    const int error = poller.modify(socket.get(), what, socket_tag);
    if (error) down(errno_text(error), now);
    return error == 0;
}

}  // namespace v0
}  // namespace anynats
