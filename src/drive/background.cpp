// The loop of the background thread and its timer; see background.hpp.
// The instance lives until the process ends, and its thread until then or the next fork: they own
// nothing that must be written back, and joining at exit could hang.
#include "drive/background.hpp"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "drive/driver.hpp"
#include "net/sys.hpp"

namespace anynats {
inline namespace v0 {

namespace {

constexpr std::uint64_t timer_number = 0;  // in epoll_event.data; drivers count from 1
constexpr int max_events = 64;             // for one turn

[[noreturn]] void refuse_background(const char* what, int problem) {
    throw_error(
        Error(ErrorCode::connection_error, std::string("connect: ") + what + errno_text(problem)));
}

}  // namespace

Background::Background(Background* parents)
    : epoll_(sys().epoll_create1(EPOLL_CLOEXEC)), parents_(parents) {
    if (epoll_) timer_ = Fd(sys().timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = timer_number;
    if (!epoll_ || !timer_ ||
        sys().epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, timer_.get(), &event) != 0) {
        refuse_background("no descriptor for the background thread: ", errno);
    }
}

std::uint64_t Background::add(const std::shared_ptr<Driver>& driver, int fd) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (const int problem = ensure_running()) refuse_background("no background thread: ", problem);
    timers_.reserve(entries_.size() + 1);
    const std::uint64_t number = next_number_++;
    Entry& entry = entries_[number];
    entry.driver = driver;
    entry.due_list = &due_;
    epoll_event event{};
    event.data.u64 = number;
    if (sys().epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
        const int problem = errno;
        entries_.erase(number);
        refuse_background("the background thread cannot watch it: ", problem);
    }
    return number;
}

void Background::remove(std::uint64_t number, int fd) noexcept {
    if (inherited()) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    // Before the descriptor is closed: a forked child's copy would keep it in the instance.
    sys().epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    entries_.erase(number);
}

void Background::watch(std::uint64_t number, int fd, bool yes) noexcept {
    if (inherited()) return;
    epoll_event event{};
    event.events = yes ? static_cast<std::uint32_t>(EPOLLIN) : 0u;
    event.data.u64 = number;
    sys().epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
    if (!yes || running_.load(std::memory_order_relaxed)) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    ensure_running();
}

void Background::schedule(std::uint64_t number, Time due) noexcept {
    if (due == never || inherited()) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = entries_.find(number);
    if (found == entries_.end()) return;
    ensure_running();
    Entry& entry = found->second;
    if (entry.armed() && entry.due() <= due) return;
    timers_.arm(entry, due);  // add() made room for it
    if (due < timer_set_) set_timer(due);
}

void Background::set_timer(Time due) noexcept {
    timer_set_ = due;
    itimerspec spec{};
    if (due != never) {
        // A time that has passed would disarm the timer if it were 0.
        const std::int64_t at = std::max<std::int64_t>(due.time_since_epoch().count(), 1);
        spec.it_value.tv_sec = at / 1'000'000'000;
        spec.it_value.tv_nsec = at % 1'000'000'000;
    }
    ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
}

void Background::run() {
    epoll_event events[max_events];
    for (;;) {
        const int n = sys().epoll_wait(epoll_.get(), events, max_events, -1);
        for (int i = 0; i < n; ++i) {
            const std::uint64_t number = events[i].data.u64;
            // Should this be the last reference, the driver ends here: that runs no user code.
            if (number != timer_number) {
                if (const std::shared_ptr<Driver> driver = find(number)) driver->tick(true);
                continue;
            }
            std::uint64_t times;
            [[maybe_unused]] const ssize_t got = ::read(timer_.get(), &times, sizeof times);
            if (!begin_tick()) return;
            while (const std::shared_ptr<Driver> driver = next_due()) driver->tick(false);
        }
    }
}

bool Background::begin_tick() noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_) return false;
    timers_.expire(monotonic_now());
    set_timer(timers_.next());
    return true;
}

std::shared_ptr<Driver> Background::find(std::uint64_t number) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = entries_.find(number);
    return found == entries_.end() ? nullptr : found->second.driver.lock();
}

std::shared_ptr<Driver> Background::next_due() {
    const std::lock_guard<std::mutex> lock(mutex_);
    while (Entry* entry = due_.pop_front()) {
        if (std::shared_ptr<Driver> driver = entry->driver.lock()) return driver;
    }
    return nullptr;
}

}  // namespace v0
}  // namespace anynats
