// What the oracle learns, and how it predicts; see oracle.hpp. Written from the promises of the
// public headers and of reliability.md, not from the session's source.
#include "oracle.hpp"

#include <algorithm>

namespace sim {

std::uint64_t id_of(std::string_view subject) {
    std::uint64_t id = 0;
    for (const char c : subject.substr(subject.rfind('.') + 1)) {
        if (c < '0' || c > '9') return 0;
        id = 10 * id + static_cast<std::uint64_t>(c - '0');
    }
    return id;
}

std::string_view phase_change(Link::Phase from, Link::Phase to) {
    static constexpr std::string_view names[] = {"waiting", "dialing", "info",  "authenticating",
                                                 "pong",    "up",      "closed"};
    static const std::vector<std::string> changes = [] {
        std::vector<std::string> all;
        for (const std::string_view a : names) {
            for (const std::string_view b : names) all.push_back(std::string(a) + " > " += b);
        }
        return all;
    }();
    return changes[static_cast<std::size_t>(from) * std::size(names) +
                   static_cast<std::size_t>(to)];
}

Oracle::Oracle(const Clock& clock, Verdict& verdict, Coverage& coverage, Session& session,
               const Options& options, std::size_t servers)
    : clock_(clock),
      verdict_(verdict),
      coverage_(coverage),
      session_(session),
      inner_(session.inner()),
      options_(options),
      max_payload_(session.max_payload()),
      servers_(servers),
      dial_by_(clock.now() + options.reconnect_wait_max) {
    for (const std::string& url : options.servers) pool_.insert(place_of(url));
}

bool Oracle::require(Invariant id, bool holds, std::string_view text, std::uint64_t a,
                     std::uint64_t b) {
    verdict_.require(id, holds, text, a, b);
    return holds;
}

// --- the user -----------------------------------------------------------------------------------

Oracle::Before Oracle::before() const {
    return {session_.counters().out_messages, session_.pending_size()};
}

void Oracle::published(const Before& before, Accepted what, const std::optional<Error>& refusal,
                       bool flawed) {
    const std::size_t size = what.content->size();
    const std::size_t body = what.content->headers.size() + what.content->payload.size();
    const std::size_t limit = options_.pending_limit ? options_.pending_limit : 8u << 20;
    const bool taken = session_.counters().out_messages > before.out_messages;
    require(Invariant::I07, taken != refusal.has_value(), "a refused publish was counted");
    if (taken) {
        require(Invariant::I07, session_.pending_size() <= limit, "accepted beyond pending_limit",
                session_.pending_size(), limit);
        require(Invariant::I07, !flawed && !closed_ && (body <= max_payload_ || !ever_linked_),
                "accepted, though it is wrong");
        ++accepted_total_;
        accepted_.push_back(std::move(what));
        return;
    }
    ++rejected_;
    require(Invariant::I07, session_.pending_size() == before.pending,
            "a refused publish left something behind", session_.pending_size(), before.pending);
    const bool full = before.pending + size + 40 >= limit || (!options_.pending_limit && !linked_);
    require(Invariant::I07, flawed || closed_ || body > max_payload_ || full,
            "a publish was refused though there is room", before.pending, size);
}

KnownSub& Oracle::subscribed(std::shared_ptr<SubscriptionState> state,
                             const SubscribeOptions& options) {
    require(Invariant::I09, state->sid > last_sid_, "a sid was used before", state->sid, last_sid_);
    last_sid_ = state->sid;
    KnownSub& sub = subs[state->sid];
    sub.sid = state->sid;
    sub.subject = state->subject;
    sub.queue = options.queue;
    sub.most_messages = options.pending_messages.value_or(options_.sub_pending_messages);
    sub.most_bytes = options.pending_bytes.value_or(options_.sub_pending_bytes);
    sub.policy = options.slow_consumer.value_or(options_.slow_consumer);
    sub.state = std::move(state);
    return sub;
}

void Oracle::unsubscribed(KnownSub& sub, std::uint64_t limit) {
    if (sub.ended) return;
    if (limit > sub.received) {
        sub.limit = limit;
        sub.limits.insert(limit);
    } else {
        end(sub);
    }
}

void Oracle::drained(KnownSub& sub) {
    if (sub.ended || sub.draining) return;
    sub.draining = true;
    if (!linked_) end(sub);  // nothing can come
}

void Oracle::drained_all() {
    asked_to_close_ = true;
    for (auto& [sid, sub] : subs) {
        if (!sub.replies) drained(sub);  // replies have an end of their own
    }
}

void Oracle::took(KnownSub& sub, const std::vector<Message>& messages, std::size_t most) {
    const std::size_t wanted = std::min(most, sub.held.size());
    require(Invariant::I10, messages.size() == wanted, "not as many messages as are held",
            messages.size(), wanted);
    for (const Message& message : messages) {
        if (sub.held.empty() || verdict_.broken()) return;
        judge_message(message, sub.held.front());
        sub.held_bytes -= sub.held.front()->size();
        sub.held.pop_front();
        ++sub.delivered;
    }
}

void Oracle::started(KnownOperation operation) {
    operation.begun = clock_.now();
    if (operation.earliest == Time()) operation.earliest = operation.deadline;
    operation.losses = losses_;
    operation.too_late = closed_;
    operation.published = accepted_total_;
    operations.push_back(std::move(operation));
    look();
}

void Oracle::requested(const Before& before, Accepted what, KnownOperation operation) {
    const bool taken = session_.counters().out_messages > before.out_messages;
    const bool over = operation.state->done();
    operation.subject = what.content->subject;
    if (taken) {
        ++accepted_total_;
        accepted_.push_back(std::move(what));
    } else {
        require(Invariant::I14, over, "a request that was not sent waits");
        rejected_ += !closed_;
    }
    started(std::move(operation));
}

// --- the connection -----------------------------------------------------------------------------

void Oracle::dialed(Wire& wire, const std::string& place) {
    require(Invariant::I03, !wire_, "connects while another connection is open");
    ++attempts_;
    place_ = place;
    judge_dial(place);
    wire_ = &wire;
    linked_ = greeted_ = lame_ = false;
    lame_since_ = anynats::never;
    dialed_at_ = clock_.now();
    forced_ = false;
    chosen_.clear();
    pings_heard_ = pongs_written_ = pings_written_ = pongs_heard_ = 0;
    messages_on_link_ = 0;
    announced_ = {};
    announced_sids_.clear();
    link_base_ = written_total_ + lost_total_;
    const auto& link = *inner_.link;
    require(Invariant::I03,
            link.inbound.unread().empty() && link.pongs.empty() && link.pings_outstanding == 0 &&
                session_.size_to_send() == 0,
            "a new connection begins with something of an old one");
}

void Oracle::look() {
    const Link::Phase phase = inner_.link->phase;
    if (phase != phase_ || inner_.link->epoch != epoch_) {
        coverage_.count("phase", phase_change(phase_, phase));
        phase_ = phase;
        epoch_ = inner_.link->epoch;
    }
    if (closed_) return;
    learn_of_complete_replies();
    const bool closed = session_.state() == anynats::ConnectionState::closed;
    if (wire_ && (closed || session_.epoch() != wire_->epoch)) lost();
    if (closed) ended();
}

/// A drain that takes too long ends its subscription.
void Oracle::learn_of_late_drains() {
    for (const KnownOperation& operation : operations) {
        const bool over = operation.kind == KnownOperation::Kind::drain && operation.state->done();
        if (!over || operation.done->result->ok()) continue;
        const auto sub = subs.find(operation.sid);
        const bool late = operation.done->result->error().code() == ErrorCode::timeout_error;
        if (late && sub != subs.end()) end(sub->second);
    }
}

void Oracle::lost() {
    const std::string_view rest = wire_->tap.rest();
    const bool could_be_publish =
        std::string_view("PUB ").substr(0, rest.size()) == rest.substr(0, 4) ||
        rest.substr(0, 1) == "H";
    const std::size_t waiting = session_.state() == anynats::ConnectionState::closed
                                    ? accepted_.size()
                                    : inner_.outbound.count_publishes();
    const std::size_t gone = accepted_.size() - std::min(waiting, accepted_.size());
    require(Invariant::I06, gone <= (could_be_publish && wire_->tap.partial() ? 1u : 0u),
            "publishes vanished with a connection", gone);
    for (std::size_t i = 0; i < gone; ++i) accepted_.pop_front();
    lost_total_ += gone;

    const bool unstable =
        linked_ && !messages_on_link_ && clock_.now() < linked_at_ + options_.stable_after;
    if ((!linked_ || unstable) && !forced_ && !lame_) places_[place_].failed_at = clock_.now();
    if (linked_) {
        ++losses_;
        for (auto& [sid, sub] : subs) {
            if (sub.draining) end(sub);
        }
        lose_replies();
        for (KnownOperation& operation : operations) {
            // Requests made after the decision to leave may wait for the next server.
            if (lame_ && operation.begun >= lame_since_) operation.excused = losses_;
        }
    } else {
        ++failures_;
    }
    linked_ = false;
    wire_ = nullptr;
    dial_by_ = clock_.now() + options_.reconnect_wait_max;
}

void Oracle::ended() {
    closed_ = true;
    linked_ = false;
    lost_by_close_ = accepted_.size();
    lost_total_ += accepted_.size();
    accepted_.clear();
    for (auto& [sid, sub] : subs) {
        if (sub.replies) {
            const std::optional<Error>& told = sub.state->end;
            end_replies(sub, "close", told ? std::optional(told->code()) : std::nullopt);
        } else {
            end(sub);
        }
    }
    inbox_sid_ = 0;
    // The wish to connect is withdrawn when the end comes before the driver has heard of it.
    if (session_.counters().attempts == attempts_ + 1) ++attempts_;
    judge_closing();
}

// --- what the client writes ---------------------------------------------------------------------

void Oracle::wrote(Wire& wire, std::size_t bytes, const std::vector<ClientFrame>& frames) {
    out_bytes_ += bytes;
    require(Invariant::I01, wire.tap.flaw.empty(), wire.tap.flaw);
    require(Invariant::I03, &wire == wire_, "bytes for a connection that was left");
    std::vector<const ClientFrame*> publishes;
    for (const ClientFrame& frame : frames) {
        if (frame.publish()) {
            publishes.push_back(&frame);
        } else {
            wrote_frame(wire, frame);
        }
    }
    wrote_publishes(publishes);
    changed_ = true;
}

void Oracle::wrote_frame(Wire&, const ClientFrame& frame) {
    const std::string& verb = frame.words[0];
    if (verb == "PONG") ++pongs_written_;
    if (verb == "PING") {
        ++pings_written_;
        for (auto& [sid, sub] : subs) {
            if (sub.fenced && !sub.fence) sub.fence = pings_written_;
        }
    }
    if (verb == "SUB") {
        const std::uint64_t sid = frame.sid();
        require(Invariant::I08, announced_sids_.insert(sid).second,
                "a sid is announced twice on one connection", sid);
        announced_.subscribe(frame);
        const auto known = subs.find(sid);
        if (known == subs.end()) {
            const bool inbox = frame.subject().starts_with(options_.inbox_prefix + '.') &&
                               frame.subject().ends_with(".*");
            if (inbox) {
                inbox_sid_ = sid;
                last_sid_ = std::max(last_sid_, sid);
            }
            // Else it was ended and forgotten before this was written.
            return;
        }
        const std::string queue = frame.words.size() == 4 ? frame.words[2] : "";
        require(Invariant::I09,
                known->second.subject == frame.subject() && known->second.queue == queue,
                "a sid is announced for another subject", sid);
    }
    if (verb == "UNSUB") {
        require(Invariant::I02, announced_sids_.count(frame.sid()), "UNSUB before its SUB",
                frame.sid());
        const auto known = subs.find(frame.sid());
        if (known == subs.end()) return;
        judge_unsubscribe(known->second, frame);
        if (known->second.draining) known->second.fenced = true;
    }
}

void Oracle::wrote_publishes(const std::vector<const ClientFrame*>& frames) {
    std::vector<std::uint64_t> ids;
    for (const ClientFrame* frame : frames) ids.push_back(id_of(frame->subject()));
    for (const ClientFrame* frame : frames) {
        judge_order(id_of(frame->subject()), ids);
        if (verdict_.broken()) return;
        judge_publish(*frame, accepted_.front());
        if (accepted_.front().request) {
            for (KnownOperation& operation : operations) {
                if (operation.subject == frame->subject()) operation.inbox = frame->reply();
            }
        }
        accepted_.pop_front();
        ++written_total_;
    }
}

}  // namespace sim
