// Seat: the place of one event loop at a Driver. While anything on the loop waits, the loop reads
// the socket for all, as a blocked caller would; while nothing does, the background thread is back
// after a linger. The loop watches one descriptor and calls turn() when it is readable. Deadlines
// are the background thread's business. A driver may have many seats, each for one thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "drive/driver.hpp"
#include "drive/notices.hpp"
#include "net/poller.hpp"
#include "net/socket.hpp"

namespace anynats {
inline namespace v0 {

class Seat final : private Notices {
public:
    /// Throws Error when the process has no descriptor left.
    explicit Seat(std::shared_ptr<Driver> driver);
    ~Seat() override;

    /// Readable when turn() has something to do; the same for the whole life of the seat.
    int fd() const noexcept { return poller_.fd(); }
    /// Read if this loop leads, and return the tokens that have been told since the last turn.
    std::vector<std::uint64_t> turn();
    /// Send what waits. For the loop, before it sleeps.
    void flush();
    /// The thread turns to something that may take long, until its next turn() or sleep(): if it
    /// takes longer than the linger, the background thread reads meanwhile.
    void away();
    /// Sleep until there is something to do, or `until`, or a signal; for threads without a loop.
    void sleep(Time until) noexcept;

    /// Tell `token`, once, when the operation is done; at once if it is. The loop counts as waiting
    /// until all tokens are forgotten. Returns whether something waits to be sent: flush() before
    /// the loop sleeps.
    bool notify_done(OperationState& operation, std::uint64_t token);
    /// Nobody waits for `token` any more.
    void forget(std::uint64_t token) noexcept;

    // --- for the driver, under its lock ----------------------------------------------------------
    void watch_connection(bool yes) noexcept;
    bool waits() const noexcept { return !Notices::empty(); }
    /// Since when the thread is away; never if it is here.
    Time away_since() const noexcept { return away_ ? away_since_ : never; }

private:
    class Change;
    void told() noexcept override;

    const std::shared_ptr<Driver> driver_;
    Poller poller_;  // the wake-up descriptor, and the connection's while this loop leads
    Fd wake_;
    bool signalled_ = false;  // wake_ is readable
    bool in_turn_ = false;    // what is told now is returned by turn()
    std::atomic<bool> away_{false};
    Time away_since_{};
};

}  // namespace v0
}  // namespace anynats
