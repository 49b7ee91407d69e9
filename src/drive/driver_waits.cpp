// Leading, following and leaving: how a thread waits, and reads for all while it does.
// A lost wake-up is never cured with a timer; the one exception is signals, which a thread can
// miss between two sleeps: it asks for them at absolute 100 ms marks.
#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "core/session_state.hpp"
#include "drive/background.hpp"
#include "drive/parked.hpp"
#include "net/sys.hpp"

namespace anynats {
inline namespace v0 {

namespace {

constexpr Duration signal_time = std::chrono::milliseconds(100);

std::atomic<InterruptCheck> interrupt_check{nullptr};

/// Poll until `until`; for the first `spin` without sleeping.
int poll_both(pollfd (&fds)[2], Time until, Duration spin) noexcept {
    if (spin > Duration::zero()) {
        const Time stop = std::min(until, after(monotonic_now(), spin));
        do {
            if (const int n = ::poll(fds, 2, 0)) return n;
        } while (monotonic_now() < stop);
    }
    const timespec wait = to_timespec(until - monotonic_now());
    return ::ppoll(fds, 2, until == never ? nullptr : &wait, nullptr);
}

}  // namespace

void set_interrupt_check(InterruptCheck check) noexcept {
    interrupt_check.store(check);
}

bool Driver::wait_for_room(std::size_t size) {
    if (never_blocks_ || Callbacks::on_driver()) return false;
    const auto room = [&] {
        const std::size_t pending = session().pending_size();
        if (!session().is_connected() || pending == 0 ||
            pending + size <= session().options().pending_limit) {
            return true;
        }
        too_full_ = std::max(too_full_, pending);
        return false;
    };
    const auto join = [&](Waiter& self) { room_.push_back(self); };
    return wait_until(never, room, join) == Waited::arrived;
}

std::optional<Error> Driver::wait(OperationState& operation) {
    if (operation.done()) return {};
    if (never_blocks_) {
        return Error(ErrorCode::usage_error, "waiting here would block the event loop");
    }
    if (Callbacks::on_driver()) {
        return Error(ErrorCode::usage_error,
                     "waiting in an inline callback would block the thread that drives");
    }
    Inside inside(*this);
    const auto done = [&] { return operation.done(); };
    const auto join = [&](Waiter& self) { operation.join(self); };
    if (wait_until(never, done, join) == Waited::arrived) return {};
    return Error(ErrorCode::cancelled, "the wait was interrupted");
}

Waited Driver::wait_for_message(SubscriptionQueue& queue, Message& out, Duration timeout,
                                MessageLoop* loop) {
    Inside inside(*this);
    SubscriptionState& sub = *queue.state;
    if (queue.take(out, loop)) return Waited::arrived;
    if (sub.ended) return Waited::ended;
    if (Callbacks::on_driver()) {
        return timeout <= Duration::zero() ? Waited::timed_out : Waited::interrupted;
    }
    if (never_blocks_ && timeout > Duration::zero()) return Waited::interrupted;
    if (timeout <= Duration::zero()) {
        if (lead_ == Lead::caller) return Waited::timed_out;
        connection_.drive(clock());  // nobody else is reading just now: look at the socket once
        return queue.take(out, loop) ? Waited::arrived : Waited::timed_out;
    }
    bool taken = false;
    const auto finished = [&] { return (taken = queue.take(out, loop)) || sub.ended; };
    const auto join = [&](Waiter& self) { sub.waiters.join(self); };
    const Waited how = wait_until(after(clock(), timeout), finished, join);
    if (how == Waited::arrived) return taken ? Waited::arrived : Waited::ended;
    // A wake that was meant for us goes on to somebody who still waits.
    if (!sub.held.empty()) sub.waiters.wake_one();
    return how;
}

/// Wait, with the lock held on entry and on return, until `finished` says so.
template <class Finished, class Join>
Waited Driver::wait_until(Time deadline, Finished finished, Join join) {
    Parked self(*this, WakeDescriptor::mine());
    const InterruptCheck check = interrupt_check.load();
    Time now = clock();
    Time next_check = check ? after(now, signal_time) : never;
    Waited how = Waited::timed_out;
    for (;;) {
        session().advance(now);
        connection_.handle_timeout(now);
        push();
        if (finished()) {
            how = Waited::arrived;
            break;
        }
        if (now >= deadline) break;
        if (check && (self.interrupted || now >= next_check)) {
            self.interrupted = false;
            // It may take its time, or use this client: nobody may rely on us meanwhile.
            if (self.leads) leave_lead(self);
            leave();
            const bool stop = check();
            mutex_.lock();
            if (stop) {
                how = Waited::interrupted;
                break;
            }
            now = clock();
            next_check = after(now, signal_time);
            continue;  // what came meanwhile may have woken us in vain
        }
        if (!self.linked()) join(self);
        const Time until = std::min(deadline, next_check);
        if (self.leads || take_lead(self)) {
            lead(self, until);
        } else {
            follow(self, until);
        }
        now = clock();
    }
    self.unlink();
    if (self.leads) leave_lead(self);
    return how;
}

// --- reading: one leader ------------------------------------------------------------------------

bool Driver::take_lead(Parked& self) {
    if (lead_ == Lead::caller) return false;
    if (self.descriptor.fd() < 0) {  // nobody could wake us from poll
        if (lingers()) arm_background();
        return false;
    }
    end_watch();  // takes over from the background thread, or a loop, without waking it
    lead_ = Lead::caller;
    leader_ = &self;
    self.leads = true;
    return true;
}

void Driver::lead(Parked& self, Time until) {
    if (self.told) {  // news since we last looked: do not sleep on it
        self.told = false;
        return;
    }
    self.polling = true;  // from here on a wake-up goes to the descriptor
    Connection::Read* const read = connection_.begin_read(monotonic_now());
    until = std::min(until, connection_.next_timeout());
    const int fd = read ? Connection::read_fd(*read) : connection_.poll_fd();
    const short events = read && connection_.blocked() ? POLLIN | POLLOUT : POLLIN;
    self.for_writing = !read || (events & POLLOUT);  // poll_fd() is ready for both
    leave();
    bool readable = read && read_was_full_;
    if (!readable) {
        pollfd fds[2] = {{fd, events, 0}, {self.descriptor.fd(), POLLIN, 0}};
        const int n = poll_both(fds, until, session().options().spin);
        if (n < 0 && errno == EINTR) self.interrupted = true;
        if (n > 0 && fds[1].revents) self.descriptor.drain();
        readable = n > 0 && (fds[0].revents & ~POLLOUT) != 0;
    }
    if (read && readable) Connection::perform(*read);
    mutex_.lock();
    self.polling = false;
    self.told = false;
    const Time now = clock();
    if (read) {
        read_was_full_ = readable && Connection::filled(*read);
        connection_.finish_read(now);
    } else {
        connection_.drive(now);
    }
}

void Driver::follow(Parked& self, Time until) {
    if (self.told) {
        self.told = false;
        return;
    }
    // The leader is not woken for our deadline: we look after the timers ourselves.
    until = std::min(until, connection_.next_timeout());
    self.word.store(0, std::memory_order_relaxed);
    self.asleep = true;
    ++followers_;
    leave();
    self.interrupted = futex_wait(self.word, 0, until);
    mutex_.lock();
    --followers_;
    self.asleep = false;
    self.told = false;
}

void Driver::leave_lead(Parked& self) {
    self.leads = false;
    lead_ = Lead::none;
    leader_ = nullptr;
    left_lead();
}

}  // namespace v0
}  // namespace anynats
