// The calls of the user, once for all ways of waiting: enter the session, start the operation or
// do the plain thing, leave. Nothing here waits but through the host's own wait functions.
#include "drive/host.hpp"

#include <new>

#include "core/session_state.hpp"
#include "drive/callback_jobs.hpp"
#include "drive/news_operation.hpp"
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

/// Outside: run the task that `make` makes as an operation.
template <class Make>
auto Host::run(const char* name, Make make) try {
    Inside inside(*this);
    session().advance(clock());
    auto operation = start(session(), name, make());
    if (started()) push();
    return operation;
} catch (const std::bad_alloc&) {
    throw_out_of_memory();
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

std::shared_ptr<ResultState<Done>> Host::connect() {
    return run("connect", [&] { return anynats::connect(session()); });
}

std::shared_ptr<ResultState<Message>> Host::request(std::string_view subject,
                                                    std::string_view payload,
                                                    std::string_view header_block,
                                                    std::optional<Duration> timeout) {
    const Duration wait = timeout.value_or(session().options().request_timeout);
    return run("request",
               [&] { return anynats::request(session(), subject, payload, header_block, wait); });
}

std::shared_ptr<ResultState<Done>> Host::flush(std::optional<Duration> timeout) {
    const Duration wait = timeout.value_or(session().options().flush_timeout);
    return run("flush", [&] { return anynats::flush(session(), wait); });
}

std::shared_ptr<ResultState<Duration>> Host::rtt(std::optional<Duration> timeout) {
    const Duration wait = timeout.value_or(session().options().flush_timeout);
    return run("rtt", [&] { return anynats::rtt(session(), wait); });
}

std::shared_ptr<ResultState<Done>> Host::room() try {
    Inside inside(*this);
    auto operation = std::make_shared<NewsOperation>(session().inner().cancelled_error);
    await_room(*operation);
    return operation;
} catch (const std::bad_alloc&) {
    throw_out_of_memory();
}

std::shared_ptr<ResultState<Done>> Host::event() try {
    Inside inside(*this);
    auto operation = std::make_shared<NewsOperation>(session().inner().cancelled_error);
    if (session().inner().events.empty()) {
        session().inner().event_waiters.join(*operation);
    } else {
        operation->wake();
    }
    return operation;
} catch (const std::bad_alloc&) {
    throw_out_of_memory();
}

void Host::callback_failed(const std::string& what) try {
    Inside inside(*this);
    ++session().inner().counters.callback_errors;
    session().inner().tell({Event::Kind::error, {}, Error(ErrorCode::error, what), 0});
} catch (const std::bad_alloc&) {  // it has been counted
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
                                               std::optional<Duration> timeout) {
    const Duration wait = timeout.value_or(session().options().drain_timeout);
    return run("drain", [&] { return anynats::drain(session(), sub, wait); });
}

std::shared_ptr<ResultState<Done>> Host::drain(std::optional<Duration> timeout) {
    const Duration wait = timeout.value_or(session().options().drain_timeout);
    return run("drain", [&] { return anynats::drain(session(), wait); });
}

std::shared_ptr<ResultState<Done>> Host::close(std::optional<Duration> timeout) {
    const Duration wait = timeout.value_or(session().options().close_timeout);
    return run("close", [&] { return anynats::close(session(), wait); });
}

}  // namespace v0
}  // namespace anynats
