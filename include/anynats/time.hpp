// Time as the library sees it: a monotonic instant that somebody else reads from a clock.
// There is no now() here on purpose: the core is told the time (style rule 1).
#pragma once

#include <chrono>

namespace anynats {
inline namespace v0 {

using Duration = std::chrono::nanoseconds;

/// A clock without now(): its origin is the driver's choice and must not change.
struct MonotonicClock {
    using duration = Duration;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<MonotonicClock>;
    static constexpr bool is_steady = true;
};

using Time = MonotonicClock::time_point;

inline constexpr Time never = Time::max();

/// `start + wait`, which never overflows (T31): the far future is `never`.
constexpr Time after(Time start, Duration wait) {
    return wait >= never - start ? never : start + wait;
}

}  // namespace v0
}  // namespace anynats
