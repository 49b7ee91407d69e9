// Host: a Session together with whoever drives it, and every call of the user over the two, written
// once for blocked callers, loops and bare sessions. A host differs in what enter, leave and wait
// do; it knows nothing of NATS. Calls may come from any thread if the host has a lock.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <anynats/operation.hpp>
#include <anynats/session.hpp>
#include <anynats/subscription.hpp>
#include "core/subscriptions.hpp"
#include "drive/mutex.hpp"
#include "net/sys.hpp"

namespace anynats {
inline namespace v0 {

class Callbacks;
struct SubscriptionQueue;
struct MessageLoop;

/// How a wait for a message ended.
enum class Waited { arrived, timed_out, ended, interrupted };

class Host : public OperationHost, public std::enable_shared_from_this<Host> {
public:
    Session& session() noexcept { return *session_; }
    /// Whether this is a forked child's copy. What is entered then is a session closed with
    /// ForkError; what is locked apart from it may stay locked for ever.
    bool inherited() const noexcept { return forked_since(forks_); }

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
    /// Outside: wait until `queue` yields a message, for at most `timeout` (zero: do not wait). A
    /// loop that asks for it has it in hand at once.
    virtual Waited wait_for_message(SubscriptionQueue& queue, Message& out, Duration timeout,
                                    MessageLoop* loop) = 0;

    /// Inside: wake `waiter` when there may be room to publish again.
    virtual void await_room(Waiter& waiter) { waiter.wake(); }

    /// Where user code runs; null where nobody runs any for us.
    virtual Callbacks* callbacks() noexcept { return nullptr; }
    /// Inside: user code waits for what will be read: see to it that somebody reads.
    virtual void listen() noexcept {}
    /// Inside: see to it that somebody enters and leaves again soon.
    virtual void enter_again_soon() noexcept {}

    // --- what the user calls, once for all of them -----------------------------------------------
    void cancel(OperationState& operation) noexcept override;
    void detach(OperationState& operation) noexcept override;
    std::optional<Error> then(std::shared_ptr<OperationState> operation,
                              std::shared_ptr<Continuation> continuation) override;

    std::optional<Error> publish(std::string_view subject, std::string_view payload,
                                 std::string_view reply, std::string_view header_block);
    Result<std::shared_ptr<SubscriptionQueue>> subscribe(std::string_view subject,
                                                         const SubscribeOptions& options);
    Result<std::shared_ptr<SubscriptionQueue>> request_many(std::string_view subject,
                                                            std::string_view payload,
                                                            const RequestManyOptions& options,
                                                            std::string_view header_block);
    /// With a callback: what is returned only ends the subscription, when its last copy goes.
    Result<std::shared_ptr<SubscriptionQueue>> subscribe(std::string_view subject,
                                                         const SubscribeOptions& options,
                                                         MessageHandler handler);
    std::shared_ptr<ResultState<Done>> connect();
    std::shared_ptr<ResultState<Message>> request(std::string_view subject,
                                                  std::string_view payload,
                                                  std::string_view header_block,
                                                  std::optional<Duration> timeout);
    std::shared_ptr<ResultState<Done>> flush(std::optional<Duration> timeout);
    std::shared_ptr<ResultState<Duration>> rtt(std::optional<Duration> timeout);
    /// Done when it is worth trying to publish again; when there is an event to take.
    std::shared_ptr<ResultState<Done>> room();
    std::shared_ptr<ResultState<Done>> event();
    /// User code that was called back failed, outside of Callbacks: count it and tell it.
    void callback_failed(const std::string& what);
    Result<std::string> new_inbox();
    void reconnect();
    std::optional<Error> set_servers(const std::vector<std::string>& servers);
    /// One subscription, or the whole client. For at most Options::drain_timeout, unless told
    /// otherwise.
    std::shared_ptr<ResultState<Done>> drain(const std::shared_ptr<SubscriptionState>& subscription,
                                             std::optional<Duration> timeout);
    std::shared_ptr<ResultState<Done>> drain(std::optional<Duration> timeout);
    /// For at most Options::close_timeout, unless told otherwise.
    std::shared_ptr<ResultState<Done>> close(std::optional<Duration> timeout = {});

protected:
    Session* session_ = nullptr;  // set by the constructor of what owns it

private:
    template <class Call>
    std::optional<Error> when_there_is_room(std::size_t size, Call call);
    template <class Due>
    std::shared_ptr<SubscriptionQueue> queue_of(const std::shared_ptr<SubscriptionState>& state,
                                                Due due);
    template <class Make>
    auto run(const char* name, Make make);
    const std::uint64_t forks_ = fork_count();
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

/// A loop over a subscription. From the message it was given until it comes back for the next one
/// its body is at work, which drain() waits for. It ends with its loop, also by `break`.
struct MessageLoop {
    explicit MessageLoop(std::shared_ptr<SubscriptionQueue> queue_) : queue(std::move(queue_)) {}
    MessageLoop(const MessageLoop&) = delete;
    MessageLoop& operator=(const MessageLoop&) = delete;
    ~MessageLoop() { come_back(); }

    /// As those of the queue.
    bool pop(Message& out);
    Waited next(Message& out, Duration timeout);
    void come_back() noexcept;

    std::shared_ptr<SubscriptionQueue> queue;
    bool in_body = false;
};

/// A subscription as its users share it. Messages come from the session a batch at a time, in
/// order; several threads may take from it, and each message goes to one of them.
struct SubscriptionQueue final : MessageHolder {
    /// Inside.
    SubscriptionQueue(std::shared_ptr<Host> host_, std::shared_ptr<SubscriptionState> state_)
        : host(std::move(host_)), state(std::move(state_)) {
        state->holder = this;
    }
    ~SubscriptionQueue();

    /// Outside: take a message from the batch at hand.
    bool pop(Message& out, MessageLoop* loop = nullptr);
    /// Inside: take one from the batch or else from the session.
    bool take(Message& out, MessageLoop* loop);
    /// Inside: whether messages are in the batch or in the body of a loop.
    bool busy() noexcept override;
    /// Outside: pop, or wait as Host::wait_for_message does.
    Waited next(Message& out, Duration timeout);
    /// Outside: what was taken last and not delivered is the next again.
    void give_back(Message message);
    /// Inside: fill an empty batch with the share of a callback's turn; false when nothing is here.
    bool refill();
    /// Inside: throw away what is here.
    void discard() noexcept;
    /// Outside.
    void unsubscribe(std::uint64_t limit);
    std::size_t pending();
    /// The error for "nothing more will come", with its cause. Outside; or inside.
    Error ending();
    Error ending_inside() const;

    const std::shared_ptr<Host> host;
    const std::shared_ptr<SubscriptionState> state;
    // Of one with a callback: nobody else may take from it; no message is delivered any more.
    bool has_handler = false;
    std::atomic<bool> stopped{false};
    std::atomic<bool> detached{false};

private:
    friend struct MessageLoop;
    void worked_off() noexcept;
    void hand_out(Message& out, MessageLoop* loop);

    static constexpr std::size_t batch_size = 512;  // messages: bounds what limits do not see
    static constexpr std::size_t turn_size = 64;    // messages, for a callback
    Mutex mutex_;
    std::vector<Message> batch_;
    std::size_t popped_ = 0;
    std::size_t bodies_ = 0;  // loops at work on a message
    bool awaited_ = false;    // somebody waits for all of this to be worked off
};

}  // namespace v0
}  // namespace anynats
