// What the oracle learns from the server's frames, once they have been fed to the session, and from
// what the session tells of itself; see oracle.hpp.
#include "oracle.hpp"

namespace sim {

// --- what the client hears ----------------------------------------------------------------------

void Oracle::heard(Wire& wire, std::size_t bytes, std::deque<Said> frames) {
    in_bytes_ += bytes;
    changed_ = true;
    input();
    bool must_end = false;
    for (const Said& said : frames) {
        must_end = !hear(said);
        if (must_end) break;
    }
    const bool left = session_.epoch() != wire.epoch;
    const bool lost_framing = session_.counters().protocol_errors > protocol_errors_;
    if (left && lost_framing && wire.in_garbage()) {  // which need not be read to its end
        must_end = true;
        ++protocol_errors_;
    }
    if (must_end) {
        require(end_because_, left, "the connection goes on after its end");
    } else {
        require(Invariant::I22, !left || lame_ || asked_to_close_,
                "the connection was left without a reason");
    }
    look();
}

/// False when the connection must end with it.
bool Oracle::hear(const Said& said) {
    switch (said.kind) {
        case Said::Kind::info:
            return hear_info(said);
        case Said::Kind::ping:
            ++pings_heard_;
            return true;
        case Said::Kind::pong:
            hear_pong();
            return true;
        case Said::Kind::msg:
            hear_message(said);
            return true;
        case Said::Kind::ok:
            return true;
        case Said::Kind::error:
            return hear_error(said);
        case Said::Kind::garbage:
            ++protocol_errors_;
            end_because_ = Invariant::I27;
            return false;
    }
    return true;
}

void Oracle::hear_pong() {
    last_pong_ = clock_.now();
    ++pongs_heard_;
    for (auto& [sid, sub] : subs) {
        if (!sub.fence || sub.fence > pongs_heard_ || sub.ended) continue;
        require(Invariant::I23, !wire_->says(sid), "a drained subscription misses messages", sid);
        end(sub);
    }
    if (linked_) return;
    linked_ = true;
    linked_at_ = clock_.now();
    drop_unwelcome();
    link_base_ = written_total_ + lost_total_;
    reconnects_ += ever_linked_;
    ever_linked_ = true;
    for (auto& [sid, sub] : subs) sub.before_link = sub.received;
}

/// What waited for a connection and is more than this server takes is given up.
void Oracle::drop_unwelcome() {
    const auto too_large = [&](const Accepted& waiting) {
        const Content& content = *waiting.content;
        if (content.headers.size() + content.payload.size() <= max_payload_) return false;
        for (KnownOperation& operation : operations) {
            if (waiting.request && operation.subject == content.subject) operation.forbidden = true;
        }
        for (auto& [sid, sub] : subs) {
            if (!sub.replies || sub.subject != content.reply) continue;
            end_replies(sub, "refusal", ErrorCode::max_payload);
        }
        ++lost_total_;
        return true;
    };
    std::erase_if(accepted_, too_large);
}

bool Oracle::hear_info(const Said& said) {
    if (!said.valid) {
        end_because_ = Invariant::I27;
        ++(greeted_ ? content_errors_ : protocol_errors_);
        return greeted_;
    }
    greeted_ = true;
    max_payload_ = said.max_payload;
    if (options_.discovered_servers == anynats::DiscoveredServers::all) {
        pool_.insert(said.places.begin(), said.places.end());
    }
    if (said.lame_duck && !lame_) {
        lame_ = true;
        lame_since_ = clock_.now();
    }
    return true;
}

bool Oracle::hear_error(const Said& said) {
    end_because_ = Invariant::I22;
    if (!linked_ || said.fatal) return false;
    if (said.about == Said::About::publish) {
        for (KnownOperation& operation : operations) {
            if (operation.subject == said.content->subject) operation.forbidden = true;
        }
        for (auto& [sid, sub] : subs) {
            const bool it = sub.replies && sub.replies->asked == said.content->subject;
            if (it) end_replies(sub, "refusal", ErrorCode::permission_violation);
        }
    }
    if (said.about != Said::About::subscription) return true;
    if (said.sid && said.sid == inbox_sid_) {  // no reply can come any more
        for (KnownOperation& operation : operations) operation.forbidden = true;
        inbox_sid_ = 0;
        return true;
    }
    for (auto& [sid, sub] : subs) {
        const bool it =
            said.sid ? sid == said.sid
                     : sub.subject == said.content->subject && sub.queue == said.content->reply;
        if (!it || sub.ended) continue;
        if (sub.replies) {
            end_replies(sub, "refusal", ErrorCode::permission_violation);
        } else {
            end(sub);
        }
        break;
    }
    return true;
}

void Oracle::hear_message(const Said& said) {
    const auto known = subs.find(said.sid);
    const bool live = known != subs.end() && !known->second.ended;
    const bool inbox = said.sid == inbox_sid_ && inbox_sid_ != 0;
    if (!linked_ || (!live && !inbox)) {
        ++unknown_;
        return;
    }
    ++in_messages_;
    ++messages_on_link_;
    if (inbox) {
        hear_reply(said.content);
    } else {
        hold(known->second, said.content);
    }
}

void Oracle::hear_reply(const ContentRef& content) {
    for (KnownOperation& operation : operations) {
        if (operation.inbox.empty() || operation.inbox != content->subject) continue;
        if (operation.answer || operation.forbidden || operation.cancelled) break;
        operation.answer = content;
        return;
    }
    ++late_;
}

void Oracle::hold(KnownSub& sub, const ContentRef& content) {
    if (sub.replies && !hear_one_of_many(sub, content)) return;
    const std::size_t size = content->size();
    const auto full = [&] {
        return sub.held.size() >= sub.most_messages || sub.held_bytes + size > sub.most_bytes;
    };
    const bool last = sub.limit && ++sub.received >= sub.limit;
    if (!sub.limit) ++sub.received;
    if (full() && (sub.policy == SlowConsumerPolicy::drop_new || size > sub.most_bytes)) {
        ++sub.dropped;
        ++dropped_;
    } else {
        while (full()) {
            sub.held_bytes -= sub.held.front()->size();
            sub.held.pop_front();
            ++sub.dropped;
            ++dropped_;
        }
        sub.held.push_back(content);
        sub.held_bytes += size;
    }
    if (!last) return;
    if (sub.replies) return end_replies(sub, "number");
    end(sub);
}

void Oracle::end(KnownSub& sub) {
    sub.ended = true;
}

// --- what the session tells ---------------------------------------------------------------------

void Oracle::told(const Event& event) {
    require(Invariant::I13, !closed_told_, "an event after closed");
    switch (event.kind) {
        case Event::Kind::connected:
            require(Invariant::I21, !up_told_ && !left_told_, "connected out of turn");
            up_told_ = true;
            break;
        case Event::Kind::reconnected:
            require(Invariant::I21, !up_told_ && left_told_, "reconnected out of turn");
            up_told_ = true;
            break;
        case Event::Kind::disconnected: {
            require(Invariant::I21, up_told_, "disconnected out of turn");
            up_told_ = false;
            left_told_ = true;
            const std::string why = event.error ? event.error->what() : "";
            const bool stale = why.find("pings were not answered") != std::string::npos;
            const auto least =
                options_.ping_interval * static_cast<std::int64_t>(options_.max_pings_outstanding);
            require(Invariant::I16, !stale || clock_.now() >= last_pong_ + least,
                    "a connection counts as stale too early");
            break;
        }
        case Event::Kind::closed:
            closed_told_ = true;
            up_told_ = false;
            break;
        default:
            break;
    }
}

void Oracle::entered(std::string_view state) {
    for (const StateChange& change : state_changes) {
        if (change.from != state_ || change.to != state) continue;
        coverage_.count("state", change.name);
        if (state != "draining") {
            state_ = state;
        } else {
            require(Invariant::I21, !draining_, "it drains twice");
            draining_ = true;
        }
        return;
    }
    require(Invariant::I21, false, state_ + " to " + std::string(state) + " is no legal change");
}

void Oracle::timer() {
    if (clock_.now() - spun_at_ > 1ms) {
        spins_ = 0;
        spun_at_ = clock_.now();
    }
    require(Invariant::I17, ++spins_ <= 10, "it spins: timeouts without end at one instant");
}

}  // namespace sim
