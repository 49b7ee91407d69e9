// Who knows what ought to be: learns from the user what was asked, from the wire what was carried,
// and from the session what it tells; predicts every queue, counter and ending, and judges after
// each step. The learning is in oracle.cpp, the judging in invariants.cpp; what is about many
// replies or the pool of servers in files of their own. It sees the session's answers, and of its
// inside only what the invariants are about.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <anynats/operation.hpp>

#include "core/session_state.hpp"
#include "coverage.hpp"
#include "wire.hpp"

namespace sim {

using anynats::Done;
using anynats::Error;
using anynats::ErrorCode;
using anynats::Event;
using anynats::Link;
using anynats::Message;
using anynats::OperationState;
using anynats::Options;
using anynats::ResultState;
using anynats::Session;
using anynats::SlowConsumerPolicy;
using anynats::SubscribeOptions;
using anynats::SubscriptionState;

/// Waits for the next message of a subscription, as a driver does.
class NextWait final : public anynats::Waiter {
public:
    void wake() noexcept override { woken = true; }
    bool woken = false;
};

/// The replies to a request_many as they ought to be.
struct KnownReplies {
    std::string asked;         // the subject of the request
    Time begun{}, deadline{};  // of all together
    Time due{};                // the earlier one of the deadline and the end of the pause
    std::optional<Duration> stall;
    bool sentinel = false;
    std::optional<ErrorCode> why;  // they ended with
};

/// A subscription as it ought to be.
struct KnownSub {
    std::shared_ptr<SubscriptionState> state;
    std::uint64_t sid = 0;
    std::string subject, queue;
    std::size_t most_messages = 0, most_bytes = 0;
    SlowConsumerPolicy policy = SlowConsumerPolicy::drop_new;
    std::uint64_t received = 0, before_link = 0, delivered = 0, dropped = 0;
    std::uint64_t limit = 0;
    std::set<std::uint64_t> limits;  // every one that was set
    std::deque<ContentRef> held;
    std::size_t held_bytes = 0;
    bool draining = false, fenced = false;  // fenced: UNSUB was written, its PING comes
    std::uint64_t fence = 0;                // the number of that PING
    bool ended = false;
    std::unique_ptr<NextWait> wait;
    std::optional<KnownReplies> replies;  // of a request_many
};

/// An operation that has not been seen to end.
struct KnownOperation {
    enum class Kind { request, flush, connect, close, drain, drain_all };
    Kind kind = Kind::flush;
    std::shared_ptr<OperationState> state;
    std::shared_ptr<ResultState<Message>> reply;  // request
    std::shared_ptr<ResultState<Done>> done;      // the others
    Time begun{}, deadline{};
    Time earliest{};              // when it may time out; else the deadline
    std::uint64_t sid = 0;        // drain
    std::uint64_t losses = 0;     // connections lost before it began
    std::uint64_t excused = 0;    // losses up to here need not end it
    std::uint64_t published = 0;  // publishes accepted before it began
    bool cancelled = false;
    bool too_late = false;  // begun on a closed client
    // request:
    std::string subject, inbox;
    ContentRef answer;       // the reply that came first
    bool forbidden = false;  // the server said so
};

/// The legal changes of state. A client that drains is connected or reconnecting all the same.
struct StateChange {
    std::string_view from, to, name;
};
inline constexpr StateChange state_changes[] = {
    {"connecting", "connected", "connecting > connected"},
    {"connecting", "closed", "connecting > closed"},
    {"connected", "reconnecting", "connected > reconnecting"},
    {"connected", "closed", "connected > closed"},
    {"reconnecting", "connected", "reconnecting > connected"},
    {"reconnecting", "closed", "reconnecting > closed"},
    {"connecting", "draining", "connecting > draining"},
    {"connected", "draining", "connected > draining"},
    {"reconnecting", "draining", "reconnecting > draining"},
};

/// What a session was given to send.
struct Accepted {
    std::uint64_t id = 0;
    ContentRef content;
    bool request = false;  // its reply subject is the session's choice
};

/// `from > to`, for the coverage.
std::string_view phase_change(Link::Phase from, Link::Phase to);

/// The number that makes a subject of the user unique: its last token.
std::uint64_t id_of(std::string_view subject);

/// The host:port of a URL.
std::string place_of(std::string_view url);

class Oracle {
public:
    Oracle(const Clock& clock, Verdict& verdict, Coverage& coverage, Session& session,
           const Options& options, std::size_t servers);

