// The life of a driver, writing without waking anybody, and the background thread's turns. How
// threads wait and who of them reads is in driver_waits.cpp.
#include "drive/driver.hpp"

#include <algorithm>

#include "core/session_state.hpp"
#include "drive/background.hpp"
#include "drive/parked.hpp"
#include "net/connection_state.hpp"
#include "net/sys.hpp"

namespace anynats {
inline namespace v0 {

namespace {

constexpr Duration tick_time = std::chrono::microseconds(500);
// Requests that are started closer together share a write. Less than any round trip, so that a
// thread that waits for each of its requests never asks for a tick.
constexpr Duration burst_time = std::chrono::microseconds(10);

Executor executor_of(Options& options) {
    if (!options.inline_callbacks) return std::exchange(options.executor, {});
    if (!options.executor) return Callbacks::inline_executor();
    throw_error(Error(ErrorCode::usage_error,
                      "option inline_callbacks: there is an executor too; it must be one of them"));
}

}  // namespace

std::shared_ptr<Driver> Driver::make(Options options) {
    auto driver = std::make_shared<Driver>(std::move(options));
    driver->background_ = &Background::instance();
    driver->number_ = driver->background_->add(driver, driver->connection_.poll_fd());
    const Inside inside(*driver);
    driver->user_code_.begin(driver->connection_);
    driver->connection_.act(driver->clock());
    driver->arm_background();
    return driver;
}

Driver::Driver(Options options)
    : user_code_(*this, options, executor_of(options)),
      connection_(std::move(options), monotonic_now()) {
    session_ = &connection_.session();
}

Driver::~Driver() {
    user_code_.end(connection_);
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
    seated_ = nullptr;
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
    if (lingers()) {
        arm_background();
    } else if (lead_ != Lead::caller) {
        schedule(connection_.next_timeout());
    } else if (leader_ && leader_->polling && connection_.blocked() && !leader_->for_writing) {
        leader_->descriptor.wake();  // it went to sleep before the socket was full
    }
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

void Driver::await_room(Waiter& waiter) {
    const std::size_t pending = session().pending_size();
    if (!session().is_connected() || pending == 0) return waiter.wake();
    too_full_ = std::max(too_full_, pending);
    room_.push_back(waiter);
}

// --- who reads when no caller does ---------------------------------------------------------------

void Driver::arm_background() {
    end_watch();
    lead_ = Lead::background;
    background_->watch(number_, connection_.poll_fd(), true);
    schedule(connection_.next_timeout());
}

void Driver::listen() noexcept {
    if (lingers()) arm_background();
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
    const Time since = unread_since();
    if (since != never && (now >= after(since, linger_time) || connection_.blocked())) {
        arm_background();
    }
    // One bounded turn: what is left keeps the descriptor readable, and we are called again.
    if (lead_ == Lead::background) connection_.drive(now);
    if (lead_ == Lead::caller || lead_ == Lead::loop) connection_.handle_timeout(now);
    const Time quiet_at = last_write_ + tick_time;
    if (now >= quiet_at) {
        push();
    } else if (session().size_to_send() != 0) {
        schedule(quiet_at);  // somebody writes anyway: do not get in the way
    }
    schedule(connection_.next_timeout());
    if (unread_since() != never) schedule(after(unread_since(), linger_time));
    leave();
}

}  // namespace v0
}  // namespace anynats
