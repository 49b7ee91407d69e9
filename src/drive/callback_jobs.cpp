// Bounded turns of user code: some messages, some events, one continuation; see callback_jobs.hpp.
// A handler is destroyed with its job, outside all locks: it may hold the last handle of a client.
#include "drive/callback_jobs.hpp"

#include <new>

#include "core/session_state.hpp"

namespace anynats {
inline namespace v0 {

namespace {

constexpr int events_in_turn = 64;

// The client whose message this thread has called a callback with.
thread_local const Host* message_of = nullptr;

}  // namespace

// --- messages -----------------------------------------------------------------------------------

std::shared_ptr<SubscriptionQueue> MessageJob::begin(Callbacks& callbacks,
                                                     std::shared_ptr<SubscriptionQueue> queue,
                                                     MessageHandler handler) {
    SubscriptionQueue* const shown = queue.get();
    shown->has_handler = true;
    auto job = std::make_shared<MessageJob>(callbacks, std::move(queue), std::move(handler));
    std::shared_ptr<SubscriptionQueue> handle(shown,
                                              [job](SubscriptionQueue*) { job->handle_gone(); });
    const Inside inside(callbacks.host());
    callbacks.begin(*job);
    if (shown->state->held.empty() && !shown->state->ended) {
        shown->state->waiters.join(*job);
    } else {
        job->wake();
    }
    return handle;
}

void MessageJob::handle_gone() {
    if (queue_->detached) {
        const Inside inside(callbacks_.host());
        if (!queue_->state->ended) keep();
    } else {
        queue_->unsubscribe(0);
        await_turn();
    }
}

void MessageJob::turn() {
    {
        const Inside inside(callbacks_.host());
        if (stopped() || !queue_->refill()) return;
    }
    const std::string what = "the callback of \"" + queue_->state->subject + '"';
    const Host* const before = std::exchange(message_of, &callbacks_.host());
    for (Message message; !stopped() && loop_.pop(message);) {
        callbacks_.guarded(what, [&] { handler_(std::move(message)); });
    }
    message_of = before;
    loop_.come_back();
}

bool MessageJob::runs_for(const Host& host) noexcept {
    return message_of == &host;
}

Job::Next MessageJob::next(bool dropped) noexcept {
    SubscriptionState& sub = *queue_->state;
    if (dropped && !sub.ended) {
        queue_->stopped = true;
        try {
            queue_->host->session().unsubscribe(sub);
        } catch (const std::bad_alloc&) {  // the next turn tries again
        }
    }
    if (stopped()) {
        queue_->discard();
        Host& host = callbacks_.host();
        host.session().run_ready();  // who drains need not wait for it
        if (host.published()) host.push();
        if (sub.ended) return Next::over;
    }
    if (!sub.held.empty()) return Next::again;
    if (sub.ended) return Next::over;
    sub.waiters.join(*this);
    return Next::rest;
}

// --- operations ---------------------------------------------------------------------------------

std::optional<Error> OperationJob::begin(Callbacks& callbacks,
                                         std::shared_ptr<OperationState> operation,
                                         std::shared_ptr<Continuation> continuation) {
    const auto job =
        std::make_shared<OperationJob>(callbacks, std::move(operation), std::move(continuation));
    const Inside inside(callbacks.host());
    if (auto error = callbacks.prepare()) return error;
    job->keep();
    callbacks.begin(*job);
    if (job->operation_->done()) {
        job->wake();
    } else {
        job->operation_->join(*job);
    }
    return {};
}

OperationJob::OperationJob(Callbacks& callbacks, std::shared_ptr<OperationState> operation,
                           std::shared_ptr<Continuation> continuation)
    : Job(callbacks, continuation->executor),
      host_(callbacks.host().shared_from_this()),
      operation_(std::move(operation)),
      continuation_(std::move(continuation)) {}

void OperationJob::turn() {
    callbacks_.guarded("what follows an operation", [&] { continuation_->run(); });
}

Job::Next OperationJob::next(bool) noexcept {
    return Next::over;
}

// --- choosing a server --------------------------------------------------------------------------

void ChoiceJob::ask(const Action& action) {
    asked_ = action;  // a newer question takes the place of one that nobody has looked at
    wake();
}

void ChoiceJob::turn() {
    Host& host = callbacks_.host();
    std::optional<Action> asked;
    {
        const Inside inside(host);
        asked.swap(asked_);
    }
    if (!asked) return;
    ServerChoice choice{asked->servers.size()};  // the pool's, unless the user has one
    callbacks_.guarded("choose_server", [&] { choice = chooser_(asked->servers); });
    const Inside inside(host);
    host.session().server_chosen(asked->epoch, choice.index, choice.wait, host.clock());
    host.started();
    host.push();
}

Job::Next ChoiceJob::next(bool) noexcept {
    return asked_ ? Next::again : Next::rest;
}

// --- events -------------------------------------------------------------------------------------

void EventJob::turn() {
    for (int i = 0; i < events_in_turn && !closed_; ++i) {
        std::optional<Event> event;
        {
            const Inside inside(callbacks_.host());
            event = callbacks_.host().session().next_event();
        }
        if (!event) return;
        try {
            handler_(*event);
        } catch (...) {
            callbacks_.count_thrown();  // an event of it would come here again
        }
        closed_ = event->kind == Event::Kind::closed;
    }
    if (closed_) handler_ = {};
}

Job::Next EventJob::next(bool dropped) noexcept {
    if (dropped || closed_) return Next::over;
    return callbacks_.host().session().inner().events.empty() ? Next::rest : Next::again;
}

EventListener::EventListener(Callbacks& callbacks, EventHandler handler) : callbacks_(callbacks) {
    if (handler) job_ = std::make_shared<EventJob>(callbacks, std::move(handler));
}

void EventListener::wake() noexcept {
    Session& session = callbacks_.host().session();
    if (session.state() == ConnectionState::closed) callbacks_.closed(!session.last_error());
    if (job_) job_->wake();
}

}  // namespace v0
}  // namespace anynats
