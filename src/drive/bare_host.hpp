// BareHost: a Session and nobody who drives it. The user brings bytes and the time (sans-IO); the
// calls of Host work on it as everywhere else, but nothing can be waited for.
// One thread at a time; the caller locks.
#pragma once

#include "drive/host.hpp"

namespace anynats {
inline namespace v0 {

class BareHost final : public Host {
public:
    BareHost(Options options, const Seed& seed, Time now) : owned_(std::move(options), seed, now) {
        session_ = &owned_;
    }

    void enter() override {}
    bool try_enter() override { return true; }
    void leave() noexcept override {}
    Time clock() const override { return owned_.now(); }
    bool published() override { return false; }
    void push() override {}
    bool wait_for_room(std::size_t) override { return false; }
    std::optional<Error> wait(OperationState& operation) override {
        if (operation.done()) return {};
        return Error(ErrorCode::usage_error,
                     "nobody drives a bare session: feed it until the operation is done");
    }
    Waited wait_for_message(SubscriptionQueue& queue, Message& out, Duration,
                            MessageLoop* loop) override {
        if (queue.take(out, loop)) return Waited::arrived;
        return queue.state->ended ? Waited::ended : Waited::timed_out;
    }

private:
    Session owned_;
};

}  // namespace v0
}  // namespace anynats
