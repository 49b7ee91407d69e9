// Driver: the host of blocked callers. A thread that must wait reads the socket itself when nobody
// else does (the leader); others sleep until the leader, or the background thread, has their news.
// Any thread; everything is under one mutex, which nobody holds while waiting or reading.
// The table of hand-overs is in the design ("who reads, who writes") and in HACKING.md.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include <anynats/connection.hpp>
#include "core/wait.hpp"
#include "drive/host.hpp"
#include "drive/mutex.hpp"
#include "drive/user_code.hpp"

namespace anynats {
inline namespace v0 {

/// Called in a waiting thread, outside all locks, when a signal came and every 100 ms: true ends
/// the wait. For languages that handle signals between their own steps; null by default.
using InterruptCheck = bool (*)();
void set_interrupt_check(InterruptCheck check) noexcept;

class Background;
class Seat;

class Driver final : public Host {
public:
    static std::shared_ptr<Driver> make(Options options);
    explicit Driver(Options options);
    ~Driver() override;

    void enter() override {
        mutex_.lock();
        if (inherited()) leave_to_parent();
    }
    bool try_enter() override {
        if (!mutex_.try_lock()) return false;
        if (inherited()) leave_to_parent();
        return true;
    }
    void leave() noexcept override;
    Time clock() const override;
    bool published() override;
    bool started() override;
    void push() override;
    bool wait_for_room(std::size_t size) override;
    void await_room(Waiter& waiter) override;
    std::optional<Error> wait(OperationState& operation) override;
    Waited wait_for_message(SubscriptionQueue& queue, Message& out, Duration timeout,
                            MessageLoop* loop) override;
    Callbacks* callbacks() noexcept override { return &callbacks_; }
    void listen() noexcept override;
    void enter_again_soon() noexcept override;

    /// Its threads run event loops and wait by seats: what would block them is refused instead.
    void never_block(bool yes) noexcept { never_blocks_ = yes; }

    /// For the background thread: the descriptor is readable, or the time has come.
    void tick(bool readable);

    // --- for seats, inside -----------------------------------------------------------------------
    int poll_fd() const noexcept { return connection_.poll_fd(); }
    /// Something on the seat's loop waits; nothing there waits any more; it is given up.
    void sit(Seat& seat) noexcept;
    void rise(Seat& seat) noexcept;
    void leave_seat(Seat& seat) noexcept;
    /// Its thread does something else for now; returns since when.
    Time went_away(Seat& seat) noexcept;
    /// Read, if this is the leader's seat.
    void turn(Seat& seat);

    // Around a fork, in the thread that forks.
    void before_fork() noexcept { mutex_.lock(); }
    void after_fork_in_parent() noexcept { mutex_.unlock(); }
    void after_fork_in_child() noexcept;

private:
    class Parked;
    struct Present : ListHook {
        Parked* parked = nullptr;
    };
    /// Who reads. `none` for at most the linger; a leaving caller hands over to the background.
    enum class Lead { none, caller, background, loop };

    void leave_to_parent();
    bool send_now(Duration quiet);
    void attend();
    void tell_room() noexcept;
    template <class Finished, class Join>
    Waited wait_until(Time deadline, Finished finished, Join join);
    bool take_lead(Parked& self);
    void lead(Parked& self, Time until);
    void follow(Parked& self, Time until);
    void leave_lead(Parked& self);
    void left_lead();
    void lead_by(Seat& seat) noexcept;
    void end_watch() noexcept;
    bool lingers() const noexcept;
    Time unread_since() const noexcept;
    void arm_background();
    void schedule(Time due) noexcept;

    Mutex mutex_;
    UserCode user_code_;
    Callbacks& callbacks_ = user_code_.callbacks;
    Connection connection_;
    Lead lead_ = Lead::none;
    List<Waiter> room_;         // threads that wait for pending_limit
    std::size_t too_full_ = 0;  // with so many bytes pending one of them found no room
    List<Waiter> woken_;        // followers to wake once the lock is free
    List<Present> present_;     // every thread in wait_until
    Parked* leader_ = nullptr;  // the caller who leads
    std::size_t followers_ = 0;
    Seat* seated_ = nullptr;  // the loop that leads
    std::size_t seats_waiting_ = 0;
    Time left_at_{};  // when the last leader left
    Time last_write_{};
    Time scheduled_ = never;  // the next tick asked for
    std::atomic<bool> never_blocks_{false};
    bool read_was_full_ = false;  // then more is likely there: read before polling
    Background* background_ = nullptr;
    std::uint64_t number_ = 0;  // at the background thread
};

}  // namespace v0
}  // namespace anynats
