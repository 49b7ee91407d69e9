// The public C++ client: a thin dress over a Driver (threads). It holds no logic of its own:
// what a call does stands in host.cpp and ops/, how it waits in driver.cpp.
#include <anynats/client.hpp>

#include <new>

#include "drive/driver.hpp"
#include "ops/core_ops.hpp"
#include "ops/start.hpp"

namespace anynats {
inline namespace v0 {

/// Lets the free function connect() make a Client.
struct ClientAccess {
    static Client make(std::shared_ptr<Host> host) { return Client(std::move(host)); }
};

namespace {

template <class T>
T or_throw(Result<T> result) {
    return std::move(result).value();
}

}  // namespace

Operation<Client> connect(Options options) try {
    std::shared_ptr<Driver> driver = Driver::make(std::move(options));
    const Inside inside(*driver);
    Task<Client> task = connect_then(driver->session(), ClientAccess::make(driver));
    auto operation = start(driver->session(), "connect", std::move(task));
    if (driver->started()) driver->push();
    return {std::move(operation), driver};
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
    std::string block;
    if (!options.headers.empty()) block = or_throw(header_block(options.headers));
    if (const auto refusal = host_->publish(subject, payload, options.reply, block)) {
        throw_error(*refusal);
    }
}

Subscription Client::subscribe(std::string_view subject, const SubscribeOptions& options) {
    return Subscription(or_throw(host_->subscribe(subject, options)));
}

Operation<Message> Client::request(std::string_view subject, std::string_view payload,
                                   std::optional<Duration> timeout, const Headers& headers) {
    std::string block;
    if (!headers.empty()) block = or_throw(header_block(headers));
    return {host_->request(subject, payload, block, timeout), host_};
}

Operation<Done> Client::flush(std::optional<Duration> timeout) {
    return {host_->flush(timeout), host_};
}

Subscription Client::request_many(std::string_view subject, std::string_view payload,
                                  const RequestManyOptions& options, const Headers& headers) {
    std::string block;
    if (!headers.empty()) block = or_throw(header_block(headers));
    return Subscription(or_throw(host_->request_many(subject, payload, options, block)));
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
    return {host_->drain(timeout), host_};
}

void Client::reconnect() {
    host_->reconnect();
}

Operation<Done> Client::close() {
    return {host_->close(), host_};
}

std::string Client::new_inbox() {
    return or_throw(host_->new_inbox());
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

// --- Subscription -------------------------------------------------------------------------------

Message Subscription::next(Duration timeout) {
    Message message;
    switch (queue_->next(message, timeout)) {
        case Waited::arrived:
            break;
        case Waited::timed_out:
            throw_error(Error(ErrorCode::timeout_error,
                              "no message on \"" + queue_->state->subject + "\" in time"));
        case Waited::interrupted:
            throw_error(Error(ErrorCode::cancelled, "the wait was interrupted"));
        case Waited::ended:
            throw_error(queue_->ending());
    }
    return message;
}

std::optional<Message> Subscription::try_next() {
    Message message;
    if (queue_->next(message, Duration::zero()) != Waited::arrived) return {};
    return message;
}

void Subscription::unsubscribe(std::uint64_t limit) {
    queue_->unsubscribe(limit);
}

Operation<Done> Subscription::drain(std::optional<Duration> timeout) {
    return {queue_->host->drain(queue_->state, timeout), queue_->host};
}

std::string Subscription::subject() const {
    return queue_->state->subject;
}

std::uint64_t Subscription::sid() const {
    return queue_->state->sid;
}

std::size_t Subscription::pending() const {
    return queue_->pending();
}

std::uint64_t Subscription::dropped() const {
    const Inside inside(*queue_->host);
    return queue_->state->dropped;
}

Subscription::Iterator::Iterator(const Subscription& subscription)
    : loop_(std::make_shared<MessageLoop>(subscription.queue_)) {
    ++*this;
}

Subscription::Iterator& Subscription::Iterator::operator++() {
    message_ = Message();
    switch (loop_->next(message_, Duration::max())) {
        case Waited::arrived:
            break;
        case Waited::ended: {
            const std::shared_ptr<SubscriptionQueue> queue = loop_->queue;
            loop_.reset();
            if (queue->state->end) throw_error(queue->ending());
            break;
        }
        default:
            throw_error(Error(ErrorCode::cancelled, "the wait was interrupted"));
    }
    return *this;
}

}  // namespace v0
}  // namespace anynats
