// Delivering, dropping, taking and ending; see subscriptions.hpp for who may do what.
// Runs once per message: no allocation but the queue's own growth, no lock, no notify.
#include "core/subscriptions.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include "core/chunk.hpp"
#include "core/request_many.hpp"

namespace anynats {
inline namespace v0 {

SubscriptionState::SubscriptionState() = default;
SubscriptionState::~SubscriptionState() = default;

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

SubscriptionState* Subscriptions::find_first(std::string_view subject,
                                             std::string_view queue) noexcept {
    SubscriptionState* first = nullptr;
    for (auto& [sid, sub] : table_) {
        const bool is_it = sub->subject == subject && sub->queue == queue;
        if (is_it && (!first || sid < first->sid)) first = sub.get();
    }
    return first;
}

void Subscriptions::remove(std::uint64_t sid) noexcept {
    last_found_ = nullptr;
    table_.erase(sid);
}

Subscriptions::Delivery Subscriptions::deliver(SubscriptionState& sub, Message&& message) {
    const std::size_t size = message.size();
    // Counted once it is held or dropped: when memory is short it has not been received.
    const bool last = sub.limit && sub.received + 1 >= sub.limit;
    if (sub.full(size)) {
        if (sub.policy == SlowConsumerPolicy::drop_new || (sub.max_bytes && size > sub.max_bytes)) {
            ++sub.received;
            ++sub.dropped;
            return last ? Delivery::ended : Delivery::dropped;
        }
        while (sub.full(size)) {  // drop_old: make room from the front
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
    ++sub.received;
    sub.held_bytes += size;
    if (first) news_.push_back(sub);
}

void Subscriptions::announce() noexcept {
    // One waiter a message at most; a waiter that leaves more behind wakes the next (take below).
    while (SubscriptionState* sub = news_.pop_front()) {
        if (sub->ended) {
            sub->waiters.wake_all();
            sub->worked_off.wake_all();
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
        sub.worked_off.wake_all();
    } else {
        for (std::size_t i = before; i < out.size(); ++i) sub.held_bytes -= out[i].size();
        sub.waiters.wake_one();
    }
    sub.delivered += taken;
    if (taken) sub.slow = false;
    return taken;
}

void Subscriptions::discard(SubscriptionState& sub) noexcept {
    if (sub.held.empty()) return;
    sub.discarded += sub.held.size();
    sub.held.clear();
    sub.held_bytes = 0;
    sub.worked_off.wake_all();
}

void Subscriptions::end(SubscriptionState& sub, std::optional<Error> why) noexcept {
    if (sub.ended) return;
    sub.ended = true;
    sub.end = std::move(why);
    if (sub.gathering) sub.gathering->stop();
    news_.push_back(sub);
}

void Subscriptions::end_all(const std::optional<Error>& why) noexcept {
    try {
        for (SubscriptionState* sub : in_order()) end(*sub, why);
    } catch (const std::bad_alloc&) {
        for (auto& [sid, sub] : table_) end(*sub, why);
    }
    last_found_ = nullptr;
    table_.clear();
}

void Subscriptions::untouch() noexcept {
    for (const auto& sub : touched_) sub->touched = false;
    touched_.clear();
}

void Subscriptions::compact(const ChunkRef& chunk) noexcept {
    try {
        for (const auto& sub : touched_) compact(*sub, chunk);
    } catch (const std::bad_alloc&) {
        // They keep the chunk alive instead.
    }
    untouch();
}

void Subscriptions::compact(SubscriptionState& sub, const ChunkRef& chunk) {
    const char* from = chunk.get()->data();
    const char* to = from + chunk.get()->capacity;
    const auto inside = [&](const Message& m) {
        return m.subject().data() >= from && m.subject().data() < to;
    };
    // Messages of this chunk stand at the end of the queue: it is the newest one.
    std::size_t first = sub.held.size(), bytes = 0;
    while (first > 0 && inside(sub.held[first - 1])) bytes += sub.held[--first].size();
    if (first == sub.held.size() || bytes >= chunk.get()->capacity / 4) return;
    ChunkRef block = Chunk::make(bytes);
    char* at = block.get()->data();
    for (std::size_t i = first; i < sub.held.size(); ++i) {
        Message& message = sub.held[i];
        const char* base = at;
        const auto put = [&](std::string_view part) {
            const auto where = static_cast<std::uint32_t>(at - base);
            if (!part.empty()) std::memcpy(at, part.data(), part.size());
            at += part.size();
            return where;
        };
        MessageLayout layout = message.layout();
        put(message.subject());
        layout.reply_at = put(message.reply());
        const std::uint32_t headers_at = put(message.raw_headers());
        if (layout.headers_at) layout.headers_at = headers_at;  // 0 says MSG, not HMSG (T03)
        layout.payload_at = put(message.payload());
        message = Message(block, base, layout, message.sid());
    }
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
            sub->received != sub->delivered + sub->dropped + sub->discarded + sub->held.size()) {
            return false;
        }
    }
    return true;
}

}  // namespace v0
}  // namespace anynats
