// Deadlines in a binary heap, cancelled in O(log n) by the position each timer remembers.
// Knows no clock: the time is an argument. A timer that dies leaves the heap by itself.
#pragma once

#include <cstddef>
#include <vector>

#include <anynats/time.hpp>

namespace anynats {
inline namespace v0 {

class Timers;

class Timer {
public:
    Timer() = default;
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    virtual ~Timer();

    /// The deadline passed; the timer has left the heap. Must not throw.
    virtual void expired() noexcept = 0;

    Time due() const noexcept { return due_; }
    bool armed() const noexcept { return heap_ != nullptr; }
    void disarm() noexcept;

private:
    friend class Timers;
    Timers* heap_ = nullptr;
    std::size_t position_ = 0;
    Time due_ = never;
};

class Timers {
public:
    ~Timers();
    /// Arm `timer`; `never` leaves it disarmed. May throw std::bad_alloc and then changes nothing.
    void arm(Timer& timer, Time due);
    void disarm(Timer& timer) noexcept;
    /// Room for `count` armed timers, so that arming cannot fail.
    void reserve(std::size_t count);
    Time next() const noexcept { return heap_.empty() ? never : heap_.front()->due_; }
    /// Expire everything that is due at `now`.
    void expire(Time now) noexcept;
    std::size_t size() const noexcept { return heap_.size(); }
    /// The heap is in order and every position is right (requirement Q4).
    bool check() const noexcept;

private:
    void place(std::size_t at, Timer* timer) noexcept;
    void sift_up(std::size_t at) noexcept;
    void sift_down(std::size_t at) noexcept;
    std::vector<Timer*> heap_;
};

}  // namespace v0
}  // namespace anynats
