// Ending in order: a subscription that drains gets everything that the server had sent for it, and
// nothing after. UNSUB and a PING go out together; what was on the way comes before the PONG, which
// is the fence. It needs nobody who waits for it, so dropping a drain() leaves nothing half done.
// I23, B42, B53-B58.
#include "core/session_state.hpp"
#include "core/writer.hpp"

namespace anynats {
inline namespace v0 {

void Session::State::drain(const std::vector<std::shared_ptr<SubscriptionState>>& subs) {
    if (subs.empty()) return;
    if (!up()) {  // there is no way for anything to come
        for (const auto& sub : subs) {
            subscriptions.end(*sub, {});
            subscriptions.remove(sub->sid);
        }
        return;
    }
    link->draining.reserve(subs.size());
    link->pongs.reserve(1);
    // The next PING's: should there be no memory for ours, the keep-alive is the fence.
    const std::uint64_t pong = link->first_pong + link->pongs.size();
    for (const auto& sub : subs) {
        encode_unsubscribe(outbound.pending(), sub->sid, 0);
        sub->draining = true;
        link->draining.push({pong, sub});
    }
    encode_ping(outbound.pending());
    link->pongs.push(nullptr);
}

/// Begin to drain every subscription of the user; returns all whose messages are to be worked off,
/// those of an earlier call included.
std::vector<std::shared_ptr<SubscriptionState>> Session::State::drain_all() {
    std::vector<std::shared_ptr<SubscriptionState>> fresh;
    for (SubscriptionState* sub : subscriptions.in_order()) {
        if (sub->inbox) continue;  // replies are needed to the end (B53)
        if (!sub->last_work) to_work_off.push_back(subscriptions.share(*sub));
        sub->last_work = true;
        // Replies to a request of somebody at work have an end of their own.
        if (!sub->draining && !sub->gathering) fresh.push_back(subscriptions.share(*sub));
    }
    drain(fresh);
    if (!draining) trace(TraceRecord::Kind::state, to_string(ConnectionState::draining));
    draining = true;
    return to_work_off;
}

/// End those whose fence has come; or all, because the connection is over.
void Session::State::end_drained(bool all) noexcept {
    while (!link->draining.empty() && (all || link->draining.front().pong < link->first_pong)) {
        const std::shared_ptr<SubscriptionState> sub = link->draining.pop().sub;
        subscriptions.end(*sub, {});
        subscriptions.remove(sub->sid);
    }
}

void Session::drain(SubscriptionState& sub) {
    if (!sub.ended && !sub.draining) state_->drain({state_->subscriptions.share(sub)});
    run_ready();
}

void Session::drain() {
    if (state_->state != ConnectionState::closed) state_->drain_all();
    run_ready();
}

}  // namespace v0
}  // namespace anynats
