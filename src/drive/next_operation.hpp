// The next message of a subscription as an operation, for whoever does not wait in place. It takes
// its message through the subscription's queue, as every taker does, and gives back what nobody
// took from it: cancelling and dropping lose none.
// Under the host's lock but where it says otherwise.
#pragma once

#include <memory>

#include "core/session_state.hpp"
#include "drive/ended_once.hpp"
#include "drive/host.hpp"

namespace anynats {
inline namespace v0 {

class NextOperation final : public EndedOnce<Message>,
                            public Waiter,
                            public Timer,
                            public Runnable {
public:
    /// For a `loop`, which is kept, over the queue: it has the message in hand at once.
    explicit NextOperation(std::shared_ptr<SubscriptionQueue> queue,
                           std::shared_ptr<MessageLoop> loop = {})
        : queue_(std::move(queue)), loop_(std::move(loop)) {}
    /// Outside.
    ~NextOperation() override { abandon(); }

    /// Outside: wait for at most `timeout` from now.
    void begin(Duration timeout);
    void fail(Error error) noexcept { finish(std::move(error)); }

    void cancel() noexcept override;
    /// Outside: give the message back.
    void abandon() noexcept override;

    // Taking must not happen inside somebody else's: it waits for the end of the turn.
    void wake() noexcept override { session().inner().ready.push_back(*this); }
    void expired() noexcept override { wake(); }
    void run() override;

    static Error late(const SubscriptionState& sub);

private:
    Session& session() const noexcept { return queue_->host->session(); }
    bool look();
    void finish(Result<Message> result) noexcept;

    const std::shared_ptr<SubscriptionQueue> queue_;
    const std::shared_ptr<MessageLoop> loop_;
};

}  // namespace v0
}  // namespace anynats
