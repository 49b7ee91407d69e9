// Delivering, dropping, taking and ending; see subscriptions.hpp for who may do what.
// Runs once per message: no allocation but the queue's own growth, no lock, no notify.
#include "core/subscriptions.hpp"

#include <algorithm>
#include <cstring>

#include "core/chunk.hpp"

namespace anynats {
inline namespace v0 {

std::shared_ptr<SubscriptionState> Subscriptions::add(std::string subject, std::string queue) {
    auto sub = std::make_shared<SubscriptionState>();
    sub->sid = next_sid_;
    sub->subject = std::move(subject);
    sub->queue = std::move(queue);
    table_.emplace(sub->sid, sub);
    ++next_sid_;
    return sub;
}

SubscriptionState* Subscriptions::find(std::uint64_t sid) noexcept {
    if (last_found_ && last_found_->sid == sid) return last_found_;
    const auto found = table_.find(sid);
    if (found == table_.end()) return nullptr;
    return last_found_ = found->second.get();
}

void Subscriptions::remove(std::uint64_t sid) noexcept {
    last_found_ = nullptr;
    table_.erase(sid);
}

Subscriptions::Delivery Subscriptions::deliver(SubscriptionState& sub, Message&& message) {
    const std::size_t size = message.size();
    ++sub.received;
    const bool last = sub.limit && sub.received >= sub.limit;
    if (sub.full(size)) {
        ++sub.dropped;
        if (sub.policy == SlowConsumerPolicy::drop_new || size > sub.max_bytes) {
            return last ? Delivery::ended : Delivery::dropped;
        }
        // drop_old: make room from the front. The first of them is counted above.
        sub.held_bytes -= sub.held.pop().size();
        while (sub.full(size)) {
            sub.held_bytes -= sub.held.pop().size();
            ++sub.dropped;
        }
        hold(sub, std::move(message), size);
        return last ? Delivery::ended : Delivery::dropped;
    }
    hold(sub, std::move(message), size);
    return last ? Delivery::ended : Delivery::held;
}

void Subscriptions::hold(SubscriptionState& sub, Message&& message, std::size_t size) {
    if (!sub.touched) {
        touched_.push_back(table_.find(sub.sid)->second);
        sub.touched = true;
    }
    const bool first = sub.held.empty();
    sub.held.push(std::move(message));
    sub.held_bytes += size;
    if (first) news_.push_back(sub);
}

void Subscriptions::announce() noexcept {
    // One waiter a message at most; a waiter that leaves more behind wakes the next (take below).
    while (SubscriptionState* sub = news_.pop_front()) {
        if (sub->ended) {
            sub->waiters.wake_all();
            continue;
        }
        for (std::size_t n = sub->held.size(); n > 0 && sub->waiters.wake_one(); --n) {
        }
    }
}

std::size_t Subscriptions::take(SubscriptionState& sub, std::vector<Message>& out,
                                std::size_t most) {
    const std::size_t before = out.size();
    sub.held.take(out, most);
    const std::size_t taken = out.size() - before;
    if (sub.held.empty()) {
        sub.held_bytes = 0;
    } else {
        for (std::size_t i = before; i < out.size(); ++i) sub.held_bytes -= out[i].size();
        sub.waiters.wake_one();
    }
    sub.delivered += taken;
    if (taken) sub.slow = false;
    return taken;
}

void Subscriptions::discard(SubscriptionState& sub) noexcept {
    sub.discarded += sub.held.size();
    sub.held.clear();
    sub.held_bytes = 0;
}

void Subscriptions::end(SubscriptionState& sub, std::optional<Error> why) noexcept {
    if (sub.ended) return;
    sub.ended = true;
    sub.end = std::move(why);
    news_.push_back(sub);
}

void Subscriptions::compact(const ChunkRef& chunk) {
    const char* from = chunk.get()->data();
    const char* to = from + chunk.get()->capacity;
    const auto inside = [&](const Message& m) {
        return m.subject().data() >= from && m.subject().data() < to;
    };
    for (const auto& sub : touched_) {
        sub->touched = false;
        // Messages of this chunk stand at the end of the queue: it is the newest one.
        std::size_t first = sub->held.size(), bytes = 0;
        while (first > 0 && inside(sub->held[first - 1])) bytes += sub->held[--first].size();
        if (first == sub->held.size() || bytes >= chunk.get()->capacity / 4) continue;
        ChunkRef block = Chunk::make(bytes);
        char* at = block.get()->data();
        for (std::size_t i = first; i < sub->held.size(); ++i) {
            Message& message = sub->held[i];
            const std::string_view parts[] = {message.subject(), message.reply(),
                                              message.raw_headers(), message.payload()};
            const char* base = at;
            std::uint32_t where[4] = {};
            for (int p = 0; p < 4; ++p) {
                where[p] = static_cast<std::uint32_t>(at - base);
                if (!parts[p].empty()) std::memcpy(at, parts[p].data(), parts[p].size());
                at += parts[p].size();
            }
            MessageLayout layout = message.layout();
            layout.reply_at = where[1];
            layout.headers_at = where[2];
            layout.payload_at = where[3];
            message = Message(block, base, layout, message.sid());
        }
    }
    touched_.clear();
}

std::vector<SubscriptionState*> Subscriptions::in_order() {
    std::vector<SubscriptionState*> all;
    all.reserve(table_.size());
    for (auto& [sid, sub] : table_) all.push_back(sub.get());
    std::sort(all.begin(), all.end(), [](auto* a, auto* b) { return a->sid < b->sid; });
    return all;
}

bool Subscriptions::check() const noexcept {
    for (const auto& [sid, sub] : table_) {
        std::size_t bytes = 0;
        for (std::size_t i = 0; i < sub->held.size(); ++i) bytes += sub->held[i].size();
        if (bytes != sub->held_bytes || sid != sub->sid || sub->ended) return false;
        if (sub->max_messages && sub->held.size() > sub->max_messages) return false;
        if (sub->max_bytes && bytes > sub->max_bytes) return false;
        if (!sub->inbox &&
            sub->received !=
                sub->delivered + sub->dropped + sub->discarded + sub->held.size()) {
            return false;
        }
    }
    return true;
}

}  // namespace v0
}  // namespace anynats
