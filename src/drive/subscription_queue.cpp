// What a user holds of a subscription: a batch of its messages, and the loops that work on them.
// Lock order: the host's lock, then the queue's own; the latter is never held while anybody is
// told.
#include <algorithm>
#include <mutex>

#include "drive/host.hpp"

namespace anynats {
inline namespace v0 {

SubscriptionQueue::~SubscriptionQueue() {
    Inside inside(*host);
    state->holder = nullptr;
    host->session().unsubscribe(*state);
    host->session().discard(*state);  // nobody can take it any more
    host->session().run_ready();
    if (host->published()) host->push();
}

bool SubscriptionQueue::pop(Message& out, MessageLoop* loop) {
    if (host->inherited()) return false;
    bool last;
    {
        const std::lock_guard<Mutex> lock(mutex_);
        if (popped_ == batch_.size()) return false;
        hand_out(out, loop);
        last = awaited_ && bodies_ == 0 && popped_ == batch_.size();
    }
    if (last) worked_off();
    return true;
}

bool SubscriptionQueue::take(Message& out, MessageLoop* loop) {
    if (host->inherited()) return false;
    const std::lock_guard<Mutex> lock(mutex_);
    if (popped_ == batch_.size()) {
        batch_.clear();
        popped_ = 0;
        // While others wait, take no more than one's share.
        const std::size_t most = state->waiters.empty() ? batch_size : 1;
        if (host->session().take(*state, batch_, most) == 0) return false;
    }
    hand_out(out, loop);
    return true;
}

/// With mutex_, and a message in the batch.
void SubscriptionQueue::hand_out(Message& out, MessageLoop* loop) {
    out = std::move(batch_[popped_++]);
    if (!loop || loop->in_body) return;
    loop->in_body = true;
    ++bodies_;
}

bool SubscriptionQueue::busy() noexcept {
    if (host->inherited()) return false;
    const std::lock_guard<Mutex> lock(mutex_);
    awaited_ = bodies_ != 0 || popped_ != batch_.size();
    return awaited_;
}

/// Tell those who wait for it that nothing is left in hand.
void SubscriptionQueue::worked_off() noexcept {
    try {
        Inside inside(*host);
        state->worked_off.wake_all();
        host->session().run_ready();
        if (host->started()) host->push();
    } catch (const Error&) {  // not the loop's thread: who waits does so until the deadline
    }
}

Waited SubscriptionQueue::next(Message& out, Duration timeout) {
    if (pop(out)) return Waited::arrived;
    return host->wait_for_message(*this, out, timeout, nullptr);
}

bool MessageLoop::pop(Message& out) {
    return queue->pop(out, this);
}

Waited MessageLoop::next(Message& out, Duration timeout) {
    if (pop(out)) return Waited::arrived;
    come_back();
    return queue->host->wait_for_message(*queue, out, timeout, this);
}

void MessageLoop::come_back() noexcept {
    if (!in_body) return;
    in_body = false;
    if (queue->host->inherited()) return;
    bool last;
    {
        const std::lock_guard<Mutex> lock(queue->mutex_);
        --queue->bodies_;
        last = queue->awaited_ && queue->bodies_ == 0 && queue->popped_ == queue->batch_.size();
    }
    if (last) queue->worked_off();
}

void SubscriptionQueue::give_back(Message message) {
    Inside inside(*host);
    {
        const std::lock_guard<Mutex> lock(mutex_);
        if (popped_ > 0) {
            batch_[--popped_] = std::move(message);
        } else {
            batch_.insert(batch_.begin(), std::move(message));
        }
    }
    state->waiters.wake_one();
    host->session().run_ready();
}

bool SubscriptionQueue::refill() {
    const std::lock_guard<Mutex> lock(mutex_);
    batch_.clear();
    popped_ = 0;
    // A small part of the limits, so that they hold for what is in hand and what waits together; 0
    // is no limit.
    const auto share = [](std::size_t limit) { return limit ? limit / 16 : ~std::size_t{0}; };
    const std::size_t most = std::clamp<std::size_t>(share(state->max_messages), 1, turn_size);
    std::size_t bytes = 0;
    while (batch_.size() < most && bytes <= share(state->max_bytes)) {
        if (host->session().take(*state, batch_, 1) == 0) break;
        bytes += batch_.back().size();
    }
    return !batch_.empty();
}

void SubscriptionQueue::discard() noexcept {
    const std::lock_guard<Mutex> lock(mutex_);
    batch_.clear();
    popped_ = 0;
    host->session().discard(*state);
    state->worked_off.wake_all();
}

void SubscriptionQueue::unsubscribe(std::uint64_t limit) {
    Inside inside(*host);
    host->session().unsubscribe(*state, limit);
    if (state->ended && has_handler) stopped = true;
    host->session().run_ready();  // whoever waits for it learns that it is over
    if (host->published()) host->push();
}

std::size_t SubscriptionQueue::pending() {
    Inside inside(*host);
    if (host->inherited()) return 0;
    const std::lock_guard<Mutex> lock(mutex_);
    return state->held.size() + batch_.size() - popped_;
}

Error SubscriptionQueue::ending() {
    Inside inside(*host);
    return ending_inside();
}

Error SubscriptionQueue::ending_inside() const {
    if (state->end && state->end->is(ErrorCode::fork_error)) return *state->end;
    Error ended(ErrorCode::closed, "the subscription on \"" + state->subject + "\" has ended");
    if (!state->end) return ended;
    // Of a request the end is the answer; that a subscription stood behind it is our business.
    return state->gathering ? *state->end : ended.because(*state->end);
}

}  // namespace v0
}  // namespace anynats
