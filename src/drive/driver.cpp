// Leading, following and leaving; publishing without waking anybody. See driver.hpp.
// A lost wake-up is never cured with a timer; the one exception is signals, which a thread can
// miss between two sleeps: it asks for them at absolute 100 ms marks.
#include "drive/driver.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "core/session_state.hpp"
#include "drive/background.hpp"
#include "drive/parking.hpp"
#include "net/connection_state.hpp"
#include "net/sys.hpp"

namespace anynats {
inline namespace v0 {

namespace {

constexpr Duration tick_time = std::chrono::microseconds(500);
// Requests that are started closer together share a write. Less than any round trip, so that a
// thread that waits for each of its requests never asks for a tick.
constexpr Duration burst_time = std::chrono::microseconds(10);
constexpr Duration linger_time = std::chrono::milliseconds(10);
constexpr Duration signal_time = std::chrono::milliseconds(100);

std::atomic<InterruptCheck> interrupt_check{nullptr};

std::shared_ptr<ChoiceJob> choices_of(Options& options, Callbacks& callbacks) {
    if (!options.choose_server) return nullptr;
    options.ask_for_server = true;
    return std::make_shared<ChoiceJob>(callbacks, std::exchange(options.choose_server, {}));
}

Executor executor_of(Options& options) {
    if (!options.inline_callbacks) return std::exchange(options.executor, {});
    if (!options.executor) return Callbacks::inline_executor();
    throw_error(Error(ErrorCode::usage_error,
                      "option inline_callbacks: there is an executor too; it must be one of them"));
}

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

/// A thread that waits. It sleeps on a futex word and not on a condition variable, because only
/// the former returns when a signal comes.
class Driver::Parked final : public Waiter {
public:
    Parked(Driver& driver_, WakeDescriptor& descriptor_)
        : driver(driver_), descriptor(descriptor_) {
        present.parked = this;
        driver.present_.push_back(present);
    }

    void wake() noexcept override {
        told = true;
        if (asleep) driver.woken_.push_back(*this);
        if (polling) descriptor.wake();
    }

    Driver& driver;
    WakeDescriptor& descriptor;
    Present present;
    bool leads = false;
    bool asleep = false;       // in follow(), on the futex word
    bool polling = false;      // in lead(), without the lock
    bool for_writing = false;  // and it wakes when the socket has room
    bool told = false;         // woken since it last looked
    bool interrupted = false;  // a signal came: ask whether it ends the wait
    std::atomic<std::uint32_t> word{0};
};

std::shared_ptr<Driver> Driver::make(Options options) {
    auto driver = std::make_shared<Driver>(std::move(options));
    driver->background_ = &Background::instance();
    driver->number_ = driver->background_->add(driver, driver->connection_.poll_fd());
    const Inside inside(*driver);
    if (driver->choices_) {
        driver->connection_.inner().chooser = [job = driver->choices_](const Action& action) {
            job->ask(action);
        };
    }
    if (driver->choices_ || driver->listener_.wants_events()) {
        if (auto error = driver->callbacks_.prepare()) throw_error(*error);
    }
    driver->session().inner().listener = &driver->listener_;
    driver->connection_.act(driver->clock());
    driver->arm_background();
    return driver;
}

Driver::Driver(Options options)
    : callbacks_(*this, executor_of(options)),
      listener_(callbacks_, std::exchange(options.on_event, {})),
      choices_(choices_of(options, callbacks_)),
      connection_(std::move(options), monotonic_now()) {
    session_ = &connection_.session();
}

Driver::~Driver() {
    session().inner().listener = nullptr;
    if (number_) background_->remove(number_, connection_.poll_fd());
    connection_.flush(clock());
}

Time Driver::clock() const {
    return monotonic_now();
}

/// The threads that waited exist in the parent only, and soon their stacks are used anew.
void Driver::after_fork_in_child() noexcept {
    while (Present* present = present_.pop_front()) present->parked->unlink();
    lead_ = Lead::none;
    leader_ = nullptr;
    followers_ = 0;
    mutex_.unlock();
}

/// Close our copy of the connection. Whoever uses it is told ForkError.
void Driver::leave_to_parent() {
    connection_.act(clock());
}

void Driver::leave() noexcept {
    // The words are set under the lock and the sleepers woken without it, so that they find it
    // free. A sleeper may be gone by then: waking an address nobody sleeps on does nothing.
    constexpr std::size_t most = 32;
    std::atomic<std::uint32_t>* words[most];
    if (!room_.empty()) tell_room();
    std::size_t n = 0;
    while (Waiter* waiter = woken_.pop_front()) {
        auto& parked = static_cast<Parked&>(*waiter);
        parked.word.store(1, std::memory_order_release);
        if (n < most) {
            words[n++] = &parked.word;
        } else {
            futex_wake(parked.word);
        }
    }
    std::atomic<std::uint32_t>* const callback_thread = callbacks_.word_to_wake();
    // What is handed over may let the last handle of this client go.
    const auto kept = callbacks_.to_hand_over() ? weak_from_this().lock() : nullptr;
    mutex_.unlock();
    for (std::size_t i = 0; i < n; ++i) futex_wake(*words[i]);
    if (callback_thread) futex_wake(*callback_thread);
    if (kept) callbacks_.hand_over();
}

// --- writing: whoever has a reason, under the lock ----------------------------------------------

bool Driver::published() {
    return send_now(tick_time);
}

bool Driver::started() {
    schedule(connection_.next_timeout());
    return send_now(burst_time);
}

/// Whether to send at once: a lot waits, or the last write is at least `quiet` ago. Otherwise a
/// tick is asked for, once, and whoever waits before it sends earlier.
bool Driver::send_now(Duration quiet) {
    const std::size_t waiting = session().size_to_send();
    if (waiting == 0) return false;
    if (waiting >= session().options().write_high_water) return true;
    if (!background_->running()) {
        schedule(clock());  // brings it back, if it may be
        return true;
    }
    if (quiet == tick_time && scheduled_ <= last_write_ + tick_time) return false;
    if (clock() - last_write_ >= quiet) return true;
    schedule(last_write_ + tick_time);
    return false;
}

void Driver::push() {
    const Time now = clock();
    if (session().size_to_send() != 0) last_write_ = now;
    const bool sent = connection_.flush(now);
    session().run_ready();
    if (!sent || !session().is_connected()) attend();
}

/// A write did not finish, or ended the connection: see to it that somebody waits for what follows.
void Driver::attend() {
    if (lead_ == Lead::none) {
        arm_background();
    } else if (lead_ == Lead::background) {
        schedule(connection_.next_timeout());
    } else if (leader_ && leader_->polling && connection_.blocked() && !leader_->for_writing) {
        leader_->descriptor.wake();  // it went to sleep before the socket was full
    }
}

bool Driver::wait_for_room(std::size_t size) {
    if (Callbacks::on_driver()) return false;
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

/// Wake who waits for room when there may be some. Called before the lock is given up, because
/// whoever reads may send too.
void Driver::tell_room() noexcept {
    if (session().is_connected() && session().pending_size() >= too_full_) {
        return;
    }
    too_full_ = 0;
    List<Waiter> waiting;
    room_.move_to(waiting);
    while (Waiter* waiter = waiting.pop_front()) waiter->wake();
}

// --- waiting ------------------------------------------------------------------------------------

std::optional<Error> Driver::wait(OperationState& operation) {
    if (operation.done()) return {};
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
        if (lead_ == Lead::none) arm_background();
        return false;
    }
    // Takes over from the background thread without waking it.
    if (lead_ == Lead::background) {
        background_->watch(number_, connection_.poll_fd(), false);
    }
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
    left_at_ = clock();
    lead_ = Lead::none;
    leader_ = nullptr;
    if (followers_ > 0 || callbacks_.awaited() > 0 || connection_.blocked()) {
        arm_background();
    } else {
        schedule(after(left_at_, linger_time));
    }
}

void Driver::arm_background() {
    lead_ = Lead::background;
    background_->watch(number_, connection_.poll_fd(), true);
    schedule(connection_.next_timeout());
}

void Driver::listen() noexcept {
    if (lead_ == Lead::none) arm_background();
}

void Driver::enter_again_soon() noexcept {
    schedule(clock() + tick_time);
}

void Driver::schedule(Time due) noexcept {
    if (due >= scheduled_ && background_->running()) return;
    scheduled_ = due;
    background_->schedule(number_, due);
}

void Driver::tick(bool readable) {
    if (!try_enter()) {
        if (!readable) {
            // Somebody is at work: waiting for the lock would make both of us sleep.
            background_->schedule(number_, clock() + tick_time);
            return;
        }
        enter();
    }
    const Time now = clock();
    if (!readable) scheduled_ = never;
    if (lead_ == Lead::none && (now >= after(left_at_, linger_time) || connection_.blocked())) {
        arm_background();
    }
    // One bounded turn: what is left keeps the descriptor readable, and we are called again.
    if (lead_ == Lead::background) connection_.drive(now);
    if (lead_ == Lead::caller) connection_.handle_timeout(now);
    const Time quiet_at = last_write_ + tick_time;
    if (now >= quiet_at) {
        push();
    } else if (session().size_to_send() != 0) {
        schedule(quiet_at);  // somebody writes anyway: do not get in the way
    }
    schedule(connection_.next_timeout());
    if (lead_ == Lead::none) schedule(after(left_at_, linger_time));
    leave();
}

}  // namespace v0
}  // namespace anynats
