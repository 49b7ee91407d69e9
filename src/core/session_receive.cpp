// What the server says, frame by frame: from prepared space to messages in queues, replies in
// slots and moves of the handshake. Runs per message, so it allocates nothing but a queue's growth.
// Framing that is lost ends the connection; bad content ends that message only (T03-T08, I27).
#include <new>

#include "core/server_errors.hpp"
#include "core/session_state.hpp"
#include "core/writer.hpp"

namespace anynats {
inline namespace v0 {

std::span<char> Session::prepare() {
    State& s = *state_;
    Inbound& inbound = s.link->inbound;
    const std::size_t wanted = s.link->parser.wanted();
    if (inbound.retiring(wanted)) {
        s.subscriptions.compact(inbound.chunk());
    } else if (inbound.chunk().get() && !inbound.chunk().get()->shared()) {
        s.subscriptions.untouch();  // nobody holds a slice of it any more
    }
    return inbound.prepare(wanted);
}

void Session::commit(std::uint64_t epoch, std::size_t n, Time now) {
    advance(now);
    State& s = *state_;
    if (s.stale(epoch)) return;
    s.counters.in_bytes += n;
    s.link->inbound.commit(n);
    s.trace(TraceRecord::Kind::received,
            s.link->inbound.unread().substr(s.link->inbound.unread().size() - n));
    try {
        s.parse();
    } catch (const std::bad_alloc&) {
        s.link_lost(s.no_memory);
    }
    run_ready();
}

void Session::receive_data(std::uint64_t epoch, std::string_view bytes, Time now) {
    while (!bytes.empty()) {
        if (state_->stale(epoch)) return;
        const std::span<char> space = prepare();
        const std::size_t n = bytes.copy(space.data(), space.size());
        bytes.remove_prefix(n);
        commit(epoch, n, now);
    }
}

void Session::State::parse() {
    const std::uint64_t epoch = link->epoch;
    for (;;) {
        switch (link->parser.next(link->inbound.unread())) {
            case ParseStatus::frame: {
                const std::size_t size = link->parser.consumed();
                on_frame(link->parser.frame());
                if (link->epoch != epoch) return;  // the frame ended the connection
                link->inbound.consume(size);
                break;
            }
            case ParseStatus::skipped:
                link->inbound.consume(link->parser.consumed());
                break;
            case ParseStatus::need_more:
                if (!link->parser.awaiting_payload() ||
                    subscriptions.find(link->parser.awaited_sid())) {
                    return;
                }
                link->parser.discard();  // nobody wants it: do not buffer it (T08)
                break;
            case ParseStatus::failed:
                ++counters.protocol_errors;
                link_lost(about_server(ErrorCode::protocol_error, link->parser.reason()));
                return;
        }
    }
}

void Session::State::on_frame(const Frame& frame) {
    switch (frame.kind) {
        case FrameKind::msg:
            on_message(frame);
            break;
        case FrameKind::ping:
            // A peer that pings and never reads must not make memory grow (I24).
            if (outbound.size_to_send() > options.pending_limit + (1 << 20)) {
                link_lost(about_server(ErrorCode::protocol_error, "pings faster than it reads"));
                break;
            }
            if (up()) {
                encode_pong(outbound.pending());
            } else if (link->phase == Link::Phase::pong) {
                encode_pong(outbound.opening());
            } else {
                link->owes_pong = true;  // nothing goes out before CONNECT (I01)
            }
            break;
        case FrameKind::pong:
            on_pong();
            break;
        case FrameKind::info:
            on_info(frame.text);
            break;
        case FrameKind::err:
            on_server_error(frame.text);
            break;
        case FrameKind::ok:
            break;
    }
}

namespace {

Error slow_consumer_error(const Session::State& state, const SubscriptionState& sub) noexcept {
    try {
        return Error(ErrorCode::slow_consumer,
                     "subscription \"" + sub.subject + "\" is full and drops messages");
    } catch (const std::bad_alloc&) {
        return state.no_memory;
    }
}

}  // namespace

void Session::State::on_message(const Frame& frame) {
    // Before this connection's SUBs are sent no message can be meant for us (I03).
    SubscriptionState* sub = frame.discarded || !up() ? nullptr : subscriptions.find(frame.sid);
    if (!sub) {
        ++counters.unknown_sid;
        return;
    }
    ++counters.in_messages;
    if (!link->stable) {
        link->stable = true;
        pool.stable();
    }
    Message message(link->inbound.share(), frame.base, frame.layout, frame.sid);
    if (sub->inbox) {
        const std::string_view subject = message.subject();
        Replies::Delivery outcome = Replies::Delivery::late;
        if (subject.size() > inbox_root.size()) {
            const std::string_view token = subject.substr(inbox_root.size());
            outcome = replies.deliver(token, std::move(message));
        }
        counters.late_replies += outcome == Replies::Delivery::late;
        counters.duplicate_replies += outcome == Replies::Delivery::duplicate;
        return;
    }
    if (sub->gathering && !gather(*sub, message)) return;
    const std::uint64_t dropped = sub->dropped;
    const bool was_slow = sub->slow;
    const Subscriptions::Delivery outcome = subscriptions.deliver(*sub, std::move(message));
    const bool ended = outcome == Subscriptions::Delivery::ended;
    if (ended) subscriptions.end(*sub, {});
    if (sub->dropped != dropped) {
        counters.dropped += sub->dropped - dropped;
        sub->slow = true;
        if (!was_slow) {
            tell({Event::Kind::slow_consumer, {}, slow_consumer_error(*this, *sub), sub->sid});
        }
    }
    if (ended) subscriptions.remove(frame.sid);
}

void Session::State::on_pong() {
    if (link->phase == Link::Phase::pong) {
        connected();
        return;
    }
    link->pings_outstanding = 0;
    if (link->pongs.empty()) return;  // one we did not ask for
    PongWait* wait = link->pongs.pop();
    ++link->first_pong;
    end_drained();
    if (!wait) return;
    wait->state_ = nullptr;
    wait->wake();
}

void Session::State::on_info(std::string_view json) {
    Result<ServerInfo> parsed = parse_info(json);
    const bool handshake = link->phase == Link::Phase::info;
    if (!parsed.ok()) {
        if (handshake) {
            ++counters.protocol_errors;
            attempt_failed(about_server(ErrorCode::protocol_error, "INFO cannot be read")
                               .because(parsed.error()));
        } else {
            ++counters.content_errors;
            tell({Event::Kind::error, {}, parsed.error(), 0});
        }
        return;
    }
    info = std::move(*parsed);
    if (info->urls_left_out) {
        ++counters.content_errors;
        tell({Event::Kind::error,
              {},
              about_server(ErrorCode::protocol_error,
                           std::to_string(info->urls_left_out) +
                               " connect_urls are beyond the limits and left out"),
              0});
    }
    if (info->connect_urls && pool.merge(*info->connect_urls, random)) {
        tell({Event::Kind::discovered_servers, pool.current().url.shown(), {}, 0});
    }
    if (info->lame_duck && !link->lame_duck) {
        link->lame_duck = true;
        tell({Event::Kind::lame_duck, pool.current().url.shown(), {}, 0});
        if (up()) prepare_move();
    }
    if (!handshake) return;
    if (info->tls_required) {
        attempt_failed(about_server(ErrorCode::tls_error,
                                    "the server requires TLS, which this version cannot do yet"));
        return;
    }
    link->phase = Link::Phase::authenticating;
    Action action;
    action.kind = Action::Kind::authenticate;
    action.epoch = link->epoch;
    action.deadline = link->attempt_deadline;
    action.nonce = info->nonce;
    act(std::move(action));
}

void Session::State::on_server_error(std::string_view text) {
    const ServerErrorMeaning meaning = meaning_of(text);
    const Error error = about_server(meaning.code, "the server says: " + std::string(text));
    if (!up()) {
        attempt_failed(error);  // during the handshake no -ERR is harmless
        return;
    }
    tell({Event::Kind::error, pool.current().url.shown(), error, forbid(meaning, error)});
    if (meaning.fatal) {
        link_lost(error);
    } else if (meaning.code == ErrorCode::server_error) {
        link->server_error = error;  // should the server close now, this is why
    }
}

/// Tell whom a permission violation concerns, because nothing else will come for them. Returns the
/// sid of the subscription that ended, or 0.
std::uint64_t Session::State::forbid(const ServerErrorMeaning& meaning, const Error& error) {
    using About = ServerErrorMeaning::About;
    if (meaning.about == About::publish) replies.fail_subject(meaning.subject, error);
    if (meaning.about == About::reply && !inbox_root.empty() &&
        meaning.subject.substr(0, inbox_root.size()) == inbox_root) {
        replies.fail_token(meaning.subject.substr(inbox_root.size()), error);
    }
    if (meaning.about == About::publish || meaning.about == About::reply) {
        forbid_gatherings(meaning.subject, error);
    }
    if (meaning.about != About::subscription) return 0;
    SubscriptionState* sub = meaning.sid ? subscriptions.find(meaning.sid)
                                         : subscriptions.find_first(meaning.subject, meaning.queue);
    if (!sub) return 0;
    if (sub->inbox) {  // no reply can come; the next request asks the server again
        replies.fail_all(error);
        inbox.reset();
    }
    const std::uint64_t sid = sub->sid;
    subscriptions.end(*sub, error);
    subscriptions.remove(sid);
    return sid;
}

}  // namespace v0
}  // namespace anynats
