// The calls of the user, once for all ways of waiting: enter the session, start the operation or
// do the plain thing, leave. Nothing here waits but through the host's own wait functions.
#include "drive/host.hpp"

#include <algorithm>
#include <mutex>
#include <new>

#include "drive/callback_jobs.hpp"
#include "ops/core_ops.hpp"
#include "ops/drain.hpp"
#include "ops/start.hpp"

namespace anynats {
inline namespace v0 {

namespace {

/// For a user's call that has done nothing, for want of memory.
[[noreturn]] void throw_out_of_memory() {
    throw_error(Error(ErrorCode::out_of_memory, "no memory"));
}

Error no_callbacks() {
    return Error(ErrorCode::usage_error, "nobody runs callbacks for this kind of client");
}

}  // namespace

void Host::cancel(OperationState& operation) noexcept {
    Inside inside(*this);
    operation.cancel();
}

void Host::detach(OperationState& operation) noexcept {
    Inside inside(*this);
    operation.detach();
}

/// Inside: make the call, and again when there was no room and there is; its refusal, if any.
template <class Call>
std::optional<Error> Host::when_there_is_room(std::size_t size, Call call) {
    for (;;) {
        std::optional<Error> refusal = call();
        if (!refusal || refusal->code() != ErrorCode::would_block) return refusal;
        if (!wait_for_room(size)) return refusal;
    }
}

/// Outside: run a task as an operation.
template <class T>
std::shared_ptr<ResultState<T>> Host::run(const char* name, Task<T> task) {
    auto operation = start(session(), name, std::move(task));
    if (started()) push();
    return operation;
}

/// Inside: what the user gets of a subscription that has been made, which ends if that fails.
template <class Due>
std::shared_ptr<SubscriptionQueue> Host::queue_of(const std::shared_ptr<SubscriptionState>& state,
                                                  Due due) {
    try {
        auto queue = std::make_shared<SubscriptionQueue>(shared_from_this(), state);
        if (due()) push();
        return queue;
    } catch (const std::bad_alloc&) {
        session().unsubscribe(*state);
        throw;
    }
}

std::optional<Error> Host::publish(std::string_view subject, std::string_view payload,
                                   std::string_view reply, std::string_view header_block) try {
    Inside inside(*this);
    // No less than what the session counts for it, or we would ask again and again.
    const std::size_t size =
        subject.size() + reply.size() + header_block.size() + payload.size() + 64;
    const auto call = [&] { return session().publish(subject, payload, reply, header_block); };
    if (auto refusal = when_there_is_room(size, call)) return refusal;
    if (published()) push();
    return {};
} catch (const std::bad_alloc&) {
    throw_out_of_memory();
}

Result<std::shared_ptr<SubscriptionQueue>> Host::subscribe(std::string_view subject,
                                                           const SubscribeOptions& options) try {
    Inside inside(*this);
    auto state = session().subscribe(subject, options);
    if (!state.ok()) return state.error();
    return queue_of(*state, [this] { return published(); });
} catch (const std::bad_alloc&) {
    throw_out_of_memory();
}

Result<std::shared_ptr<SubscriptionQueue>> Host::request_many(std::string_view subject,
                                                              std::string_view payload,
                                                              const RequestManyOptions& options,
                                                              std::string_view header_block) try {
    Inside inside(*this);
    session().advance(clock());
    std::shared_ptr<SubscriptionState> state;
    const auto call = [&]() -> std::optional<Error> {
        auto made = session().request_many(subject, payload, options, header_block);
        if (!made.ok()) return made.error();
        state = std::move(*made);
        return {};
    };
    const std::size_t size = subject.size() + header_block.size() + payload.size() + 128;
    if (auto refusal = when_there_is_room(size, call)) return std::move(*refusal);
    return queue_of(state, [this] { return started(); });
} catch (const std::bad_alloc&) {
    throw_out_of_memory();
}

Result<std::shared_ptr<SubscriptionQueue>> Host::subscribe(std::string_view subject,
                                                           const SubscribeOptions& options,
                                                           MessageHandler handler) try {
    if (!callbacks()) return no_callbacks();
    std::shared_ptr<SubscriptionQueue> queue;
    {
        Inside inside(*this);
        if (auto error = callbacks()->prepare()) return *error;
        auto state = session().subscribe(subject, options);
        if (!state.ok()) return state.error();
        queue = queue_of(*state, [this] { return published(); });
    }
    return MessageJob::begin(*callbacks(), std::move(queue), std::move(handler));
} catch (const std::bad_alloc&) {
    throw_out_of_memory();
}

std::optional<Error> Host::then(std::shared_ptr<OperationState> operation,
                                std::shared_ptr<Continuation> continuation) try {
    if (!callbacks()) return no_callbacks();
    return OperationJob::begin(*callbacks(), std::move(operation), std::move(continuation));
} catch (const std::bad_alloc&) {
    throw_out_of_memory();
}

std::shared_ptr<ResultState<Done>> Host::connect() try {
    Inside inside(*this);
    return run("connect", anynats::connect(session()));
} catch (const std::bad_alloc&) {
    throw_out_of_memory();
}

std::shared_ptr<ResultState<Message>> Host::request(std::string_view subject,
                                                    std::string_view payload,
                                                    std::string_view header_block,
                                                    std::optional<Duration> timeout) try {
    Inside inside(*this);
    session().advance(clock());
    const Duration wait = timeout.value_or(session().options().request_timeout);
    return run("request", anynats::request(session(), subject, payload, header_block, wait));
} catch (const std::bad_alloc&) {
    throw_out_of_memory();
}

std::shared_ptr<ResultState<Done>> Host::flush(std::optional<Duration> timeout) try {
    Inside inside(*this);
    session().advance(clock());
    const Duration wait = timeout.value_or(session().options().flush_timeout);
    return run("flush", anynats::flush(session(), wait));
} catch (const std::bad_alloc&) {
    throw_out_of_memory();
}

std::shared_ptr<ResultState<Duration>> Host::rtt(std::optional<Duration> timeout) try {
    Inside inside(*this);
    session().advance(clock());
    const Duration wait = timeout.value_or(session().options().flush_timeout);
    return run("rtt", anynats::rtt(session(), wait));
} catch (const std::bad_alloc&) {
    throw_out_of_memory();
}

Result<std::string> Host::new_inbox() {
    Inside inside(*this);
    if (inherited()) return session().inner().closed("new_inbox");  // the parent makes the same
    return session().new_inbox();
}

void Host::reconnect() {
    Inside inside(*this);
    session().advance(clock());
    session().reconnect();
    push();
}

std::optional<Error> Host::set_servers(const std::vector<std::string>& servers) try {
    Inside inside(*this);
    session().advance(clock());
    auto refusal = session().set_servers(servers);
    push();
    return refusal;
} catch (const std::bad_alloc&) {
    throw_out_of_memory();
}

std::shared_ptr<ResultState<Done>> Host::drain(const std::shared_ptr<SubscriptionState>& sub,
                                               std::optional<Duration> timeout) try {
    Inside inside(*this);
    session().advance(clock());
    const Duration wait = timeout.value_or(session().options().drain_timeout);
    return run("drain", anynats::drain(session(), sub, wait));
} catch (const std::bad_alloc&) {
    throw_out_of_memory();
}

std::shared_ptr<ResultState<Done>> Host::drain(std::optional<Duration> timeout) try {
    Inside inside(*this);
    session().advance(clock());
    const Duration wait = timeout.value_or(session().options().drain_timeout);
    return run("drain", anynats::drain(session(), wait));
} catch (const std::bad_alloc&) {
    throw_out_of_memory();
}

std::shared_ptr<ResultState<Done>> Host::close(std::optional<Duration> timeout) try {
    Inside inside(*this);
    session().advance(clock());
    const Duration wait = timeout.value_or(session().options().close_timeout);
    return run("close", anynats::close(session(), wait));
} catch (const std::bad_alloc&) {
    throw_out_of_memory();
}

// --- subscriptions ------------------------------------------------------------------------------

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
    // A small part of the limits, so that they hold for what is in hand and what waits together.
    const std::size_t most = std::clamp<std::size_t>(state->max_messages / 16, 1, turn_size);
    std::size_t bytes = 0;
    while (batch_.size() < most && bytes <= state->max_bytes / 16) {
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