    // --- what the user does
    struct Before {
        std::uint64_t out_messages;
        std::size_t pending;
    };
    Before before() const;
    /// `flawed`: it must be refused as a wrong call.
    void published(const Before& before, Accepted what, const std::optional<Error>& refusal,
                   bool flawed = false);
    KnownSub& subscribed(std::shared_ptr<SubscriptionState> state, const SubscribeOptions& options);
    void refused_call() { ++rejected_; }
    /// A request_many, which may have published.
    void asked(const Before& before, Accepted what,
               const anynats::Result<std::shared_ptr<SubscriptionState>>& sub,
               KnownReplies replies);
    void unsubscribed(KnownSub& sub, std::uint64_t limit);
    void drained(KnownSub& sub);
    void drained_all();
    void took(KnownSub& sub, const std::vector<Message>& messages, std::size_t most);
    void started(KnownOperation operation);
    /// A request, which may have published.
    void requested(const Before& before, Accepted what, KnownOperation operation);
    void forced() { forced_ = true; }
    void closes() { asked_to_close_ = true; }
    /// The pool is replaced by these servers.
    void pool_is(std::set<std::string> places);

    // --- who chooses servers
    void may_choose(const anynats::Action& action);
    /// The answer for the attempt `epoch` will be this place, or none of the pool.
    void chooses(std::uint64_t epoch, const std::string& place, Duration wait);
    /// Forget an ended subscription that holds nothing.
    void forget(std::uint64_t sid) { subs.erase(sid); }

    // --- what goes over the wire
    void dialed(Wire& wire, const std::string& place);
    void wrote(Wire& wire, std::size_t bytes, const std::vector<ClientFrame>& frames);
    void heard(Wire& wire, std::size_t bytes, std::deque<Said> frames);
    void stale_input(std::uint64_t times = 1) { stale_ += times; }

    // --- what the session tells
    void told(const Event& event);
    void entered(std::string_view state);
    void timer();  // handle_timeout is about to be called, with nothing else since the last time
    void input() { spins_ = 0; }
    /// After every call into the session: whether it left its connection or closed.
    void look();

    /// Judge everything that can be judged at any moment.
    void step();
    /// Faults have stopped long ago: everything must be well.
    void at_rest();
    /// Closed, and nobody waits any more.
    void after_close();

    Duration lateness{};                     // by which timers are handled late at most
    std::map<std::uint64_t, KnownSub> subs;  // the user's, by sid; also ended ones
    std::vector<KnownOperation> operations;
    bool linked() const { return linked_; }
    /// Nothing is on its way, and nothing waits to be.
    bool quiet() const;
    bool closed() const { return closed_; }
    /// The largest body that the session may take now.
    std::size_t max_payload() const { return max_payload_; }

private:
    // oracle.cpp
    bool hear(const Said& said);
    bool hear_info(const Said& said);
    bool hear_error(const Said& said);
    void hear_message(const Said& said);
    void hear_pong();
    void drop_unwelcome();
    void hear_reply(const ContentRef& content);
    void hold(KnownSub& sub, const ContentRef& content);
    void end(KnownSub& sub);
    // oracle_replies.cpp
    void end_replies(KnownSub& sub, std::string_view because, std::optional<ErrorCode> why = {});
    bool hear_one_of_many(KnownSub& sub, const ContentRef& content);
    void learn_of_complete_replies();
    void lose_replies();
    void judge_replies(const KnownSub& sub);
    std::size_t count_replies() const;
    void wrote_frame(Wire& wire, const ClientFrame& frame);
    void wrote_publishes(const std::vector<const ClientFrame*>& frames);
    void learn_of_late_drains();
    void lost();
    void ended();
    bool require(Invariant id, bool holds, std::string_view text, std::uint64_t a = 0,
                 std::uint64_t b = 0);

