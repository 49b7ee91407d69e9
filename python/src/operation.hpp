// Operations as Python objects: something that was started and will end. With the GIL.
// Dropping one that is not done cancels it.
#pragma once

#include <variant>

#include <anynats/message.hpp>
#include <anynats/operation.hpp>
#include "native.hpp"

namespace anynats::python {

/// A handle that can be asked more than once; dropped, it cancels what is not done.
class NativeOperation {
public:
    template <class T>
    NativeOperation(std::shared_ptr<Host> host, bool threads, std::shared_ptr<ResultState<T>> state)
        : host_(std::move(host)), threads_(threads), typed_(state), state_(std::move(state)) {}
    template <class T>
    NativeOperation(const NativeClient& client, std::shared_ptr<ResultState<T>> state)
        : NativeOperation(client.host, client.threads, std::move(state)) {}
    ~NativeOperation();
    NativeOperation(NativeOperation&&) = default;
    NativeOperation& operator=(NativeOperation&&) = delete;

    bool done() const noexcept { return state_->done(); }
    OperationState& state() noexcept { return *state_; }
    /// Wait, and return None, the Message or the seconds; raises the error.
    nb::object result();
    void cancel();

private:
    void wait();
    std::shared_ptr<Host> host_;
    bool threads_ = false;
    template <class T>
    using State = std::shared_ptr<ResultState<T>>;
    std::variant<State<Done>, State<Message>, State<Duration>> typed_;
    std::shared_ptr<OperationState> state_;  // the same
    nb::object value_;                       // the result, once it was taken
};

/// Begin to wait for the next message; for a `loop` over the queue, or for no loop (null). An
/// Operation as Python sees it: cancelled or dropped, it gives back what nobody took.
nb::object begin_next(const std::shared_ptr<SubscriptionQueue>& queue, bool threads,
                      std::shared_ptr<MessageLoop> loop, Duration timeout);

}  // namespace anynats::python
