// The live subscriptions of a session, by sid, and what each of them holds until it is taken.
// Under the session's lock. A message leaves a queue only into the hands of whoever asks for it,
// so cancelling loses none. Limits are exact: messages, and bytes as Message::size counts them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <anynats/message.hpp>
#include <anynats/session.hpp>
#include "core/fifo.hpp"
#include "core/wait.hpp"

namespace anynats {
inline namespace v0 {

/// Whoever has messages of a subscription in hand for its user: a batch, or a loop's body at work.
class MessageHolder {
public:
    /// Whether some of them are not worked off; if so, it wakes `worked_off` when they are.
    virtual bool busy() noexcept = 0;

protected:
    ~MessageHolder() = default;
};

struct Gathering;  // core/request_many.hpp

/// One subscription. It outlives its place in the table as long as somebody holds it.
struct SubscriptionState : ListHook {  // the hook: the session's list of subscriptions with news
    std::uint64_t sid = 0;
    std::string subject, queue;
    std::size_t max_messages = 0, max_bytes = 0;  // 0 = no limit
    SlowConsumerPolicy policy = SlowConsumerPolicy::drop_new;
    bool inbox = false;  // the multiplexed reply subscription of the session itself

    Fifo<Message> held;
    std::size_t held_bytes = 0;
    std::uint64_t limit = 0;        // auto-unsubscribe after so many deliveries, 0 = never
    std::uint64_t received = 0;     // since it began, over all connections
    std::uint64_t before_link = 0;  // of these, before the current connection's SUB
    std::uint64_t delivered = 0, dropped = 0, discarded = 0;
    bool touched = false;      // holds slices of the current chunk
    bool slow = false;         // dropped since it last had room: the event is told at the edge
    bool draining = false;     // the server is told to send no more; ends when all has come
    bool last_work = false;    // the client is closed when what it holds is worked off
    bool ended = false;        // nothing more will come; what is held may still be taken
    std::optional<Error> end;  // why, when it was not asked for
    WaitQueue waiters;         // for messages, and for the end
    WaitQueue worked_off;      // for the end, and for everything that came to be worked off
    MessageHolder* holder = nullptr;
    std::unique_ptr<Gathering> gathering;  // of replies to one request: when to end

    SubscriptionState();
    ~SubscriptionState();

    bool idle() const noexcept { return held.empty() && !(holder && holder->busy()); }

    bool full(std::size_t more) const noexcept {
        return (max_messages && held.size() >= max_messages) ||
               (max_bytes && held_bytes + more > max_bytes);
    }
};

class Subscriptions {
public:
    /// Add one with the next sid; sids are never used again (I09).
    std::shared_ptr<SubscriptionState> add(std::string subject, std::string queue);
    SubscriptionState* find(std::uint64_t sid) noexcept;
    /// A live one, to be kept.
    const std::shared_ptr<SubscriptionState>& share(const SubscriptionState& sub) {
        return table_.find(sub.sid)->second;
    }
    /// The oldest with this subject and queue.
    SubscriptionState* find_first(std::string_view subject, std::string_view queue) noexcept;
    void remove(std::uint64_t sid) noexcept;
    std::size_t size() const noexcept { return table_.size(); }

    enum class Delivery { held, dropped, ended };
    /// Count `message` against `sub` and hold it, or drop one by its policy. `ended` when it was
    /// the last of an auto-unsubscribe; the caller removes the subscription then.
    Delivery deliver(SubscriptionState& sub, Message&& message);

    /// Wake those who wait for the subscriptions that have news since the last call.
    void announce() noexcept;
    bool has_news() const noexcept { return !news_.empty(); }
    /// Move up to `most` messages to the end of `out`.
    std::size_t take(SubscriptionState& sub, std::vector<Message>& out, std::size_t most);
    /// Throw away what is held: nobody wants it any more.
    void discard(SubscriptionState& sub) noexcept;
    void end(SubscriptionState& sub, std::optional<Error> why) noexcept;

    /// End and remove all of them.
    void end_all(const std::optional<Error>& why) noexcept;

    /// Copy small slices out of `chunk`, which is being retired: a subscription that holds less
    /// than a quarter of it must not keep all of it alive. Without memory they stay where they are.
    void compact(const ChunkRef& chunk) noexcept;
    /// Nobody holds a slice of the current chunk any more.
    void untouch() noexcept;

    template <class F>
    void for_each(F visit) {
        for (auto& [sid, sub] : table_) visit(*sub);
    }
    /// In the order of their sids, so that a replay is the same for the same history (I25).
    std::vector<SubscriptionState*> in_order();
    bool check() const noexcept;

private:
    void compact(SubscriptionState& sub, const ChunkRef& chunk);
    void hold(SubscriptionState& sub, Message&& message, std::size_t size);

    std::unordered_map<std::uint64_t, std::shared_ptr<SubscriptionState>> table_;
    std::vector<std::shared_ptr<SubscriptionState>> touched_;  // hold slices of the current chunk
    SubscriptionState* last_found_ = nullptr;
    List<SubscriptionState> news_;
    std::uint64_t next_sid_ = 1;
};

}  // namespace v0
}  // namespace anynats