    // oracle_servers.cpp
    void judge_dial(const std::string& place);
    void judge_closing();
    // invariants.cpp
    void judge_order(std::uint64_t id, const std::vector<std::uint64_t>& together);
    void judge_publish(const ClientFrame& frame, const Accepted& wanted);
    void judge_unsubscribe(const KnownSub& sub, const ClientFrame& frame);
    void judge_message(const Message& message, const ContentRef& wanted);
    void judge_operations();
    Duration lateness_of(const KnownOperation& operation) const;
    void judge_ending(const KnownOperation& operation);
    void judge_request(const KnownOperation& operation, const Error* error);
    void judge_subscriptions();
    void judge_connection();
    void judge_drain(const KnownOperation& operation, const Error* error);
    void judge_flush(const KnownOperation& operation);
    void judge_publishes();
    void judge_memory();
    void judge_counters();
    void judge_quiet();

    const Clock& clock_;
    Verdict& verdict_;
    Coverage& coverage_;
    Session& session_;
    Session::State& inner_;
    const Options options_;

    // The connection.
    Wire* wire_ = nullptr;  // that the session uses, or is dialing
    bool linked_ = false, greeted_ = false, lame_ = false;
    Time lame_since_ = anynats::never;
    Time dialed_at_{}, linked_at_{}, last_pong_{};
    std::uint64_t messages_on_link_ = 0;
    std::uint64_t link_base_ = 0;  // publishes written and lost before this connection
    bool changed_ = false;         // since the connection was last judged at rest
    std::uint64_t pings_heard_ = 0, pongs_written_ = 0, pings_written_ = 0, pongs_heard_ = 0;
    script::Interest announced_;  // the SUBs of this connection, as they were written
    std::set<std::uint64_t> announced_sids_;
    std::uint64_t losses_ = 0, failures_ = 0;
    bool ever_linked_ = false, closed_ = false, asked_to_close_ = false, draining_ = false;
    std::uint64_t lost_by_close_ = 0;  // publishes
    Invariant end_because_ = Invariant::I22;
    std::size_t max_payload_ = 1u << 20;
    std::size_t servers_;  // that were given

    // Attempts.
    struct Place {
        Time failed_at = Time::min();
        std::map<std::string, std::uint64_t> others;  // attempts when this one was dialed last
    };
    std::map<std::string, Place> places_;
    std::string place_;
    Time dial_by_{};              // when there is no connection
    std::set<std::string> pool_;  // everything that may be in it
    std::string chosen_;          // by the user, for the next attempt
    bool forced_ = false;

    // Publishes.
    std::deque<Accepted> accepted_;  // not written yet
    std::uint64_t accepted_total_ = 0, written_total_ = 0, lost_total_ = 0;

    // Subscriptions and replies.
    std::uint64_t inbox_sid_ = 0, last_sid_ = 0;

    // What the counters ought to be.
    std::uint64_t in_bytes_ = 0, out_bytes_ = 0, in_messages_ = 0, unknown_ = 0, late_ = 0,
                  dropped_ = 0, protocol_errors_ = 0, content_errors_ = 0, rejected_ = 0,
                  attempts_ = 0, reconnects_ = 0, stale_ = 0;

    // What was told, and seen.
    Link::Phase phase_ = Link::Phase::dialing;
    std::uint64_t epoch_ = 1;
    std::string state_ = "connecting";
    bool up_told_ = false, closed_told_ = false, left_told_ = false;
    unsigned spins_ = 0;
    Time spun_at_{};
};

}  // namespace sim
