// The virtual clock: what is going to happen, in the order of its time, and of its making at one
// time. Nothing else decides the order of a simulation, so the same seed gives the same run.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <queue>
#include <vector>

#include <anynats/time.hpp>

namespace sim {

using anynats::Duration;
using anynats::Time;
using namespace std::chrono_literals;

class Clock {
public:
    Time now() const { return now_; }
    void after(Duration wait, std::function<void()> what) { at(now_ + wait, std::move(what)); }
    void at(Time when, std::function<void()> what) {
        queue_.push({when < now_ ? now_ : when, count_++, std::move(what)});
    }
    Time next() const { return queue_.empty() ? anynats::never : queue_.top().when; }
    /// Let the time be `when`, which is not after next().
    void advance(Time when) { now_ = when; }
    /// Do the next thing.
    void run() {
        std::function<void()> what = std::move(const_cast<Entry&>(queue_.top()).what);
        queue_.pop();
        what();
    }

private:
    struct Entry {
        Time when;
        std::uint64_t number;
        std::function<void()> what;
        bool operator<(const Entry& other) const {  // the largest is on top
            return when != other.when ? when > other.when : number > other.number;
        }
    };
    Time now_ = Time() + 1'000s;
    std::uint64_t count_ = 0;
    std::priority_queue<Entry> queue_;
};

}  // namespace sim
