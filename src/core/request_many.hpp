// Many replies to one request (ADR-47): a subscription on an inbox of its own that ends by itself.
// Owns the times at which it does; the rest is request_many.cpp.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <anynats/session.hpp>
#include "core/list.hpp"
#include "core/timers.hpp"

namespace anynats {
inline namespace v0 {

/// When the replies are complete. The timer is the earlier of the two times: for all, for the next.
struct Gathering final : ListHook, Timer {
    Gathering(Session::State& session_, SubscriptionState& sub_, std::string_view subject_)
        : session(session_), sub(sub_), subject(subject_) {}
    void expired() noexcept override;
    /// Nothing more is waited for.
    void stop() noexcept {
        ListHook::unlink();
        disarm();
    }

    Session::State& session;
    SubscriptionState& sub;  // owns it
    std::string subject;     // of the request
    Time deadline = never;
    std::optional<Duration> stall;
    bool sentinel = false;
    bool of_next_link = false;  // begun while a lame duck is being left: sent on the next one
    bool refused = false;       // the request was dropped before it could be sent
};

}  // namespace v0
}  // namespace anynats
