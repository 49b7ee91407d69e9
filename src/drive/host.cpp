// The calls of the user, once for all ways of waiting: enter the session, start the operation or
// do the plain thing, leave. Nothing here waits but through the host's own wait functions.
#include "drive/host.hpp"

#include <mutex>

#include "ops/core_ops.hpp"
#include "ops/start.hpp"

namespace anynats {
inline namespace v0 {

void Host::cancel(OperationState& operation) noexcept {
    Inside inside(*this);
    operation.cancel();
}

void Host::detach(OperationState& operation) noexcept {
    Inside inside(*this);
    operation.detach();
}

std::optional<Error> Host::publish(std::string_view subject, std::string_view payload,
                                   std::string_view reply, std::string_view header_block) {
    Inside inside(*this);
    for (;;) {
        std::optional<Error> refusal = session().publish(subject, payload, reply, header_block);
        if (!refusal) break;
        if (refusal->code() != ErrorCode::would_block) return refusal;
        // No less than what the session counts for it, or we would ask again and again.
        const std::size_t size =
            subject.size() + reply.size() + header_block.size() + payload.size() + 64;
        if (!wait_for_room(size)) return refusal;
    }
    if (published()) push();
    return {};
}

Result<std::shared_ptr<SubscriptionQueue>> Host::subscribe(std::string_view subject,
                                                           const SubscribeOptions& options) {
    Inside inside(*this);
    auto state = session().subscribe(subject, options);
    if (!state.ok()) return state.error();
    if (published()) push();
    return std::make_shared<SubscriptionQueue>(shared_from_this(), std::move(*state));
}

std::shared_ptr<ResultState<Done>> Host::connect() {
    Inside inside(*this);
    auto operation = start(session(), "connect", anynats::connect(session()));
    if (started()) push();
    return operation;
}

std::shared_ptr<ResultState<Message>> Host::request(std::string_view subject,
                                                    std::string_view payload,
                                                    std::string_view header_block,
                                                    std::optional<Duration> timeout) {
    Inside inside(*this);
    session().advance(clock());
    const Duration wait = timeout.value_or(session().options().request_timeout);
    auto operation = start(session(), "request",
                           anynats::request(session(), subject, payload, header_block, wait));
    if (started()) push();
    return operation;
}

std::shared_ptr<ResultState<Done>> Host::flush(std::optional<Duration> timeout) {
    Inside inside(*this);
    session().advance(clock());
    const Duration wait = timeout.value_or(session().options().flush_timeout);
    auto operation = start(session(), "flush", anynats::flush(session(), wait));
    if (started()) push();
    return operation;
}

void Host::reconnect() {
    Inside inside(*this);
    session().advance(clock());
    session().reconnect();
    push();
}

std::shared_ptr<ResultState<Done>> Host::close(std::optional<Duration> timeout) {
    Inside inside(*this);
    session().advance(clock());
    const Duration wait = timeout.value_or(session().options().close_timeout);
    auto operation = start(session(), "close", anynats::close(session(), wait));
    if (started()) push();
    return operation;
}

// --- subscriptions ------------------------------------------------------------------------------

SubscriptionQueue::~SubscriptionQueue() {
    unsubscribe(0);
}

bool SubscriptionQueue::pop(Message& out) {
    const std::lock_guard<Mutex> lock(mutex_);
    if (popped_ == batch_.size()) return false;
    out = std::move(batch_[popped_++]);
    return true;
}

bool SubscriptionQueue::take(Message& out) {
    const std::lock_guard<Mutex> lock(mutex_);
    if (popped_ == batch_.size()) {
        batch_.clear();
        popped_ = 0;
        // While others wait, take no more than one's share.
        const std::size_t most = state->waiters.empty() ? batch_size : 1;
        if (host->session().take(*state, batch_, most) == 0) return false;
    }
    out = std::move(batch_[popped_++]);
    return true;
}

Waited SubscriptionQueue::next(Message& out, Duration timeout) {
    if (pop(out)) return Waited::arrived;
    return host->wait_for_message(*this, out, timeout);
}

void SubscriptionQueue::unsubscribe(std::uint64_t limit) {
    Inside inside(*host);
    host->session().unsubscribe(*state, limit);
    host->session().run_ready();  // whoever waits for it learns that it is over
    if (host->published()) host->push();
}

std::size_t SubscriptionQueue::pending() {
    Inside inside(*host);
    const std::lock_guard<Mutex> lock(mutex_);
    return state->held.size() + batch_.size() - popped_;
}

Error SubscriptionQueue::ending() {
    Inside inside(*host);
    Error ended(ErrorCode::closed, "the subscription on \"" + state->subject + "\" has ended");
    return state->end ? ended.because(*state->end) : ended;
}

}  // namespace v0
}  // namespace anynats
