// Many replies to one request (ADR-47): a subscription on an inbox of its own that ends by itself.
// Owns the times at which it does; the rest is request_many.cpp.
#pragma once

#include <anynats/session.hpp>
#include "core/list.hpp"
#include "core/timers.hpp"

namespace anynats {
inline namespace v0 {

/// When the replies are complete. The timer is the earlier of the two times: for all, for the next.
struct Gathering final : ListHook, Timer {
    Gathering(Session::State& session_, SubscriptionState& sub_) noexcept
        : session(session_), sub(sub_) {}
    void expired() noexcept override;

    Session::State& session;
    SubscriptionState& sub;  // owns it
    Time deadline = never;
    std::optional<Duration> stall;
    bool sentinel = false;
    bool of_next_link =
        false;  // begun while a lame duck is being left: sent on the next connection
};

}  // namespace v0
}  // namespace anynats
