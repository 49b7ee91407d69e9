// Operations as Python objects: something that was started and will end. With the GIL.
// Dropping one that is not done cancels it.
#pragma once

#include <anynats/message.hpp>
#include <anynats/operation.hpp>
#include "native.hpp"

namespace anynats::python {

/// A handle that can be asked more than once; dropped, it cancels what is not done.
class NativeOperation {
public:
    NativeOperation(const NativeClient& client, std::shared_ptr<ResultState<Done>> state)
        : host_(client.host), threads_(client.threads), done_(state), state_(std::move(state)) {}
    NativeOperation(const NativeClient& client, std::shared_ptr<ResultState<Message>> state)
        : host_(client.host), threads_(client.threads), message_(state), state_(std::move(state)) {}
    ~NativeOperation();
    NativeOperation(NativeOperation&&) = default;
    NativeOperation& operator=(NativeOperation&&) = delete;

    bool done() const noexcept { return state_->done(); }
    OperationState& state() noexcept { return *state_; }
    /// Wait, and return None or the Message; raises the error.
    nb::object result();
    void cancel();

private:
    void wait();
    std::shared_ptr<Host> host_;
    bool threads_ = false;
    std::shared_ptr<ResultState<Done>> done_;        // one of
    std::shared_ptr<ResultState<Message>> message_;  // these two
    std::shared_ptr<OperationState> state_;
    nb::object value_;  // the result, once it was taken
};

}  // namespace anynats::python
