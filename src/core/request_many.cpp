// See request_many.hpp. What ends the replies: the time for all of them, the pause after the last
// one, their number (an auto-unsubscribe), an empty one, or that nobody listens.
#include "core/request_many.hpp"

#include <algorithm>
#include <new>

#include "core/session_state.hpp"
#include "core/writer.hpp"

namespace anynats {
inline namespace v0 {

void Gathering::expired() noexcept {
    session.stop_gathering(sub, {});
}

/// Look at a reply before it is held; false when it is the end and no message.
bool Session::State::gather(SubscriptionState& sub, const Message& message) {
    Gathering& replies_of = *sub.gathering;
    if (sub.received == 0 && message.status() == 503 && message.payload().empty()) {
        stop_gathering(sub, Error(ErrorCode::no_responders,
                                  "request_many (" + server_shown() + "): nobody is subscribed"));
        return false;
    }
    if (replies_of.sentinel && message.payload().empty()) {
        stop_gathering(sub, {});
        return false;
    }
    if (replies_of.stall) {
        timers.arm(replies_of, std::min(replies_of.deadline, after(now, *replies_of.stall)));
    }
    return true;
}

void Session::State::stop_gathering(SubscriptionState& sub, std::optional<Error> why) noexcept {
    if (sub.ended) return;
    const std::shared_ptr<SubscriptionState> keep = subscriptions.share(sub);
    try {
        if (up()) encode_unsubscribe(outbound.pending(), sub.sid, 0);
    } catch (const std::bad_alloc&) {  // what still comes is for nobody, which is counted
    }
    subscriptions.end(sub, std::move(why));
    subscriptions.remove(sub.sid);
}

/// The connection is lost: the replies may have been on it. Those of requests that wait for the
/// next connection anyway are waited for.
void Session::State::disconnect_gatherings(bool moves, const Error& error) noexcept {
    List<Gathering> waiting;
    gatherings.move_to(waiting);
    while (Gathering* one = waiting.pop_front()) {
        if (moves && one->of_next_link) {
            one->of_next_link = false;
            gatherings.push_back(*one);
        } else {
            stop_gathering(one->sub, error);
        }
    }
}

/// The server refuses what is published on `subject`, or with that reply: no reply can come.
void Session::State::forbid_gatherings(std::string_view subject, const Error& error) noexcept {
    gatherings.for_each([&](Gathering& one) {
        if (one.subject == subject || one.sub.subject == subject) stop_gathering(one.sub, error);
    });
}

/// The replies to a request that was dropped instead of sent (drop_unwelcome).
void Session::State::stop_refused_gatherings(const Error& error) noexcept {
    gatherings.for_each([&](Gathering& one) {
        if (one.refused) stop_gathering(one.sub, error);
    });
}

Result<std::shared_ptr<SubscriptionState>> Session::request_many(std::string_view subject,
                                                                 std::string_view payload,
                                                                 const RequestManyOptions& options,
                                                                 std::string_view header_block) {
    State& s = *state_;
    const std::string inbox = new_inbox();
    const std::shared_ptr<SubscriptionState> sub = s.subscriptions.add(inbox, {});
    sub->max_messages = s.options.sub_pending_messages;
    sub->max_bytes = s.options.sub_pending_bytes;
    sub->policy = s.options.slow_consumer;
    sub->limit = options.max_messages;
    try {
        sub->gathering = std::make_unique<Gathering>(s, *sub, subject);
        Gathering& gathering = *sub->gathering;
        gathering.deadline = after(s.now, options.timeout.value_or(s.options.request_timeout));
        gathering.stall = options.stall;
        gathering.sentinel = options.sentinel;
        gathering.of_next_link = s.link->move_by != never;
        s.gatherings.push_back(gathering);
        s.timers.arm(gathering, gathering.deadline);
        if (s.up()) s.send_subscribe(s.outbound.pending(), *sub);
        std::optional<Error> refusal = publish(subject, payload, inbox, header_block);
        if (!refusal) return sub;
        s.stop_gathering(*sub, {});
        return std::move(*refusal);
    } catch (...) {
        s.subscriptions.remove(sub->sid);
        throw;
    }
}

}  // namespace v0
}  // namespace anynats
