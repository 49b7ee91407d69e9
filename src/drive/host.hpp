// Host: a Session together with whoever drives it, and every call of the user over the two, written
// once for blocked callers, loops and bare sessions. A host differs in what enter, leave and wait
// do; it knows nothing of NATS. Calls may come from any thread if the host has a lock.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <anynats/operation.hpp>
#include <anynats/session.hpp>
#include "core/subscriptions.hpp"
#include "drive/mutex.hpp"

namespace anynats {
inline namespace v0 {

struct SubscriptionQueue;

/// How a wait for a message ended.
enum class Waited { arrived, timed_out, ended, interrupted };

class Host : public OperationHost, public std::enable_shared_from_this<Host> {
public:
    Session& session() noexcept { return *session_; }

    // --- what a way of waiting provides ----------------------------------------------------------
    /// Begin to use the session (a lock, if there is one); try_enter never waits.
    virtual void enter() = 0;
    virtual bool try_enter() = 0;
    /// Be done with it: wake whoever should wake.
    virtual void leave() noexcept = 0;
    /// Inside: the time now.
    virtual Time clock() const = 0;
    /// Inside: something may wait to be sent. True when push() should be called now, otherwise
    /// somebody has been told to do it soon.
    virtual bool published() = 0;
    /// Inside: an operation was started: its bytes are waited for, and its deadline must be kept.
    virtual bool started() { return published(); }
    /// Inside: send without blocking.
    virtual void push() = 0;
    /// Inside: wait until there is room for `size` bytes; false where that cannot be waited for.
    virtual bool wait_for_room(std::size_t size) = 0;
    /// Outside: wait until `queue` yields a message, for at most `timeout` (zero: do not wait).
    virtual Waited wait_for_message(SubscriptionQueue& queue, Message& out, Duration timeout) = 0;

    // --- what the user calls, once for all of them -----------------------------------------------
    void cancel(OperationState& operation) noexcept override;
    void detach(OperationState& operation) noexcept override;

    std::optional<Error> publish(std::string_view subject, std::string_view payload,
                                 std::string_view reply, std::string_view header_block);
    Result<std::shared_ptr<SubscriptionQueue>> subscribe(std::string_view subject,
                                                         const SubscribeOptions& options);
    std::shared_ptr<ResultState<Done>> connect();
    std::shared_ptr<ResultState<Message>> request(std::string_view subject,
                                                  std::string_view payload,
                                                  std::string_view header_block,
                                                  std::optional<Duration> timeout);
    std::shared_ptr<ResultState<Done>> flush(std::optional<Duration> timeout);
    void reconnect();
    /// For at most Options::close_timeout, unless told otherwise.
    std::shared_ptr<ResultState<Done>> close(std::optional<Duration> timeout = {});

protected:
    Session* session_ = nullptr;  // set by the constructor of what owns it
};

/// The time between enter and leave.
class Inside {
public:
    explicit Inside(Host& host) : host_(host) { host_.enter(); }
    ~Inside() { host_.leave(); }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

private:
    Host& host_;
};

/// A subscription as its users share it. Messages come from the session a batch at a time, in
/// order; several threads may take from it, and each message goes to one of them.
struct SubscriptionQueue {
    SubscriptionQueue(std::shared_ptr<Host> host_, std::shared_ptr<SubscriptionState> state_)
        : host(std::move(host_)), state(std::move(state_)) {}
    ~SubscriptionQueue();

    /// Take a message from the batch at hand. Outside or inside.
    bool pop(Message& out);
    /// Inside: take one from the batch or else from the session.
    bool take(Message& out);
    /// Outside: pop, or wait as Host::wait_for_message does.
    Waited next(Message& out, Duration timeout);
    /// Outside.
    void unsubscribe(std::uint64_t limit);
    std::size_t pending();
    /// The error for "nothing more will come", with its cause. Outside.
    Error ending();

    const std::shared_ptr<Host> host;
    const std::shared_ptr<SubscriptionState> state;

private:
    static constexpr std::size_t batch_size = 512;  // messages: bounds what limits do not see
    Mutex mutex_;
    std::vector<Message> batch_;
    std::size_t popped_ = 0;
};

}  // namespace v0
}  // namespace anynats
