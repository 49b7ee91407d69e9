// A Session and its non-blocking transport: resolver, TCP attempts, filters (later TLS, WebSocket).
// Owns no thread and no loop, and waits for nothing: whoever waits watches one descriptor and one
// deadline and calls drive(). One thread at a time; the caller locks (see the parts of a turn).
// In a forked child everything ends with a ForkError, and the parent's sockets are left alone.
#pragma once

#include <cstddef>
#include <memory>

#include <anynats/export.hpp>
#include <anynats/session.hpp>

namespace anynats {
inline namespace v0 {

class ANYNATS_API Connection {
public:
    /// Get ready to connect; the first drive() or act() begins. The seed comes from the operating
    /// system. Throws UsageError for options, Error when the process has no descriptor left.
    Connection(Options options, Time now);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    Session& session() noexcept;

    /// Readable when drive() has something to do. The same descriptor for the connection's life,
    /// also while it dials, resolves and reconnects, so a loop registers it once.
    int poll_fd() const noexcept;
    /// The next moment at which drive() must be called even if nothing is readable. Does not speak
    /// of data that waits to be sent: when to flush is the driver's policy.
    Time next_timeout() const;
    /// One turn without blocking: what the session wishes, what the socket has (bounded), timers,
    /// ready operations, one gathered write. Returns whether more is to be read at once. While
    /// another thread is between begin_read and finish_read it does everything but reading.
    /// Like all that takes the time here it lets no exception out: short memory ends the
    /// connection, which then connects again.
    bool drive(Time now);

    // --- a turn in parts, for a driver that gives up its lock while it waits and reads -----------

    /// Where to read next. Keeps the memory alive, whatever happens to the connection meanwhile.
    struct ANYNATS_LOCAL Read;
    /// With the lock: prepare to read from the socket. Null when there is no transport that can
    /// be read directly, or when another read has begun; then poll poll_fd() and call drive().
    /// There is one Read, it belongs to the connection: nothing is allocated per read.
    Read* begin_read(Time now);
    /// Without the lock: the descriptor to poll for reading, and one non-blocking read. The
    /// descriptor stays open until finish_read; when its connection is closed it becomes readable.
    static int read_fd(const Read& read) noexcept;
    static void perform(Read& read) noexcept;
    /// After perform: the space was filled, so more is likely there.
    static bool filled(const Read& read) noexcept;
    /// With the lock: hand over what was read (nothing, if perform was not called), then do the
    /// rest of a turn: wishes, timers, ready operations, a write. Must follow each begin_read.
    void finish_read(Time now);

    /// Send what waits, without blocking; true when nothing is left to send.
    bool flush(Time now);
    /// The transport is connected and its socket was full at the last flush.
    bool blocked() const noexcept;
    /// The socket's descriptor for polling writability; -1 without one. Pin it for polling without
    /// the lock.
    int write_fd() const noexcept;
    /// With the lock: from pin to unpin no descriptor is closed that write_fd() has told, only shut
    /// down, which wakes whoever polls it. A read pins by itself.
    void pin() noexcept;
    void unpin() noexcept;
    /// Do what is due, and what the session wishes.
    void handle_timeout(Time now);
    /// Do what the session wishes (connect, authenticate, close).
    void act(Time now);

    struct ANYNATS_LOCAL State;
    State& inner() noexcept { return *state_; }  // inside the library, and for its tests

private:
    std::unique_ptr<State> state_;
};

}  // namespace v0
}  // namespace anynats
