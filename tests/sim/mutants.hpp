// Planted bugs: deliberate defects between the session and those who judge it, each of which must
// be caught by the invariants that it breaks. They stand for defects of the session itself.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include <anynats/message.hpp>
#include <anynats/options.hpp>

#include "verdict.hpp"
#include "wire.hpp"

namespace sim {

enum class Mutant {
    none,
    lose_publish,
    repeat_publish,
    swap_publishes,
    alter_publish,
    publish_before_connect,
    skip_pong,
    lose_resubscription,
    forget_count,
    revive_subscription,
    lose_message,
    repeat_message,
    swap_messages,
    alter_message,
    give_old_reply,
    forget_closed,
    repeat_disconnected,
    never_stale,
    slow_reconnect,
    more_pending,
    longer_queue,
    keep_requests,
    late_timers,
    hasty_drain,
    old_bytes,
    endless_replies,
    old_pool,
    other_choice,
};

struct MutantRow {
    Mutant id;
    std::string_view name;
    Invariant caught_by;
};

inline constexpr MutantRow mutants[] = {
    {Mutant::lose_publish, "a publish is lost", Invariant::I06},
    {Mutant::repeat_publish, "a publish is written twice", Invariant::I05},
    {Mutant::swap_publishes, "two publishes change places", Invariant::I02},
    {Mutant::alter_publish, "a publish is altered", Invariant::I11},
    {Mutant::publish_before_connect, "half a frame opens the next connection", Invariant::I01},
    {Mutant::skip_pong, "a ping is not answered", Invariant::I15},
    {Mutant::lose_resubscription, "a subscription is not replayed", Invariant::I08},
    {Mutant::forget_count, "the replay forgets what has come", Invariant::I12},
    {Mutant::revive_subscription, "an UNSUB is lost", Invariant::I08},
    {Mutant::lose_message, "a message is lost", Invariant::I10},
    {Mutant::repeat_message, "a message comes twice", Invariant::I10},
    {Mutant::swap_messages, "two messages change places", Invariant::I10},
    {Mutant::alter_message, "a message is altered", Invariant::I11},
    {Mutant::give_old_reply, "a request gets the reply of another", Invariant::I14},
    {Mutant::forget_closed, "nobody is told of the end", Invariant::I13},
    {Mutant::repeat_disconnected, "a disconnect is told twice", Invariant::I21},
    {Mutant::never_stale, "pings without an answer are not counted", Invariant::I16},
    {Mutant::slow_reconnect, "back-off grows beyond its limit", Invariant::I18},
    {Mutant::more_pending, "pending_limit is not kept", Invariant::I07},
    {Mutant::longer_queue, "the limit of a queue is not kept", Invariant::I10},
    {Mutant::keep_requests, "requests outlive their connection", Invariant::I14},
    {Mutant::late_timers, "deadlines are looked at too late", Invariant::I17},
    {Mutant::hasty_drain, "a drain does not wait for its fence", Invariant::I23},
    {Mutant::old_bytes, "bytes of an old connection are taken", Invariant::I04},
    {Mutant::endless_replies, "replies are waited for beyond their time", Invariant::I17},
    {Mutant::old_pool, "a new pool is not taken", Invariant::I18},
    {Mutant::other_choice, "the server that was chosen is not dialed", Invariant::I18},
};

/// The options that a session with the planted bug has, where its judge believes in `options`.
anynats::Options mutated(anynats::Options options, Mutant mutant);

/// One planted bug at work on what a client writes and what a user gets.
class Spoiler {
public:
    explicit Spoiler(Mutant mutant) : mutant_(mutant) {}

    Mutant mutant() const { return mutant_; }
    /// What the judges see of the frames that the session wrote.
    void spoil(std::vector<ClientFrame>& frames, std::uint64_t epoch);
    /// What the user sees of the messages that it took.
    void spoil(std::vector<anynats::Message>& messages);

    /// What the user sees of a reply.
    void spoil(anynats::Message& reply);

private:
    Mutant mutant_;
    std::optional<anynats::Message> old_reply_;
    bool reconnected_ = false;  // at least once, and SUBs may be replays
    std::uint64_t epoch_ = 0;
};

}  // namespace sim
