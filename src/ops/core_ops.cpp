// connect, request, flush and close as coroutines; see core_ops.hpp.
// GCC 12.2 fences: co_await stands alone in its statement, parameters come by value.
#include "ops/core_ops.hpp"

#include "ops/texts.hpp"

namespace anynats {
inline namespace v0 {

namespace {

constexpr std::string_view request_on = "request on \"";

/// One wait for the connection to come up, or for the session to be closed.
class ConnectedWait : public Wait {
public:
    explicit ConnectedWait(Session& session) { session.inner().connected_waiters.join(*this); }
};

/// What a wait that the session ended is told: `what` failed, and why it cannot go on.
Error ended_error(Session& session, const std::string& what, const Error& why) {
    if (why.code() == ErrorCode::closed) return closed_error(session, what);
    return Error(why.code(), what + ": the answer cannot come any more").because(why);
}

/// One PING and its PONG, for the operation `name`; returns the time between them.
Task<Duration> ping(Session& session, const char* name, Duration timeout) {
    const Time deadline = after(session.now(), timeout);
    const auto late = [&session, name, timeout] {
        return Error(ErrorCode::timeout_error, std::string(name) + " (" + session.server() +
                                                   "): no PONG within " + in_seconds(timeout));
    };
    while (session.inner().away()) {
        ConnectedWait wait(session);
        co_await until(session, wait, deadline);
        if (wait.timed_out()) co_return late();
    }
    if (session.state() == ConnectionState::closed) co_return closed_error(session, name);
    const Time sent = session.now();
    PongWait pong;
    session.inner().await_pong(pong);
    co_await until(session, pong, deadline);
    if (pong.timed_out()) co_return late();
    if (pong.error()) co_return ended_error(session, name, *pong.error());
    co_return session.now() - sent;
}

}  // namespace

Task<Done> connect(Session& session) {
    if (session.options().retry_on_failed_connect) co_return Done{};
    while (session.inner().state == ConnectionState::connecting) {
        ConnectedWait wait(session);
        co_await until(session, wait, never);
    }
    if (session.state() == ConnectionState::closed) {
        const std::optional<Error>& why = session.last_error();
        if (why) co_return *why;
        co_return closed_error(session, "connect");
    }
    co_return Done{};
}

Task<Message> request(Session& session, std::string_view subject, std::string_view payload,
                      std::string_view header_block, Duration timeout) {
    const std::string what = std::string(request_on).append(subject) + '"';
    if (session.state() == ConnectionState::closed) co_return closed_error(session, what);
    ReplyWait reply;
    reply.subject = std::string_view(what).substr(request_on.size(), subject.size());
    session.inner().replies.open(reply);
    const std::string inbox = session.inner().reply_prefix() + reply.token();
    std::optional<Error> refusal = session.publish(subject, payload, inbox, header_block);
    if (refusal) co_return std::move(*refusal);
    co_await until(session, reply, after(session.now(), timeout));
    if (reply.timed_out()) {
        co_return Error(ErrorCode::timeout_error, what + " (" + session.server() +
                                                      "): no reply within " + in_seconds(timeout));
    }
    if (reply.error()) co_return ended_error(session, what, *reply.error());
    Message message = std::move(*reply.message());
    if (message.status() == 503 && message.payload().empty()) {
        co_return Error(ErrorCode::no_responders,
                        what + " (" + session.server() + "): nobody is subscribed to it");
    }
    co_return std::move(message);
}

Task<Done> flush(Session& session, Duration timeout) {
    auto pinged = co_await ping(session, "flush", timeout);
    if (!pinged.ok()) co_return pinged.error();
    co_return Done{};
}

Task<Duration> rtt(Session& session, Duration timeout) {
    return ping(session, "rtt", timeout);
}

Task<Done> close(Session& session, Duration timeout) {
    if (session.is_connected() && timeout > Duration::zero()) {
        session.inner().stay();  // the next server will not be waited for
        // Not being able to flush is no reason not to close; what was lost is counted.
        auto flushed = co_await flush(session, timeout);
        (void)flushed;
    }
    session.close();
    co_return Done{};
}

}  // namespace v0
}  // namespace anynats
