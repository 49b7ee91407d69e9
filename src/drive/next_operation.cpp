// Looking, waiting and giving back; see next_operation.hpp. A wake-up is only a reason to look:
// another taker may have been faster, and then the wait goes on to the same deadline.
#include "drive/next_operation.hpp"

#include <new>

namespace anynats {
inline namespace v0 {

void NextOperation::abandon() noexcept {
    if (!done() || !result || !result->ok()) return;
    queue_->give_back(*std::move(*result));
    result.reset();
    if (loop_) loop_->come_back();
}

void NextOperation::begin(Duration timeout) {
    Host& host = *queue_->host;
    const Inside inside(host);
    session().advance(host.clock());
    if (look()) return;
    session().inner().timers.arm(*this, after(session().now(), timeout));
    queue_->state->waiters.join(*this);
    if (host.started()) host.push();
}

void NextOperation::run() {
    if (look()) return;
    queue_->state->waiters.join(*this);
}

/// Whether it is done now.
bool NextOperation::look() {
    const SubscriptionState& sub = *queue_->state;
    try {
        Message message;
        if (queue_->take(message, loop_.get())) {
            finish(std::move(message));
        } else if (sub.ended) {
            finish(queue_->ending_inside());
        } else if (due() <= session().now()) {
            finish(late(sub));
        }
    } catch (const std::bad_alloc&) {
        finish(session().inner().no_memory);
    }
    return done();
}

void NextOperation::cancel() noexcept {
    if (done()) return;
    const bool told = static_cast<Runnable*>(this)->linked();
    finish(session().inner().cancelled_error);
    // A wake that was meant for us goes on to somebody who still waits.
    if (told && !queue_->state->held.empty()) queue_->state->waiters.wake_one();
}

void NextOperation::finish(Result<Message> ending) noexcept {
    static_cast<Waiter*>(this)->unlink();
    static_cast<Runnable*>(this)->unlink();
    disarm();
    end(std::move(ending));
}

Error NextOperation::late(const SubscriptionState& sub) {
    return Error(ErrorCode::timeout_error, "no message on \"" + sub.subject + "\" in time");
}

}  // namespace v0
}  // namespace anynats
