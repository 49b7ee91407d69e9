// The client as most programs use it: connect, publish, subscribe, request. Any thread may use one
// Client or Subscription at any time; waiting happens in the thread that waits (it reads the socket
// itself when nobody else does), and a background thread looks after clients that nobody waits on.
#pragma once

#include <cstdint>
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
#include <anynats/subscription.hpp>

namespace anynats {
inline namespace v0 {

class Host;  // drive/host.hpp

struct PublishOptions {
    std::string_view reply = {};
    Headers headers = {};
};

class ANYNATS_API Client {
public:
    /// Queue one message; it is sent at once, or together with others within half a millisecond.
    /// Waits while pending_limit is reached. UsageError, MaxPayload, Disconnected, Closed.
    void publish(std::string_view subject, std::string_view payload);
    /// The same with a reply subject or headers.
    void publish(std::string_view subject, std::string_view payload, const PublishOptions& options);
    /// The same for programs without exceptions: nothing, or why nothing was queued.
    [[nodiscard]] std::optional<Error> try_publish(std::string_view subject,
                                                   std::string_view payload,
                                                   const PublishOptions& options = {});

    /// Receive the messages of a subject, and take them when you like. UsageError, Closed.
    Subscription subscribe(std::string_view subject, const SubscribeOptions& options = {});
    /// Have `handler` called with each message, one after the other, where the client's callbacks
    /// run (Options::executor). A handler that does not keep up is a slow consumer: what waits for
    /// it is bounded as every subscription is. What it throws is told as an event, and the next
    /// message comes. The handler goes with the last copy of the subscription: keep one, or
    /// detach() it.
    Subscription subscribe(std::string_view subject, MessageHandler handler,
                           const SubscribeOptions& options = {});
    /// The same for programs without exceptions; an empty handler is none.
    Result<Subscription> try_subscribe(std::string_view subject, MessageHandler handler = {},
                                       const SubscribeOptions& options = {});

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
    /// worked off by those who take it (a loop over a subscription until its body is done, a
    /// callback until it has returned). Then everything that they published is sent, and the client
    /// is closed. Nothing new can be subscribed to. To wait for it in such a callback is a
    /// UsageError. Without a timeout Options::drain_timeout holds; TimeoutError says what was left,
    /// and the client is closed then too.
    Operation<Done> drain(std::optional<Duration> timeout = {});
    /// Send what is buffered (for at most Options::close_timeout), then end everything; messages
    /// that a callback has not seen are discarded. get() and result() return when the client's own
    /// callback thread has ended too, so that nothing that callbacks use is used any more; called
    /// by a callback they do not wait for that. Without close(), the last handle to go ends the
    /// connection; Options::on_event and what follows an operation may be running then.
    Operation<Done> close();

    std::string new_inbox();
    ConnectionState state() const;
    std::string server() const;
    std::string server_info_json() const;
    std::size_t max_payload() const;
    Counters counters() const;
    std::optional<Error> last_error() const;
    /// The next thing that became known, if any, without waiting; for clients without
    /// Options::on_event.
    std::optional<Event> next_event();

private:
    friend struct ClientAccess;
    explicit Client(std::shared_ptr<Host> host) : host_(std::move(host)) {}
    std::shared_ptr<Host> host_;
};

/// Connect with `options`. The operation ends with UsageError at once when one of them is wrong,
/// with ConnectFailed, ConnectTimeout or AuthorizationError when no server would have us.
ANYNATS_API Operation<Client> connect(Options options);
/// The same for one URL, or several separated by commas.
ANYNATS_API Operation<Client> connect(std::string_view servers);

}  // namespace v0
}  // namespace anynats
