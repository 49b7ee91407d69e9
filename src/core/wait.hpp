// What a coroutine or a driver can wait for, and how it learns that the wait is over.
// Everything here belongs to one session and is touched under its lock only. The list of things
// that can be waited for is closed: reply, next message, flushed, connected, until(deadline).
#pragma once

#include <optional>

#include <anynats/error.hpp>
#include "core/list.hpp"
#include "core/timers.hpp"

namespace anynats {
inline namespace v0 {

/// Somebody who is told that it is worth looking again. wake() must be short and must not throw:
/// it runs under the session's lock, in the thread that happens to drive.
class Waiter : public ListHook {
public:
    virtual ~Waiter() = default;
    virtual void wake() noexcept = 0;
};

class WaitQueue {
public:
    void join(Waiter& waiter) noexcept { waiters_.push_back(waiter); }
    bool empty() const noexcept { return waiters_.empty(); }
    bool wake_one() noexcept {
        Waiter* first = waiters_.pop_front();
        if (!first) return false;
        first->wake();
        return true;
    }
    void wake_all() noexcept {
        while (wake_one()) {
        }
    }

private:
    List<Waiter> waiters_;
};

/// Something that the session's ready queue resumes at the end of a turn.
class Runnable : public ListHook {
public:
    virtual ~Runnable() = default;
    virtual void run() = 0;
};

using ReadyQueue = List<Runnable>;

/// An operation that has been started and is not done, for Session::dump().
struct LiveOperation : ListHook {
    const char* name = "";
    Time since;
};

/// One wait of a coroutine: ended once, by the news, an error or its deadline; then made ready.
class Wait : public Waiter, public Timer {
public:
    /// Name the coroutine to resume; until then the wait may end, but resumes nobody.
    void attach(ReadyQueue& ready, Runnable& owner) noexcept {
        ready_ = &ready;
        owner_ = &owner;
    }
    void wake() noexcept final { finish(); }
    void expired() noexcept final {
        timed_out_ = true;
        finish();
    }
    void fail(Error error) noexcept {
        if (!error_) error_.emplace(std::move(error));
        finish();
    }
    bool finished() const noexcept { return finished_; }
    bool timed_out() const noexcept { return timed_out_; }
    const std::optional<Error>& error() const noexcept { return error_; }

private:
    void finish() noexcept {
        finished_ = true;
        ListHook::unlink();
        disarm();
        if (owner_) ready_->push_back(*owner_);
    }
    ReadyQueue* ready_ = nullptr;
    Runnable* owner_ = nullptr;
    std::optional<Error> error_;
    bool finished_ = false, timed_out_ = false;
};

}  // namespace v0
}  // namespace anynats
