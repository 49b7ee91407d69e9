// The client as most programs use it: connect, publish, subscribe, request. Any thread may use one
// Client or Subscription at any time; waiting happens in the thread that waits (it reads the socket
// itself when nobody else does), and a background thread looks after clients that nobody waits on.
#pragma once

#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <anynats/error_types.hpp>
#include <anynats/export.hpp>
#include <anynats/message.hpp>
#include <anynats/operation.hpp>
#include <anynats/options.hpp>
#include <anynats/session.hpp>

namespace anynats {
inline namespace v0 {

class Host;  // these three: drive/host.hpp
struct MessageLoop;
struct SubscriptionQueue;

struct PublishOptions {
    std::string_view reply = {};
    Headers headers = {};
};

/// Messages of one subject, in the order they came. Copies are the same subscription; the last one
/// to go unsubscribes.
class ANYNATS_API Subscription {
public:
    /// The next message; waits for at most `timeout`. TimeoutError when nothing came, Closed when
    /// the subscription is over and everything it held has been taken.
    Message next(Duration timeout = Duration::max());
    /// The next message if one is here, without waiting.
    std::optional<Message> try_next();
    /// End it: now (what it holds can still be taken), or after `limit` deliveries in all.
    void unsubscribe(std::uint64_t limit = 0);
    /// End it in order: done when all that the server had sent for it has come, so that nothing is
    /// lost that others need not send again. What it holds can still be taken. Without a timeout,
    /// Options::drain_timeout holds; it has ended then in any case.
    Operation<Done> drain(std::optional<Duration> timeout = {});

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

class ANYNATS_API Client {
public:
    /// Queue one message; it is sent at once, or together with others within half a millisecond.
    /// Waits while pending_limit is reached. UsageError, MaxPayload, Disconnected, Closed.
    void publish(std::string_view subject, std::string_view payload);
    /// The same with a reply subject or headers.
    void publish(std::string_view subject, std::string_view payload, const PublishOptions& options);
    Subscription subscribe(std::string_view subject, const SubscribeOptions& options = {});
    /// Publish and wait for one reply. TimeoutError, NoResponders, Disconnected, Closed. Without a
    /// timeout, Options::request_timeout holds.
    Operation<Message> request(std::string_view subject, std::string_view payload,
                               std::optional<Duration> timeout = {}, const Headers& headers = {});
    /// Publish and return the replies, as a subscription that ends by itself when they are
    /// complete: after a time, a pause, a number of them or an empty one, whatever comes first
    /// (ADR-47). It ends with NoResponders when nobody listens. Errors as for publish.
    Subscription request_many(std::string_view subject, std::string_view payload,
                              const RequestManyOptions& options = {}, const Headers& headers = {});
    /// Wait until the server has taken all that was published before (PING, PONG).
    Operation<Done> flush(std::optional<Duration> timeout = {});
    /// How long a PING and its PONG take just now. For at most Options::flush_timeout.
    Operation<Duration> rtt(std::optional<Duration> timeout = {});
    /// The server pool, shown without credentials, the current server first; and a new one in its
    /// place. A connection stays until it is lost or left. UsageError, Closed. ADR-40.
    std::vector<std::string> servers() const;
    void set_servers(const std::vector<std::string>& servers);
    /// Leave this server for the next one of the pool, now; open requests end with Disconnected.
    /// While not connected: do not wait any longer before the next attempt. ADR-40.
    void reconnect();
    /// Close in order: subscriptions end when all that was on the way has come, and what came is
    /// worked off by those who take it (a loop over a subscription until its body is done). Then
    /// everything that they published is sent, and the client is closed. Nothing new can be
    /// subscribed to. Without a timeout Options::drain_timeout holds; TimeoutError says what was
    /// left, and the client is closed then too.
    Operation<Done> drain(std::optional<Duration> timeout = {});
    /// Send what is buffered (for at most Options::close_timeout), then end everything.
    Operation<Done> close();

    std::string new_inbox();
    ConnectionState state() const;
    std::string server() const;
    std::string server_info_json() const;
    std::size_t max_payload() const;
    Counters counters() const;
    std::optional<Error> last_error() const;
    /// The next thing that became known, if any, without waiting.
    std::optional<Event> next_event();

private:
    friend struct ClientAccess;
    explicit Client(std::shared_ptr<Host> host) : host_(std::move(host)) {}
    std::shared_ptr<Host> host_;
};

/// Connect with `options`; throws UsageError at once when one of them is wrong. The operation ends
/// with ConnectFailed, ConnectTimeout or AuthorizationError when no server would have us.
ANYNATS_API Operation<Client> connect(Options options);
/// The same for one URL, or several separated by commas.
ANYNATS_API Operation<Client> connect(std::string_view servers);

}  // namespace v0
}  // namespace anynats
