// The public C++ client: a thin dress over a Driver (threads). It holds no logic of its own:
// what a call does stands in host.cpp and ops/, how it waits in driver.cpp.
#include <anynats/client.hpp>

#include <new>

#include "drive/client_access.hpp"
#include "drive/driver.hpp"
#include "ops/core_ops.hpp"
#include "ops/start.hpp"

namespace anynats {
inline namespace v0 {

namespace {

/// An operation that is done before it began: errors are values until somebody asks for them.
template <class T>
Operation<T> failed(const Error& error) {
    class Failed final : public ResultState<T> {
    public:
        explicit Failed(const Error& why) {
            this->result.emplace(why);
            this->done_ = true;
        }
        void join(Waiter&) noexcept override {}
        void cancel() noexcept override {}
        void detach() noexcept override {}
    };
    return {std::make_shared<Failed>(error), nullptr};
}

/// Waits as the client's host does, and then for the end of its callbacks.
class ClosingHost final : public OperationHost {
public:
    ClosingHost(std::shared_ptr<Host> host, bool works_off)
        : host_(std::move(host)), works_off_(works_off) {}
    std::optional<Error> wait(OperationState& operation) override {
        if (works_off_ && !operation.done() && MessageJob::runs_for(*host_)) {
            return Error(ErrorCode::usage_error,
                         "drain waits for this callback to return: let it go on, or use then()");
        }
        std::optional<Error> why_not = host_->wait(operation);
        Callbacks* const callbacks = host_->callbacks();
        if (!why_not && callbacks && !Callbacks::on_driver()) callbacks->join();
        return why_not;
    }
    void cancel(OperationState& operation) noexcept override { host_->cancel(operation); }
    void detach(OperationState& operation) noexcept override { host_->detach(operation); }
    std::optional<Error> then(std::shared_ptr<OperationState> operation,
                              std::shared_ptr<Continuation> continuation) override {
        return host_->then(std::move(operation), std::move(continuation));
    }

private:
    const std::shared_ptr<Host> host_;
    const bool works_off_;
};

}  // namespace

Operation<Client> connect(Options options) try {
    std::shared_ptr<Driver> driver = Driver::make(std::move(options));
    const Inside inside(*driver);
    Task<Client> task = connect_then(driver->session(), ClientAccess::make(driver));
    auto operation = start(driver->session(), "connect", std::move(task));
    if (driver->started()) driver->push();
    return {std::move(operation), driver};
} catch (const Error& error) {
    return failed<Client>(error);
} catch (const std::bad_alloc&) {
    throw_error(Error(ErrorCode::out_of_memory, "no memory"));
}

Operation<Client> connect(std::string_view servers) {
    Options options;
    options.servers = {std::string(servers)};
    return connect(std::move(options));
}

void Client::publish(std::string_view subject, std::string_view payload) {
    if (const auto refusal = host_->publish(subject, payload, {}, {})) throw_error(*refusal);
}

void Client::publish(std::string_view subject, std::string_view payload,
                     const PublishOptions& options) {
    if (const auto refusal = try_publish(subject, payload, options)) throw_error(*refusal);
}

std::optional<Error> Client::try_publish(std::string_view subject, std::string_view payload,
                                         const PublishOptions& options) {
    if (options.headers.empty()) return host_->publish(subject, payload, options.reply, {});
    const auto block = header_block(options.headers);
    if (!block.ok()) return block.error();
    return host_->publish(subject, payload, options.reply, *block);
}

Subscription Client::subscribe(std::string_view subject, const SubscribeOptions& options) {
    return try_subscribe(subject, {}, options).value();
}

Subscription Client::subscribe(std::string_view subject, MessageHandler handler,
                               const SubscribeOptions& options) {
    if (!handler) throw_error(Error(ErrorCode::usage_error, "subscribe: the handler is empty"));
    return try_subscribe(subject, std::move(handler), options).value();
}

Result<Subscription> Client::try_subscribe(std::string_view subject, MessageHandler handler,
                                           const SubscribeOptions& options) {
    auto queue = handler ? host_->subscribe(subject, options, std::move(handler))
                         : host_->subscribe(subject, options);
    if (!queue.ok()) return queue.error();
    return Subscription(*std::move(queue));
}

Operation<Message> Client::request(std::string_view subject, std::string_view payload,
                                   std::optional<Duration> timeout, const Headers& headers) {
    const auto block = header_block(headers);
    if (!block.ok()) return failed<Message>(block.error());
    return {host_->request(subject, payload, *block, timeout), host_};
}

Operation<Done> Client::flush(std::optional<Duration> timeout) {
    return {host_->flush(timeout), host_};
}

Subscription Client::request_many(std::string_view subject, std::string_view payload,
                                  const RequestManyOptions& options, const Headers& headers) {
    const auto block = header_block(headers);
    auto queue = host_->request_many(subject, payload, options, block.value());
    return Subscription(std::move(queue).value());
}

Operation<Duration> Client::rtt(std::optional<Duration> timeout) {
    return {host_->rtt(timeout), host_};
}

std::vector<std::string> Client::servers() const {
    const Inside inside(*host_);
    return host_->session().servers();
}

void Client::set_servers(const std::vector<std::string>& servers) {
    if (const auto refusal = host_->set_servers(servers)) throw_error(*refusal);
}

Operation<Done> Client::drain(std::optional<Duration> timeout) {
    return {host_->drain(timeout), std::make_shared<ClosingHost>(host_, true)};
}

void Client::reconnect() {
    host_->reconnect();
}

Operation<Done> Client::close() {
    return {host_->close(), std::make_shared<ClosingHost>(host_, false)};
}

std::string Client::new_inbox() {
    return host_->new_inbox().value();
}

ConnectionState Client::state() const {
    const Inside inside(*host_);
    return host_->session().state();
}

std::string Client::server() const {
    const Inside inside(*host_);
    return host_->session().server();
}

std::string Client::server_info_json() const {
    const Inside inside(*host_);
    return std::string(host_->session().server_info_json());
}

std::size_t Client::max_payload() const {
    const Inside inside(*host_);
    return host_->session().max_payload();
}

Counters Client::counters() const {
    const Inside inside(*host_);
    return host_->session().counters();
}

std::optional<Error> Client::last_error() const {
    const Inside inside(*host_);
    return host_->session().last_error();
}

std::optional<Event> Client::next_event() {
    const Inside inside(*host_);
    return host_->session().next_event();
}

}  // namespace v0
}  // namespace anynats
