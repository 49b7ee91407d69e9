// The invariants, judged: I01 to I27 of reliability.md 4.1 with their sentences in verdict.hpp.
// What can be judged only when it happens is a function of its own; the rest is judged after each
// step. I01, I03 and I04, and the changes of state (I21), are judged where they come in.
#include <algorithm>

#include "oracle.hpp"
#include "server.hpp"

namespace sim {

void Oracle::step() {
    if (const char* wrong = session_.check()) require(Invariant::Q4, false, wrong);
    verdict_.require(Invariant::Q4, true, {});
    judge_publishes();
    judge_connection();
    judge_operations();
    judge_subscriptions();
    judge_memory();
    judge_counters();
    judge_quiet();
}

// --- I02, I05, I06, I11: publishes --------------------------------------------------------------

/// The publish `id` was written, with others `together`; it ought to be the first that waits.
void Oracle::judge_order(std::uint64_t id, const std::vector<std::uint64_t>& together) {
    const std::uint64_t next = accepted_.empty() ? 0 : accepted_.front().id;
    require(Invariant::I05, next != 0 && id >= next, "written a second time", id, next);
    if (id <= next) return;
    // The missing one comes later, or not at all.
    const bool later = std::count(together.begin(), together.end(), next) > 0;
    require(Invariant::I02, !later, "publishes changed their order", id, next);
    require(Invariant::I06, later, "a publish was never written", next, id);
}

void Oracle::judge_publish(const ClientFrame& frame, const Accepted& wanted) {
    const Content& content = *wanted.content;
    const std::string reply = frame.reply();
    const bool reply_good =
        wanted.request ? reply.starts_with(options_.inbox_prefix + '.') : reply == content.reply;
    require(Invariant::I11,
            frame.subject() == content.subject && reply_good && frame.headers == content.headers &&
                frame.payload == content.payload,
            "a publish was altered", wanted.id);
    const bool one_of_many = std::any_of(subs.begin(), subs.end(), [&](const auto& entry) {
        return entry.second.replies && !entry.second.ended && entry.second.subject == reply;
    });
    const bool waited_for =
        std::any_of(operations.begin(), operations.end(), [&](const KnownOperation& operation) {
            return operation.subject == content.subject && !operation.forbidden;
        });
    if (!one_of_many && (!wanted.request || !waited_for)) return;
    const bool heard = std::any_of(
        announced_.subs.begin(), announced_.subs.end(),
        [&](const auto& entry) { return script::matches(entry.second.subject, reply); });
    require(Invariant::I02, heard, "a request is sent before the SUB of its reply", wanted.id);
}

void Oracle::judge_publishes() {
    const std::size_t waiting = inner_.outbound.count_publishes();
    const std::size_t begun = wire_ && wire_->tap.partial() ? 1 : 0;
    const std::size_t left = accepted_.size();
    require(Invariant::I06, left >= waiting && left - waiting <= begun,
            "publishes that are accepted and not written do not wait", left, waiting);
    require(Invariant::I06, session_.counters().lost_publishes == lost_total_,
            "lost publishes are not reported, or too many", session_.counters().lost_publishes,
            lost_total_);
}

// --- I10, I11, I12, I13: subscriptions ----------------------------------------------------------

void Oracle::judge_message(const Message& message, const ContentRef& wanted) {
    require(Invariant::I10, message.subject() == wanted->subject && message.sid() != 0,
            "another message than the one that came: " + std::string(message.subject()));
    require(Invariant::I11,
            message.reply() == wanted->reply && message.raw_headers() == wanted->headers &&
                message.payload() == wanted->payload,
            "a message was altered: " + wanted->subject);
}

void Oracle::judge_unsubscribe(const KnownSub& sub, const ClientFrame& frame) {
    const std::uint64_t max = frame.max();
    if (max == 0) {
        require(Invariant::I12, sub.ended || sub.draining, "a live subscription is unsubscribed",
                sub.sid);
        return;
    }
    require(Invariant::I12, sub.limits.count(max + sub.before_link),
            "UNSUB with a wrong number, after what had come before", max, sub.before_link);
}

void Oracle::judge_subscriptions() {
    for (const auto& [sid, sub] : subs) {
        const SubscriptionState& state = *sub.state;
        const Invariant about = sub.ended ? Invariant::I13 : Invariant::I10;
        require(about, state.held.size() == sub.held.size() && state.held_bytes == sub.held_bytes,
                "a subscription holds another number of messages", state.held.size(),
                sub.held.size());
        require(Invariant::I10, state.received == sub.received && state.dropped == sub.dropped,
                "a subscription counts otherwise", state.received, sub.received);
        if (sub.replies) judge_replies(sub);
        const Invariant why = sub.draining  ? Invariant::I23
                              : sub.replies ? Invariant::I14
                              : sub.limit   ? Invariant::I12
                                            : Invariant::I13;
        require(why, state.ended == sub.ended, "a subscription ended, or did not", sid);
        if (sub.limit) {
            require(Invariant::I12, sub.received <= std::max(sub.limit, *sub.limits.rbegin()),
                    "more messages than the limit", sub.received, sub.limit);
        }
        if (!sub.wait || sub.wait->woken) continue;
        require(sub.ended ? Invariant::I12 : Invariant::I10, !sub.ended && sub.held.empty(),
                "whoever waits for a message is not woken", sid);
    }
}

// --- I14, I15, I17: operations ------------------------------------------------------------------

/// A drain of everything waits for two timers, one after the other.
Duration Oracle::lateness_of(const KnownOperation& operation) const {
    return operation.kind == KnownOperation::Kind::drain_all ? 2 * lateness : lateness;
}

void Oracle::judge_operations() {
    learn_of_late_drains();
    for (std::size_t i = 0; i < operations.size();) {
        const KnownOperation& operation = operations[i];
        if (operation.state->done()) {
            judge_ending(operation);
            operations.erase(operations.begin() + static_cast<std::ptrdiff_t>(i));
            continue;
        }
        const Duration allowed = lateness_of(operation);
        require(Invariant::I17, clock_.now() <= anynats::after(operation.deadline, allowed),
                "an operation outlives its deadline", static_cast<std::uint64_t>(operation.kind));
        const bool request = operation.kind == KnownOperation::Kind::request;
        require(Invariant::I14, !request || !(operation.answer || operation.forbidden),
                "a request waits though its answer came: " + operation.subject);
        const bool must_fail = request && options_.fail_requests_on_disconnect;
        require(Invariant::I14,
                !must_fail || losses_ <= std::max(operation.losses, operation.excused),
                "a request outlives its connection: " + operation.subject);
        require(Invariant::I14, !closed_, "an operation outlives close");
        ++i;
    }
}

void Oracle::judge_ending(const KnownOperation& operation) {
    const bool request = operation.kind == KnownOperation::Kind::request;
    const Error* error = nullptr;
    if (request && !operation.reply->result->ok()) error = &operation.reply->result->error();
    if (!request && !operation.done->result->ok()) error = &operation.done->result->error();
    const bool late = error && error->code() == ErrorCode::timeout_error;
    require(Invariant::I17, !late || clock_.now() >= operation.earliest,
            "an operation timed out too early");
    require(Invariant::I17,
            clock_.now() <= anynats::after(operation.deadline, lateness_of(operation)),
            "an operation ended too late");
    const bool cancelled = error && error->code() == ErrorCode::cancelled;
    require(Invariant::I14, !cancelled || operation.cancelled, "cancelled by nobody");
    if (cancelled || late) {
        require(Invariant::I14, !operation.answer, "the answer had come: " + operation.subject);
        return;
    }
    if (request) judge_request(operation, error);
    judge_drain(operation, error);
    if (operation.kind != KnownOperation::Kind::flush) return;
    if (!error) return judge_flush(operation);
    require(Invariant::I15, closed_ || losses_ > operation.losses, "a flush failed for no reason");
}

void Oracle::judge_request(const KnownOperation& operation, const Error* error) {
    if (!error) {
        const Message& reply = operation.reply->result->value();
        require(Invariant::I14, operation.answer && reply.subject() == operation.answer->subject,
                "a request has the reply of another: " + operation.subject);
        if (!verdict_.broken()) judge_message(reply, operation.answer);
        return;
    }
    switch (error->code()) {
        case ErrorCode::no_responders:
            require(Invariant::I14,
                    operation.answer && operation.answer->headers.starts_with("NATS/1.0 503"),
                    "no responders, said by nobody: " + operation.subject);
            return;
        case ErrorCode::permission_violation:
            require(Invariant::I14, operation.forbidden, "forbidden by nobody");
            return;
        case ErrorCode::closed:
            require(Invariant::I14, closed_, "closed is no reason: " + operation.subject);
            return;
        default:
            require(Invariant::I14,
                    losses_ > operation.losses || operation.forbidden ||
                        (operation.begun == clock_.now() && operation.inbox.empty()),
                    "a request failed for no reason: " + std::string(error->what()));
    }
}

void Oracle::judge_drain(const KnownOperation& operation, const Error* error) {
    if (error || operation.too_late) return;
    if (operation.kind == KnownOperation::Kind::drain) {
        const auto sub = subs.find(operation.sid);
        require(Invariant::I23, sub == subs.end() || sub->second.ended,
                "drained, and messages may still come", operation.sid);
    }
    if (operation.kind == KnownOperation::Kind::drain_all) {
        require(Invariant::I23, closed_ && lost_by_close_ == 0,
                "drained, and publishes were not sent", lost_by_close_);
    }
}

void Oracle::judge_flush(const KnownOperation& operation) {
    if (!linked_) return;  // it has ended since, with the same bytes
    const std::uint64_t settled = written_total_ + lost_total_;
    require(Invariant::I15, settled >= operation.published, "flushed, and publishes still wait",
            settled, operation.published);
    const std::uint64_t here = std::max(operation.published, link_base_) - link_base_;
    require(Invariant::I15, wire_->peer->publishes >= here,
            "flushed before the server had read everything", wire_->peer->publishes, here);
}

// --- I16, I17, I18: time ------------------------------------------------------------------------

void Oracle::judge_connection() {
    require(Invariant::I13, closed_ == closed_told_, "closed, and nobody is told");
    require(Invariant::I21, up_told_ == linked_, "the events disagree with the state");
    require(Invariant::I21, linked_ == session_.is_connected(),
            "the state is not what the wire says");
    if (closed_) return;
    const Time now = clock_.now();
    if (linked_) {
        const auto most =
            options_.ping_interval * static_cast<std::int64_t>(options_.max_pings_outstanding + 1);
        require(Invariant::I16, now <= last_pong_ + most * 11 / 10 + lateness,
                "a silent connection is still believed in");
    } else if (wire_) {
        require(Invariant::I18, now <= dialed_at_ + options_.connect_timeout + lateness,
                "an attempt takes longer than connect_timeout");
    } else {
        require(Invariant::I18, now <= dial_by_ + lateness,
                "the next attempt is waited for too long");
    }
}

// --- I24, Q6: bounds and counters ---------------------------------------------------------------

void Oracle::judge_memory() {
    const std::size_t most_line = std::max(options_.max_info_line, options_.max_control_line);
    const std::size_t most_frame = options_.max_inbound_message + most_line;
    require(Invariant::I24,
            inner_.link->inbound.capacity() <=
                std::max(options_.read_chunk, std::size_t{2 << 20}) + 2 * most_frame,
            "the receive buffer grows beyond its limits", inner_.link->inbound.capacity());
    require(Invariant::I24, inner_.events.size() <= 1'024, "too many events wait");
    require(Invariant::I24, inner_.pool.servers().size() <= 1'000, "too many servers are known");
    const std::size_t waiting = operations.size() + count_replies();
    require(Invariant::I24, inner_.timers.size() <= waiting, "a timer of nobody",
            inner_.timers.size(), waiting);
    require(Invariant::I24, inner_.replies.open_count() <= operations.size(),
            "a reply that nobody waits for is awaited", inner_.replies.open_count());
}

void Oracle::after_close() {
    step();
    require(Invariant::I24,
            operations.empty() && inner_.timers.size() == 0 && inner_.subscriptions.size() == 0 &&
                inner_.replies.open_count() == 0 && session_.dump().empty() &&
                session_.size_to_send() == 0 && session_.next_timeout() == anynats::never,
            "something is left after close: " + session_.dump());
}

void Oracle::judge_counters() {
    const anynats::Counters is = session_.counters();
    const auto same = [&](std::string_view what, std::uint64_t a, std::uint64_t b) {
        require(Invariant::Q6, a == b, what, a, b);
    };
    same("in_bytes", is.in_bytes, in_bytes_);
    same("out_bytes", is.out_bytes, out_bytes_);
    same("in_messages", is.in_messages, in_messages_);
    same("out_messages", is.out_messages, accepted_total_);
    same("attempts", is.attempts, attempts_);
    same("reconnects", is.reconnects, reconnects_);
    same("stale_events", is.stale_events, stale_);
    same("unknown_sid", is.unknown_sid, unknown_);
    same("late and duplicate replies", is.late_replies + is.duplicate_replies, late_);
    same("dropped", is.dropped, dropped_);
    same("protocol_errors", is.protocol_errors, protocol_errors_);
    same("content_errors", is.content_errors, content_errors_);
    same("rejected_calls", is.rejected_calls, rejected_);
}

// --- I08, I12, I15: at rest ---------------------------------------------------------------------

bool Oracle::quiet() const {
    return linked_ && wire_->quiet() && session_.pending_size() == 0 &&
           session_.size_to_send() == 0;
}

void Oracle::judge_quiet() {
    if (!changed_ || !quiet()) return;
    changed_ = false;
    require(Invariant::I15, pings_heard_ == pongs_written_, "not one PONG for each PING",
            pongs_written_, pings_heard_);
    const Peer& peer = *wire_->peer;
    require(Invariant::I15, peer.publishes == written_total_ + lost_total_ - link_base_,
            "the server has not read every publish", peer.publishes);
    auto there = peer.interest.subs;
    const auto ours = [&](std::uint64_t sid, const std::string& subject, const std::string& queue,
                          std::uint64_t left) {
        if (peer.refused.count(sid)) return;
        const auto found = there.find(sid);
        const bool known = found != there.end();
        require(Invariant::I08, known, "the server does not know " + subject, sid);
        if (!known) return;
        require(Invariant::I08, found->second.subject == subject && found->second.queue == queue,
                "the server knows another subscription for " + subject, sid);
        require(Invariant::I12, found->second.left() == left,
                "the server will send another number of messages", found->second.left(), left);
        there.erase(found);
    };
    for (const auto& [sid, sub] : subs) {
        if (!sub.ended && !sub.draining)
            ours(sid, sub.subject, sub.queue, sub.limit ? sub.limit - sub.received : 0);
    }
    if (inner_.inbox) ours(inner_.inbox->sid, inner_.inbox->subject, {}, 0);
    require(Invariant::I08, there.empty(), "the server has subscriptions that we have not",
            there.empty() ? 0 : there.begin()->first);
}

void Oracle::at_rest() {
    if (closed_) return;
    require(Invariant::S24, linked_, "it does not connect though everything is well");
    require(Invariant::S24, accepted_.empty() && session_.pending_size() == 0,
            "bytes still wait though everything is well", session_.pending_size());
    require(Invariant::S24, operations.empty() && session_.dump().empty(),
            "operations still wait though everything is well");
    changed_ = true;
    judge_quiet();
    require(Invariant::S24, !changed_, "the connection does not come to rest: " + wire_->shown());
}

}  // namespace sim
