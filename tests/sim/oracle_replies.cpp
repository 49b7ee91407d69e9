// What the oracle knows of the replies to a request_many (ADR-47): each way in which they are
// complete, and each way they fail. Everything else about them is as for any subscription.
#include <algorithm>

#include "oracle.hpp"

namespace sim {

void Oracle::asked(const Before& before, Accepted what,
                   const anynats::Result<std::shared_ptr<SubscriptionState>>& sub,
                   KnownReplies replies) {
    if (!sub.ok()) {
        // The SUB and the UNSUB of its inbox may wait to be sent.
        published({before.out_messages, session_.pending_size()}, std::move(what), sub.error());
        return;
    }
    replies.asked = what.content->subject;
    replies.begun = clock_.now();
    replies.due = replies.deadline;
    published(before, std::move(what), {});
    KnownSub& known = subscribed(*sub, {});
    known.limit = (*sub)->limit;
    if (known.limit) known.limits.insert(known.limit);
    known.replies = std::move(replies);
}

/// They are complete, `because`; or failed, and `why` is told.
void Oracle::end_replies(KnownSub& sub, std::string_view because, std::optional<ErrorCode> why) {
    if (sub.ended) return;
    coverage_.count("replies end", because);
    sub.replies->why = why;
    end(sub);
}

/// False when it says that there is nothing more, and is no message.
bool Oracle::hear_one_of_many(KnownSub& sub, const ContentRef& content) {
    KnownReplies& replies = *sub.replies;
    const bool empty = content->payload.empty();
    if (sub.received == 0 && empty && content->headers.starts_with("NATS/1.0 503")) {
        end_replies(sub, "nobody there", ErrorCode::no_responders);
        return false;
    }
    if (replies.sentinel && empty) {
        end_replies(sub, "empty one");
        return false;
    }
    if (replies.stall) {
        replies.due = std::min(replies.deadline, anynats::after(clock_.now(), *replies.stall));
    }
    return true;
}

/// When exactly their time is over is the timer's to say; too early is another ending.
void Oracle::learn_of_complete_replies() {
    for (auto& [sid, sub] : subs) {
        if (!sub.replies || sub.ended || !sub.state->ended || sub.state->end) continue;
        const KnownReplies& replies = *sub.replies;
        if (clock_.now() < replies.due) continue;
        end_replies(sub, replies.due < replies.deadline ? "pause" : "time");
    }
}

/// The connection is lost, and the replies may have been on it. Those asked for after the decision
/// to leave a lame duck may wait for the next server.
void Oracle::lose_replies() {
    if (!options_.fail_requests_on_disconnect) return;
    if (session_.state() == anynats::ConnectionState::closed) return;
    for (auto& [sid, sub] : subs) {
        if (!sub.replies || sub.ended) continue;
        const bool waits = lame_ && sub.replies->begun >= lame_since_ && !sub.state->ended;
        if (waits) continue;
        const bool told = sub.state->end.has_value();
        require(Invariant::I14, told, "replies outlive their connection", sid);
        if (told) end_replies(sub, "disconnect", sub.state->end->code());
    }
}

void Oracle::judge_replies(const KnownSub& sub) {
    const KnownReplies& replies = *sub.replies;
    if (!sub.ended) {
        require(Invariant::I17, clock_.now() <= anynats::after(replies.due, lateness),
                "replies are waited for beyond their time", sub.sid);
        return;
    }
    std::optional<ErrorCode> why;
    if (sub.state->end) why = sub.state->end->code();
    require(Invariant::I14, why == replies.why, "replies end for another reason", sub.sid);
}

std::size_t Oracle::count_replies() const {
    return static_cast<std::size_t>(std::count_if(subs.begin(), subs.end(), [](const auto& entry) {
        return entry.second.replies && !entry.second.ended;
    }));
}

}  // namespace sim
