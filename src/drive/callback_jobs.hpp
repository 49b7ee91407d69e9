// The kinds of user code a client runs: a subscription's handler, what follows an operation, and
// the handler of events. Which thread runs them is the business of callbacks.hpp.
#pragma once

#include <memory>

#include <anynats/operation.hpp>
#include <anynats/options.hpp>
#include "core/wait.hpp"
#include "drive/callbacks.hpp"
#include "drive/host.hpp"

namespace anynats {
inline namespace v0 {

/// Hands the messages of a subscription to its callback.
class MessageJob final : public Job {
public:
    /// Outside: begin, and return the handle that ends the subscription when it goes.
    static std::shared_ptr<SubscriptionQueue> begin(Callbacks& callbacks,
                                                    std::shared_ptr<SubscriptionQueue> queue,
                                                    MessageHandler handler);
    MessageJob(Callbacks& callbacks, std::shared_ptr<SubscriptionQueue> queue,
               MessageHandler handler)
        : Job(callbacks), queue_(queue), loop_(std::move(queue)), handler_(std::move(handler)) {}
    /// Whether this thread is in a callback that a drain of this client would wait for.
    static bool runs_for(const Host& host) noexcept;

private:
    void turn() override;
    Next next(bool dropped) noexcept override;
    void handle_gone();
    bool stopped() const noexcept { return queue_->stopped || callbacks_.stopped(); }

    const std::shared_ptr<SubscriptionQueue> queue_;
    MessageLoop loop_;
    const MessageHandler handler_;
};

/// Runs what follows an operation, once; keeps both, and the client, until then.
class OperationJob final : public Job {
public:
    /// Outside: begin, or say why not.
    static std::optional<Error> begin(Callbacks& callbacks,
                                      std::shared_ptr<OperationState> operation,
                                      std::shared_ptr<Continuation> continuation);
    OperationJob(Callbacks& callbacks, std::shared_ptr<OperationState> operation,
                 std::shared_ptr<Continuation> continuation);

private:
    void turn() override;
    Next next(bool dropped) noexcept override;

    const std::shared_ptr<Host> host_;
    const std::shared_ptr<OperationState> operation_;
    const std::shared_ptr<Continuation> continuation_;
};

/// Has the user choose the next server (Options::choose_server).
class ChoiceJob final : public Job {
public:
    ChoiceJob(Callbacks& callbacks, ServerChooser chooser)
        : Job(callbacks), chooser_(std::move(chooser)) {}
    /// Inside: answer a choose_server action soon.
    void ask(const Action& action);

private:
    void turn() override;
    Next next(bool dropped) noexcept override;

    const ServerChooser chooser_;
    std::optional<Action> asked_;
};

/// Hands the client's events to the user's callback, if there is one.
class EventJob final : public Job {
public:
    EventJob(Callbacks& callbacks, EventHandler handler)
        : Job(callbacks), handler_(std::move(handler)) {}

private:
    void turn() override;
    Next next(bool dropped) noexcept override;

    EventHandler handler_;
    bool closed_ = false;  // the last event has been told
};

/// Knows of each event at once: asks for a turn of the handler, and stops callbacks on close.
class EventListener final : public Waiter {
public:
    EventListener(Callbacks& callbacks, EventHandler handler);
    bool wants_events() const noexcept { return job_ != nullptr; }
    void wake() noexcept override;

private:
    Callbacks& callbacks_;
    std::shared_ptr<EventJob> job_;
};

}  // namespace v0
}  // namespace anynats
