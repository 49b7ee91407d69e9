// The background thread's beginning and end, and what happens around a fork. Before it the thread
// is joined, so that the program does not fork with a thread of ours, and every driver is locked,
// so that the child finds whole sessions and free locks. The parent goes on where it was; the child
// forgets the threads that it does not have, and makes a Background of its own when it needs one.
#include <pthread.h>

#include <new>

#include "drive/background.hpp"
#include "drive/driver.hpp"
#include "net/sys.hpp"

namespace anynats {
inline namespace v0 {

namespace {

constinit std::atomic<Background*> current{nullptr};  // this process's
constinit std::atomic<Background*> parents{nullptr};  // in a child that has made none yet
constinit std::atomic<int> pauses{0};
constinit std::mutex forking;  // one fork at a time

}  // namespace

Background* Background::existing() noexcept {
    return current.load(std::memory_order_acquire);
}

Background& Background::instance() {
    Background* have = existing();
    if (have) return *have;
    static const int registered = [] {
        fork_count();  // its handler comes first in the child: ours may end drivers there
        return ::pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
    }();
    static_cast<void>(registered);
    std::unique_ptr<Background> fresh(new Background(parents.load()));
    if (current.compare_exchange_strong(have, fresh.get())) return *fresh.release();
    return *have;
}

// --- the thread ---------------------------------------------------------------------------------

/// With the lock. Start the thread unless it runs or must not; returns 0 or an errno. Tried again
/// by whoever needs it next.
int Background::ensure_running() noexcept {
    if (running_.load(std::memory_order_relaxed) || pauses.load() != 0) return 0;
    const int problem =
        thread_.start([](void* self) { static_cast<Background*>(self)->run(); }, this);
    if (problem) return problem;
    running_.store(true);
    set_timer(timers_.next());
    return 0;
}

void Background::stop() noexcept {
    const std::lock_guard<std::mutex> only_one(joining_);
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (!running_.load()) return;
        stopping_ = true;
        set_timer(Time::min());  // wakes it, and nobody sets a later time
    }
    // Without the lock, which the thread may need to end its turn.
    thread_.join();
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = false;
    running_.store(false);
}

void Background::pause() noexcept {
    pauses.fetch_add(1);
    if (Background* const mine = existing()) mine->stop();
}

void Background::resume() noexcept {
    if (pauses.fetch_sub(1) != 1) return;
    Background* const mine = existing();
    if (!mine) return;
    const std::lock_guard<std::mutex> lock(mine->mutex_);
    if (!mine->entries_.empty()) mine->ensure_running();
}

// --- the fork -----------------------------------------------------------------------------------

void Background::before_fork() noexcept {
    forking.lock();
    pause();
    if (Background* const mine = existing()) mine->hold_drivers();
}

/// Nobody waits with a driver's lock held, so each is free soon.
void Background::hold_drivers() noexcept {
    try {
        const std::lock_guard<std::mutex> lock(mutex_);
        held_.reserve(entries_.size());
        for (auto& [number, entry] : entries_) {
            if (auto driver = entry.driver.lock()) held_.push_back(std::move(driver));
        }
    } catch (const std::bad_alloc&) {  // the fork goes on; the child may find one in use
    }
    for (const auto& driver : held_) driver->before_fork();
}

void Background::after_fork_in_parent() noexcept {
    if (Background* const mine = existing()) {
        for (const auto& driver : mine->held_) driver->after_fork_in_parent();
        mine->held_.clear();
    }
    resume();
    forking.unlock();
}

void Background::after_fork_in_child() noexcept {
    Background* const mine = existing();
    if (mine) {
        current.store(nullptr);
        parents.store(mine);
        mine->epoll_.reset();  // our copies only
        mine->timer_.reset();
        for (const auto& driver : mine->held_) driver->after_fork_in_child();
        mine->held_.clear();
    }
    pauses.store(0);
    forking.unlock();
}

}  // namespace v0
}  // namespace anynats
