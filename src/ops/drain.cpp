// See drain.hpp; what the wire sees of it is in core/session_drain.cpp.
// GCC 12.2 fences: co_await stands alone in its statement, parameters come by value.
#include "ops/drain.hpp"

#include <algorithm>

#include "ops/core_ops.hpp"
#include "ops/texts.hpp"

namespace anynats {
inline namespace v0 {

namespace {

/// For the end of a subscription, or for what came to be worked off.
class WorkedOffWait : public Wait {
public:
    explicit WorkedOffWait(SubscriptionState& sub) { sub.worked_off.join(*this); }
};

/// For the last open request to end.
class RepliesWait : public Wait {
public:
    explicit RepliesWait(Session& session) { session.inner().replies.join_idle(*this); }
};

Error late(Duration timeout, const std::string& what) {
    return Error(ErrorCode::timeout_error, "drain: after " + in_seconds(timeout) + ' ' + what);
}

std::string left_in(const SubscriptionState& sub) {
    if (!sub.ended) return "the server has not confirmed the end of \"" + sub.subject + '"';
    return "messages on \"" + sub.subject + "\" were not worked off";
}

}  // namespace

Task<Done> drain(Session& session, std::shared_ptr<SubscriptionState> sub, Duration timeout) {
    const Time deadline = after(session.now(), timeout);
    session.drain(*sub);
    while (!sub->ended) {
        WorkedOffWait wait(*sub);
        co_await until(session, wait, deadline);
        if (wait.timed_out()) {
            session.unsubscribe(*sub);
            co_return late(timeout, left_in(*sub));
        }
    }
    co_return Done{};
}

Task<Done> drain(Session& session, Duration timeout) {
    if (session.state() == ConnectionState::closed) co_return Done{};
    const Time deadline = after(session.now(), timeout);
    // Whatever is left undone, what was published is to be sent: some of the time is for that.
    const Duration closing = std::min(session.options().close_timeout, timeout / 2);
    const Time work_deadline = deadline - closing;
    std::string left;
    const auto subs = session.inner().drain_all();
    for (const auto& sub : subs) {
        while (left.empty() && session.state() != ConnectionState::closed &&
               !(sub->ended && sub->idle())) {
            WorkedOffWait wait(*sub);
            co_await until(session, wait, work_deadline);
            if (wait.timed_out()) left = left_in(*sub);
        }
    }
    // Who took a message outside of a loop may be at work on it, and ask and publish meanwhile.
    std::optional<Error> unsent;
    const Replies& replies = session.inner().replies;
    const Counters& counters = session.inner().counters;
    std::uint64_t published = 0;
    bool more = session.is_connected() || session.pending_size() != 0 || replies.open_count() != 0;
    while (more && !unsent) {
        while (left.empty() && replies.open_count() != 0) {
            RepliesWait wait(session);
            co_await until(session, wait, work_deadline);
            if (wait.timed_out()) left = "requests were not answered";
        }
        published = counters.out_messages;
        const Duration rest = std::max(deadline - session.now(), Duration::zero());
        auto flushed = co_await flush(session, rest);
        if (!flushed.ok()) unsent = flushed.error();
        more = published != counters.out_messages || (left.empty() && replies.open_count() != 0);
    }
    if (session.state() == ConnectionState::closed) co_return closed_error(session, "drain");
    session.close();
    if (!left.empty()) co_return late(timeout, left);
    if (unsent) co_return std::move(*unsent);
    co_return Done{};
}

}  // namespace v0
}  // namespace anynats
