// The loop of the background thread and its timer; see background.hpp.
// The instance and its thread live until the process ends and are never joined: they own nothing
// that must be written back, and joining at exit could hang.
#include "drive/background.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <thread>

#include "drive/driver.hpp"
#include "net/sys.hpp"

namespace anynats {
inline namespace v0 {

namespace {

constexpr std::uint64_t timer_number = 0;  // in epoll_event.data; drivers count from 1
constexpr int max_events = 64;             // for one turn

}  // namespace

Background& Background::instance() {
    static Background* const instance = new Background;  // leaked on purpose, see above
    return *instance;
}

Background::Background()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = timer_number;
    if (epoll_ < 0 || timer_ < 0 || ::epoll_ctl(epoll_, EPOLL_CTL_ADD, timer_, &event) != 0) {
        throw std::system_error(errno, std::generic_category(), "background thread");
    }
}

void Background::start() {
    if (started_) return;
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);  // the thread inherits: it takes no signal
    try {
        std::thread([this] { run(); }).detach();
        started_ = true;
    } catch (...) {
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
        throw;
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

std::uint64_t Background::add(const std::shared_ptr<Driver>& driver, int fd) {
    const std::lock_guard<std::mutex> lock(mutex_);
    start();
    const std::uint64_t number = next_number_++;
    epoll_event event{};
    event.data.u64 = number;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
        throw std::system_error(errno, std::generic_category(), "background thread");
    }
    Entry& entry = entries_[number];
    entry.driver = driver;
    entry.due_list = &due_;
    return number;
}

void Background::remove(std::uint64_t number, int fd) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
    entries_.erase(number);
}

void Background::watch(std::uint64_t number, int fd, bool yes) noexcept {
    epoll_event event{};
    event.events = yes ? static_cast<std::uint32_t>(EPOLLIN) : 0u;
    event.data.u64 = number;
    ::epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event);
}

void Background::schedule(std::uint64_t number, Time due) noexcept {
    if (due == never) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = entries_.find(number);
    if (found == entries_.end()) return;
    Entry& entry = found->second;
    if (entry.armed() && entry.due() <= due) return;
    timers_.arm(entry, due);
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
    ::timerfd_settime(timer_, TFD_TIMER_ABSTIME, &spec, nullptr);
}

void Background::run() {
    epoll_event events[max_events];
    for (;;) {
        const int n = ::epoll_wait(epoll_, events, max_events, -1);
        for (int i = 0; i < n; ++i) {
            const std::uint64_t number = events[i].data.u64;
            // Should this be the last reference, the driver ends here: that runs no user code.
            if (number != timer_number) {
                if (const std::shared_ptr<Driver> driver = find(number)) driver->tick(true);
                continue;
            }
            std::uint64_t times;
            [[maybe_unused]] const ssize_t got = ::read(timer_, &times, sizeof times);
            {
                const std::lock_guard<std::mutex> lock(mutex_);
                timers_.expire(monotonic_now());
                set_timer(timers_.next());
            }
            while (const std::shared_ptr<Driver> driver = next_due()) driver->tick(false);
        }
    }
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
