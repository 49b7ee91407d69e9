// NATS on Asio: an io_context, or any other executor that runs one thing at a time, drives the
// client. Every operation takes a completion token (use_awaitable when none is given) and honours
// the associated executor, allocator and cancellation slot. Header-only, for Boost.Asio, and for
// standalone Asio where ANYNATS_ASIO_STANDALONE is defined. Nothing of NATS is decided here.
//
//     anynats::AsioClient nc(io, options);
//     auto sub = nc.subscribe("greet.*");
//     auto msg = co_await sub.async_next();
//     auto reply = co_await nc.async_request("svc", "?", 1s, asio::use_awaitable);
//
// Operations complete with void(std::exception_ptr) or void(std::exception_ptr, T). The exception
// is the one that every other way of waiting throws (anynats::NoResponders, TimeoutError, ...) and
// keeps its text and its cause, which an error_code would lose. What was cancelled ends as all of
// Asio's does, with a system_error of asio::error::operation_aborted.
//
// From its beginning until it is closed or its last handle has gone, a client is work of its
// executor. Handles are copied freely, and may go on any thread; everything else belongs to the
// executor (or to the thread that made the client, before that runs): elsewhere it ends with a
// UsageError. The io_context may stop and run again; while it does not run, no ping is answered.
#pragma once

#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <anynats/asio_wait.hpp>
#include <anynats/client.hpp>

namespace anynats {
inline namespace v0 {
inline namespace ANYNATS_ASIO_KIND {

using AsioToken = asio_impl::asio::use_awaitable_t<>;  // the token when none is given

/// A subscription whose messages are taken by completion tokens. Copies are the same subscription;
/// the last one to go unsubscribes. `->` has all that does not wait (see Subscription).
class AsioSubscription {
public:
    /// The next message. TimeoutError when none came in time, Closed when it is over. Cancelled, or
    /// dropped with its handler, it leaves its message to the next.
    template <class Token = AsioToken>
    auto async_next(Duration timeout = Duration::max(), Token&& token = Token()) const {
        return asio_impl::start<Message>(pump_, token, [sub = sub_, timeout](LoopDriver&) {
            return sub->next(timeout).start();
        });
    }
    /// End in order (see Subscription::drain).
    template <class Token = AsioToken>
    auto async_drain(Token&& token = Token()) const {
        return asio_impl::start<Done>(pump_, token,
                                      [sub = sub_](LoopDriver&) { return sub->drain(); });
    }
    Subscription* operator->() const noexcept { return sub_.get(); }

private:
    friend class AsioClient;
    AsioSubscription(const std::shared_ptr<asio_impl::Pump>& pump, Subscription sub)
        : pump_(pump), sub_(new Subscription(std::move(sub)), [pump](Subscription* last) {
              asio_impl::Pump::end_there(*pump,
                                         std::pair(pump, std::unique_ptr<Subscription>(last)));
          }) {}
    std::shared_ptr<asio_impl::Pump> pump_;
    std::shared_ptr<Subscription> sub_;
};

/// A client that an executor drives. `->` has all that does not wait (see Client): publish, which
/// throws WouldBlock where async_publish waits, state, counters, set_servers and so on.
class AsioClient {
public:
    /// Begin to connect. Throws UsageError when an option is wrong.
    template <class Executor>
        requires(!std::convertible_to<Executor&, asio_impl::asio::execution_context&>)
    AsioClient(const Executor& executor, Options options)
        : pump_(asio_impl::Pump::make(executor, std::move(options))) {}
    template <class Context>
        requires std::convertible_to<Context&, asio_impl::asio::execution_context&>
    AsioClient(Context& context, Options options)
        : AsioClient(context.get_executor(), std::move(options)) {}

    Client* operator->() const noexcept { return &pump_->driver.client(); }
    asio_impl::asio::any_io_executor get_executor() const noexcept { return pump_->executor; }

    /// Done when it is connected for the first time, or as LoopDriver::connected.
    template <class Token = AsioToken>
    auto async_connect(Token&& token = Token()) const {
        return run<Done>(token, [](LoopDriver& driver) { return driver.connected(); });
    }
    /// Publish as soon as there is room within pending_limit. Cancelled, it was not published.
    template <class Token = AsioToken>
    auto async_publish(std::string subject, std::string payload, Token&& token = Token()) const {
        return async_publish(std::move(subject), std::move(payload), {}, {}, token);
    }
    template <class Token>
    auto async_publish(std::string subject, std::string payload, std::string reply, Headers headers,
                       Token&& token) const {
        return run<Done>(token, [subject = std::move(subject), payload = std::move(payload),
                                 reply = std::move(reply),
                                 headers = std::move(headers)](LoopDriver& driver) mutable {
            return driver.publish(std::move(subject), std::move(payload), std::move(reply),
                                  std::move(headers));
        });
    }
    /// Publish and wait for one reply: TimeoutError, NoResponders, Disconnected, Closed. Without a
    /// timeout Options::request_timeout holds. What was cancelled may have been answered.
    template <class Token = AsioToken>
    auto async_request(std::string subject, std::string payload,
                       std::optional<Duration> timeout = {}, Token&& token = Token()) const {
        return async_request(std::move(subject), std::move(payload), timeout, {}, token);
    }
    template <class Token>
    auto async_request(std::string subject, std::string payload, std::optional<Duration> timeout,
                       Headers headers, Token&& token) const {
        return run<Message>(token, [=](LoopDriver& driver) {
            return driver.client().request(subject, payload, timeout, headers);
        });
    }
    /// These end as those of Client do. For other timeouts than those of Options: cancel_after.
    template <class Token = AsioToken>
    auto async_flush(Token&& token = Token()) const {
        return run<Done>(token, [](LoopDriver& driver) { return driver.client().flush(); });
    }
    template <class Token = AsioToken>
    auto async_rtt(Token&& token = Token()) const {
        return run<Duration>(token, [](LoopDriver& driver) { return driver.client().rtt(); });
    }
    template <class Token = AsioToken>
    auto async_drain(Token&& token = Token()) const {
        return run<Done>(token, [](LoopDriver& driver) { return driver.client().drain(); });
    }
    template <class Token = AsioToken>
    auto async_close(Token&& token = Token()) const {
        return run<Done>(token, [](LoopDriver& driver) { return driver.client().close(); });
    }
    AsioSubscription subscribe(std::string_view subject, const SubscribeOptions& options = {}) {
        return {pump_, pump_->driver.client().subscribe(subject, options)};
    }
    /// The replies, as a subscription that ends by itself (see Client::request_many).
    AsioSubscription request_many(std::string_view subject, std::string_view payload,
                                  const RequestManyOptions& options = {},
                                  const Headers& headers = {}) {
        return {pump_, pump_->driver.client().request_many(subject, payload, options, headers)};
    }

private:
    template <class T, class Token, class Begin>
    auto run(Token& token, Begin begin) const {
        return asio_impl::start<T>(pump_, token, std::move(begin));
    }
    std::shared_ptr<asio_impl::Pump> pump_;
};

}  // namespace ANYNATS_ASIO_KIND
}  // namespace v0
}  // namespace anynats
