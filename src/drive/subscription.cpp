// The public Subscription and the wait for its next message: a thin dress over SubscriptionQueue
// and NextOperation. Waiting in place goes past the operation, which would cost twice the message.
#include <anynats/subscription.hpp>

#include "drive/callbacks.hpp"
#include "drive/host.hpp"
#include "drive/next_operation.hpp"

namespace anynats {
inline namespace v0 {

namespace {

Error goes_to_a_callback(const SubscriptionQueue& queue) {
    return Error(ErrorCode::usage_error,
                 "the messages on \"" + queue.state->subject + "\" go to a callback");
}

Error interrupted() {
    if (!Callbacks::on_driver()) return Error(ErrorCode::cancelled, "the wait was interrupted");
    return Error(ErrorCode::usage_error,
                 "waiting in an inline callback would block the thread that drives");
}

}  // namespace

// --- NextMessage --------------------------------------------------------------------------------

Result<Message> NextMessage::result() {
    if (queue_->has_handler) return goes_to_a_callback(*queue_);
    Message message;
    switch (queue_->next(message, timeout_)) {
        case Waited::arrived:
            break;
        case Waited::timed_out:
            return NextOperation::late(*queue_->state);
        case Waited::interrupted:
            return interrupted();
        case Waited::ended:
            return queue_->ending();
    }
    return message;
}

bool NextMessage::take_now(Message& out) {
    return !queue_->has_handler && queue_->pop(out);
}

Operation<Message> NextMessage::start() {
    auto operation = std::make_shared<NextOperation>(queue_);
    if (queue_->has_handler) {
        operation->fail(goes_to_a_callback(*queue_));
    } else {
        operation->begin(timeout_);
    }
    return {std::move(operation), queue_->host};
}

// --- Subscription -------------------------------------------------------------------------------

std::optional<Message> Subscription::try_next() {
    if (queue_->has_handler) throw_error(goes_to_a_callback(*queue_));
    Message message;
    if (queue_->next(message, Duration::zero()) != Waited::arrived) return {};
    return message;
}

void Subscription::unsubscribe(std::uint64_t limit) {
    queue_->unsubscribe(limit);
}

Operation<Done> Subscription::drain(std::optional<Duration> timeout) {
    return {queue_->host->drain(queue_->state, timeout), queue_->host};
}

void Subscription::detach() {
    queue_->detached = true;
}

std::string Subscription::subject() const {
    return queue_->state->subject;
}

std::uint64_t Subscription::sid() const {
    return queue_->state->sid;
}

std::size_t Subscription::pending() const {
    return queue_->pending();
}

std::uint64_t Subscription::dropped() const {
    const Inside inside(*queue_->host);
    return queue_->state->dropped;
}

Subscription::Iterator::Iterator(const Subscription& subscription)
    : loop_(std::make_shared<MessageLoop>(subscription.queue_)) {
    if (loop_->queue->has_handler) throw_error(goes_to_a_callback(*loop_->queue));
    ++*this;
}

Subscription::Iterator& Subscription::Iterator::operator++() {
    message_ = Message();
    switch (loop_->next(message_, Duration::max())) {
        case Waited::arrived:
            break;
        case Waited::ended: {
            const std::shared_ptr<SubscriptionQueue> queue = loop_->queue;
            loop_.reset();
            if (queue->state->end) throw_error(queue->ending());
            break;
        }
        default:
            throw_error(interrupted());
    }
    return *this;
}

}  // namespace v0
}  // namespace anynats
