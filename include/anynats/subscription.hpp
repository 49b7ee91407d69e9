// The messages of one subject: taken one at a time (`next`, which can be waited for like every
// operation), in a loop, or handed to a callback. Any thread may use one Subscription.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <anynats/export.hpp>
#include <anynats/message.hpp>
#include <anynats/operation.hpp>
#include <anynats/time.hpp>

namespace anynats {
inline namespace v0 {

struct MessageLoop;        // drive/host.hpp
struct SubscriptionQueue;  // drive/host.hpp
template <bool throws>
class NextAwaiter;

/// Is called with each message of a subscription, in their order.
using MessageHandler = std::function<void(Message)>;

/// The wait for one message, which begins when it is waited for: get() and result() cost no more
/// than the message, start() makes an Operation of it. TimeoutError when nothing came in time,
/// Closed when the subscription is over and everything it held has been taken. No message is lost
/// when the wait is cancelled or dropped, before it is done or after.
class [[nodiscard]] ANYNATS_API NextMessage {
public:
    /// Wait here; get() throws the error.
    Result<Message> result();
    Message get() { return std::move(result()).value(); }

    /// Begin to wait, for at most the timeout from now.
    Operation<Message> start();
    /// Begin to wait; `callback` gets the Result<Message> (see Operation::then).
    template <class F>
    void then(F callback) {
        start().then(std::move(callback));
    }
    /// `Message message = co_await subscription.next(1s);` (see Operation).
    NextAwaiter<true> operator co_await() noexcept;
    /// `Result<Message> result = co_await subscription.next(1s).as_result();`
    NextAwaiter<false> as_result() noexcept;

private:
    friend class Subscription;
    template <bool>
    friend class NextAwaiter;
    NextMessage(std::shared_ptr<SubscriptionQueue> queue, Duration timeout)
        : queue_(std::move(queue)), timeout_(timeout) {}
    bool take_now(Message& out);

    std::shared_ptr<SubscriptionQueue> queue_;
    Duration timeout_;
};

/// Messages of one subject, in the order they came. Copies are the same subscription; the last one
/// to go unsubscribes. If it has a callback and another thread runs that just then, the last one to
/// go waits for its end: what the callback uses may go after it.
class [[nodiscard]] ANYNATS_API Subscription {
public:
    /// The next message, waited for at most for `timeout`. UsageError when there is a callback.
    NextMessage next(Duration timeout = Duration::max()) const { return {queue_, timeout}; }
    /// The next message if one is here, without waiting.
    std::optional<Message> try_next();
    /// End it: now, or after `limit` deliveries in all. What it holds can still be taken; a
    /// callback is not begun any more once this returns, and what it has not seen is discarded.
    /// A limit may be lowered; raising it races with the server, which forgets a subscription that
    /// has reached its old one, and then nothing more comes.
    void unsubscribe(std::uint64_t limit = 0);
    /// End it in order: done when all that the server had sent for it has come, so that nothing is
    /// lost that others need not send again. What it holds can still be taken. Without a timeout,
    /// Options::drain_timeout holds; it has ended then in any case.
    Operation<Done> drain(std::optional<Duration> timeout = {});
    /// With a callback: let it go on without a handle until it is over or the client is closed.
    /// It keeps the client alive so long.
    void detach();

    std::string subject() const;
    std::uint64_t sid() const;
    /// Messages that came and wait to be taken; messages dropped because the queue was full.
    std::size_t pending() const;
    std::uint64_t dropped() const;

    /// `for (const Message& message : subscription)` until it ends.
    class ANYNATS_API Iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = Message;
        using difference_type = std::ptrdiff_t;
        using pointer = const Message*;
        using reference = const Message&;
        explicit Iterator(const Subscription& subscription);
        Iterator() = default;
        const Message& operator*() const { return message_; }
        const Message* operator->() const { return &message_; }
        Iterator& operator++();
        void operator++(int) { ++*this; }
        bool operator==(const Iterator& other) const { return loop_ == other.loop_; }

    private:
        std::shared_ptr<MessageLoop> loop_;  // none: the end
        Message message_;
    };
    Iterator begin() { return Iterator(*this); }
    Iterator end() { return Iterator(); }

private:
    friend class Client;
    explicit Subscription(std::shared_ptr<SubscriptionQueue> queue) : queue_(std::move(queue)) {}
    std::shared_ptr<SubscriptionQueue> queue_;
};

/// What `co_await` makes of a NextMessage: a message that is here costs no operation.
template <bool throws>
class [[nodiscard]] NextAwaiter {
public:
    explicit NextAwaiter(NextMessage& next) noexcept : next_(next) {}

    bool await_ready() {
        Message message;
        if (next_.take_now(message)) here_ = std::move(message);
        return here_.has_value();
    }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> waiting) {
        operation_.emplace(next_.start());
        awaiter_.emplace(*operation_);
        return !awaiter_->await_ready() && awaiter_->await_suspend(waiting);
    }
    auto await_resume() -> std::conditional_t<throws, Message, Result<Message>> {
        if (here_) return std::move(*here_);
        return awaiter_->await_resume();
    }

private:
    NextMessage& next_;
    std::optional<Message> here_;
    std::optional<Operation<Message>> operation_;
    std::optional<OperationAwaiter<Message, throws>> awaiter_;
};

inline NextAwaiter<true> NextMessage::operator co_await() noexcept {
    return NextAwaiter<true>(*this);
}
inline NextAwaiter<false> NextMessage::as_result() noexcept {
    return NextAwaiter<false>(*this);
}

}  // namespace v0
}  // namespace anynats
