// What the user says: publish, subscribe, unsubscribe, ping; and what a new connection must be
// told again. Every argument is checked for bytes that would break framing, always (T20, I02).
// A publish runs per message: it encodes into the outgoing buffer and does nothing else.
#include <new>

#include "core/session_state.hpp"
#include "core/subject.hpp"
#include "core/writer.hpp"

namespace anynats {
inline namespace v0 {

std::optional<Error> Session::State::no_room_for(std::size_t size) const {
    if (state == ConnectionState::closed) return closed("publish");
    // pending_limit 0 forbids waiting for a connection, not having one.
    const std::size_t limit = options.pending_limit ? options.pending_limit : up() ? 8u << 20 : 0;
    if (outbound.pending_size() + size <= limit) return {};
    if (size > limit && limit) {
        return Error(ErrorCode::usage_error, "publish: a message of " + std::to_string(size) +
                                                 " bytes does not fit into pending_limit");
    }
    if (up()) {
        return Error(ErrorCode::would_block, "publish: pending_limit is reached: " +
                                                 std::to_string(outbound.pending_size()) +
                                                 " bytes wait to be sent");
    }
    Error error(ErrorCode::disconnected,
                "publish: not connected, and pending_limit leaves no room to wait for it");
    return last_error ? error.because(*last_error) : error;
}

/// Look closely at a publish that seems wrong: what is wrong with it, if anything is.
std::optional<Error> Session::State::refusal_of_publish(std::string_view subject,
                                                        std::string_view reply, bool with_headers,
                                                        std::size_t body, std::size_t size) {
    std::optional<Error> refusal;
    if (const char* flaw = flaw_in_publish_subject(subject)) {
        refusal = bad_argument("subject", subject, flaw);
    } else if (const char* bad_reply = reply.empty() ? nullptr : flaw_in_publish_subject(reply)) {
        refusal = bad_argument("reply", reply, bad_reply);
    } else if (info && body > info->max_payload) {
        refusal = Error(ErrorCode::max_payload,
                        "publish on \"" + std::string(subject) + "\": " + std::to_string(body) +
                            " bytes with headers, the server takes at most " +
                            std::to_string(info->max_payload));
    } else if (with_headers && info && !info->headers) {
        refusal = Error(ErrorCode::usage_error, "publish on \"" + std::string(subject) +
                                                    "\": this server does not take headers");
    } else {
        refusal = no_room_for(size);
    }
    if (refusal) ++counters.rejected_calls;
    return refusal;
}

std::optional<Error> Session::publish(std::string_view subject, std::string_view payload,
                                      std::string_view reply, std::string_view header_block) {
    State& s = *state_;
    const std::size_t body = header_block.size() + payload.size();
    // The verb, two sizes of at most 10 digits, blanks and line ends: 40 bytes at most.
    const std::size_t size = subject.size() + reply.size() + body + 40;
    // One look at everything; which of it is wrong is found out apart.
    if (!is_publish_subject(subject) || !(reply.empty() || is_publish_subject(reply)) ||
        (s.info && (body > s.info->max_payload || (!header_block.empty() && !s.info->headers))) ||
        s.outbound.pending_size() + size > s.options.pending_limit ||
        s.state == ConnectionState::closed) {
        const bool with_headers = !header_block.empty();
        auto refusal = s.refusal_of_publish(subject, reply, with_headers, body, size);
        if (refusal) return refusal;
    }
    encode_publish(s.outbound.pending(), subject, reply, header_block, payload);
    ++s.counters.out_messages;
    return {};
}

Result<std::shared_ptr<SubscriptionState>> Session::subscribe(std::string_view subject,
                                                              const SubscribeOptions& options) {
    State& s = *state_;
    std::optional<Error> refusal;
    if (const char* flaw = flaw_in_subscribe_subject(subject)) {
        refusal = bad_argument("subject", subject, flaw);
    } else if (const char* bad_queue =
                   options.queue.empty() ? nullptr : flaw_in_queue(options.queue)) {
        refusal = bad_argument("queue", options.queue, bad_queue);
    } else if (s.state == ConnectionState::closed) {
        refusal = s.closed("subscribe");
    } else if (s.draining) {
        refusal = Error(ErrorCode::draining, "subscribe: the client is being drained");
    } else if (s.options.max_subscriptions &&
               s.subscriptions.size() - (s.inbox ? 1 : 0) >= *s.options.max_subscriptions) {
        refusal = Error(ErrorCode::usage_error, "subscribe: max_subscriptions (" +
                                                    std::to_string(*s.options.max_subscriptions) +
                                                    ") is reached");
    }
    if (refusal) {
        ++s.counters.rejected_calls;
        return *refusal;
    }
    std::shared_ptr<SubscriptionState> sub =
        s.subscriptions.add(std::string(subject), options.queue);
    sub->max_messages = options.pending_messages.value_or(s.options.sub_pending_messages);
    sub->max_bytes = options.pending_bytes.value_or(s.options.sub_pending_bytes);
    sub->policy = options.slow_consumer.value_or(s.options.slow_consumer);
    s.announce_new(*sub);
    return sub;
}

std::optional<Error> Session::unsubscribe(SubscriptionState& sub, std::uint64_t limit) {
    State& s = *state_;
    if (sub.ended) return {};
    if (limit > sub.received) {
        // The server counts since this connection's SUB, which replay() has adjusted (B38).
        if (s.up()) encode_unsubscribe(s.outbound.pending(), sub.sid, limit - sub.before_link);
        sub.limit = limit;
        return {};
    }
    if (s.up()) encode_unsubscribe(s.outbound.pending(), sub.sid, 0);
    s.subscriptions.end(sub, {});
    s.subscriptions.remove(sub.sid);
    return {};
}

std::size_t Session::take(SubscriptionState& sub, std::vector<Message>& out, std::size_t most) {
    return state_->subscriptions.take(sub, out, most);
}

void Session::discard(SubscriptionState& sub) noexcept {
    state_->subscriptions.discard(sub);
}

std::string Session::new_inbox() {
    return state_->options.inbox_prefix + '.' + state_->random.nuid();
}

void Session::State::send_subscribe(Bytes& out, const SubscriptionState& sub) {
    encode_subscribe(out, sub.subject, sub.queue, sub.sid);
    if (sub.limit) encode_unsubscribe(out, sub.sid, sub.limit - sub.before_link);
}

void Session::State::announce_new(SubscriptionState& sub) {
    if (!up()) return;  // replay() will
    try {
        send_subscribe(outbound.pending(), sub);
    } catch (...) {
        subscriptions.remove(sub.sid);
        throw;
    }
}

void Session::State::replay() {
    for (SubscriptionState* sub : subscriptions.in_order()) {
        sub->before_link = sub->received;
        send_subscribe(outbound.opening(), *sub);
    }
}

/// What waited for a connection may be more than this server takes, and it would end the connection
/// for that, with everything behind it lost (I06). Told once, and to the requests among them.
void Session::State::drop_unwelcome() noexcept {
    std::optional<Error> why;
    const std::size_t dropped = outbound.drop([&](std::string_view frame, const WrittenFrame& it) {
        if (it.body <= info->max_payload && (!it.has_headers || info->headers)) return false;
        if (!why) why = unwelcome(it.body);
        const std::string_view reply = reply_of_written(frame);
        if (!inbox_root.empty() && reply.starts_with(inbox_root)) {
            replies.fail_token(reply.substr(inbox_root.size()), *why);
        }
        gatherings.for_each([&](Gathering& one) { one.refused |= one.sub.subject == reply; });
        return true;
    });
    if (!why) return;
    counters.lost_publishes += dropped;
    stop_refused_gatherings(*why);
    tell({Event::Kind::error, server_shown(), std::move(why), 0});
}

Error Session::State::unwelcome(std::size_t body) const noexcept {
    try {
        if (body <= info->max_payload) {
            return about_server(ErrorCode::usage_error,
                                "a publish that waited has headers, which the server cannot take");
        }
        return about_server(ErrorCode::max_payload,
                            "a publish that waited has " + std::to_string(body) +
                                " bytes with headers, the server takes at most " +
                                std::to_string(info->max_payload));
    } catch (const std::bad_alloc&) {
        return no_memory;
    }
}

const std::string& Session::State::reply_prefix() {
    if (!inbox) {
        std::string root = options.inbox_prefix + '.' + random.nuid() + '.';
        std::shared_ptr<SubscriptionState> added = subscriptions.add(root + '*', {});
        added->inbox = true;
        announce_new(*added);
        inbox_root = std::move(root);
        inbox = std::move(added);
    }
    return inbox_root;
}

void Session::State::await_pong(PongWait& wait) {
    link->pongs.reserve(1);  // a PING without its entry would shift all that follow
    encode_ping(outbound.pending());
    link->pongs.push(&wait);
    wait.state_ = this;
    wait.number_ = link->first_pong + link->pongs.size() - 1;
}

void Session::State::forget_pong(PongWait& wait) noexcept {
    // The PONG will still come, and must not be taken for somebody else's (B64).
    link->pongs[wait.number_ - link->first_pong] = nullptr;
}

PongWait::~PongWait() {
    if (state_) state_->forget_pong(*this);
}

Result<std::string> header_block(const Headers& headers) try {
    for (const auto& [name, value] : headers) {
        if (const char* flaw = flaw_in_header_name(name)) {
            return bad_argument("header name", name, flaw);
        }
        if (const char* flaw = flaw_in_header_value(value)) {
            return bad_argument("header value of " + name, value, flaw);
        }
    }
    if (headers.empty()) return std::string();
    Bytes block;
    encode_headers(block, headers);
    return std::string(block.view());
} catch (const std::bad_alloc&) {
    return Error(ErrorCode::out_of_memory, "no memory");
}

}  // namespace v0
}  // namespace anynats
