// The operations that a user starts, and what it does about servers; see user.hpp.
#include "ops/core_ops.hpp"
#include "ops/drain.hpp"
#include "ops/start.hpp"
#include "user.hpp"
#include "world.hpp"

namespace sim {

namespace {

constexpr std::size_t most_operations = 32;

}  // namespace

void User::request_on(std::string_view kind, Duration timeout) {
    if (oracle_.operations.size() >= most_operations) return cancel();
    std::string subject(kind);
    subject += '.' + std::to_string(++last_id_);
    const auto message = content(subject, {}, {}, payload());
    const auto before = oracle_.before();
    auto reply =
        anynats::start(session_, "request",
                       anynats::request(session_, message->subject, message->payload, {}, timeout));
    KnownOperation operation;
    operation.kind = KnownOperation::Kind::request;
    operation.state = reply;
    operation.reply = reply;
    operation.deadline = anynats::after(world_.clock.now(), timeout);
    oracle_.requested(before, {last_id_, message, true}, std::move(operation));
}

void User::request_answered() {
    request_on("r.ok", world_.dice.duration(100ms, 30s));
}
void User::request_without_responders() {
    request_on("r.none", world_.dice.duration(100ms, 30s));
}
void User::request_unanswered() {
    request_on("r.silent", world_.dice.duration(1ms, 30s));
}
void User::request_answered_twice() {
    request_on("r.twice", 5s);
}
void User::request_answered_late() {
    request_on("r.late", world_.dice.duration(100ms, 10s));
}
void User::request_answered_wrongly() {
    request_on("r.foreign", 2s);
}
void User::request_forbidden() {
    request_on("deny.r", 20s);
}

void User::request_many() {
    static constexpr std::string_view kinds[] = {"r.ok",     "r.twice", "r.stream", "r.none",
                                                 "r.silent", "r.late",  "deny.m"};
    if (oracle_.subs.size() >= most_subs && !oracle_.closed()) return next_all();
    Dice& dice = world_.dice;
    anynats::RequestManyOptions options;
    options.timeout = dice.duration(10ms, 20s);
    if (dice.one_in(2)) options.stall = dice.duration(1ms, 2s);
    if (dice.one_in(3)) options.max_messages = dice.between(1, 4);
    options.sentinel = dice.one_in(2);
    KnownReplies replies;
    replies.deadline = anynats::after(world_.clock.now(), *options.timeout);
    replies.stall = options.stall;
    replies.sentinel = options.sentinel;
    if (client_.spoiler.mutant() == Mutant::endless_replies) options.timeout = 1min;
    const std::string subject = std::string(dice.pick(kinds)) + '.' + std::to_string(++last_id_);
    const std::string text = payload();
    const auto before = oracle_.before();
    const auto sub = session_.request_many(subject, text, options);
    const std::string inbox = sub.ok() ? (*sub)->subject : "_INBOX.of.about.this.length....";
    oracle_.asked(before, {last_id_, content(subject, inbox, {}, text)}, sub, std::move(replies));
}

KnownOperation* User::some_request() {
    std::vector<KnownOperation*> some;
    for (KnownOperation& operation : oracle_.operations) {
        if (operation.kind == KnownOperation::Kind::close) continue;
        if (operation.kind == KnownOperation::Kind::drain_all) continue;
        if (!operation.state->done()) some.push_back(&operation);
    }
    return some.empty() ? nullptr : world_.dice.pick(some);
}

void User::cancel() {
    KnownOperation* operation = some_request();
    if (!operation) return;
    operation->cancelled = true;
    operation->state->cancel();
    session_.run_ready();
}

/// The handle dies, as when its holder is left by an exception.
void User::drop() {
    KnownOperation* known = some_request();
    if (!known || !known->reply) return;
    known->cancelled = true;
    {
        const anynats::Operation<Message> handle(known->reply, nullptr);
    }
    session_.run_ready();
}

void User::detach() {
    if (KnownOperation* operation = some_request()) operation->state->detach();
}

void User::flush_within(Duration timeout) {
    if (oracle_.operations.size() >= most_operations) return;
    KnownOperation operation;
    operation.kind = KnownOperation::Kind::flush;
    operation.done = anynats::start(session_, "flush", anynats::flush(session_, timeout));
    operation.state = operation.done;
    operation.deadline = anynats::after(world_.clock.now(), timeout);
    oracle_.started(std::move(operation));
}

void User::flush() {
    flush_within(world_.dice.duration(5s, 60s));
}
void User::flush_briefly() {
    flush_within(world_.dice.duration(1us, 1ms));
}
void User::wait_for_connection() {
    KnownOperation operation;
    operation.kind = KnownOperation::Kind::connect;
    operation.done = anynats::start(session_, "connect", anynats::connect(session_));
    operation.state = operation.done;
    operation.deadline = anynats::never;
    oracle_.started(std::move(operation));
}

void User::reconnect() {
    oracle_.forced();
    session_.reconnect();
}

void User::set_servers() {
    std::vector<std::string> urls;
    std::set<std::string> places;
    for (const Node& node : world_.cluster.nodes) {
        if (world_.dice.one_in(2)) places.insert(node.place());
    }
    if (places.empty()) places.insert(world_.dice.pick(world_.cluster.nodes).place());
    for (const std::string& place : places) urls.push_back("nats://" + place);
    const bool flawed = world_.dice.one_in(8);
    if (flawed) urls.push_back("http://alpha");
    const bool forgotten = client_.spoiler.mutant() == Mutant::old_pool;
    const bool taken = forgotten ? !flawed : !session_.set_servers(urls);
    const bool good = !flawed && (forgotten || !oracle_.closed());
    world_.verdict.require(Invariant::I18, taken == good, "a bad pool is taken, or a good one not");
    if (taken) oracle_.pool_is(std::move(places));
}

void User::choose_otherwise() {
    static constexpr Client::Choice ways[] = {Client::Choice::at_once, Client::Choice::later,
                                              Client::Choice::never, Client::Choice::beyond};
    client_.choice = world_.dice.pick(ways);
}

void User::drain_subscription() {
    KnownSub* sub = some_own_sub();
    if (!sub || oracle_.operations.size() >= most_operations) return;
    const Duration timeout = world_.dice.duration(10ms, 20s);
    KnownOperation operation;
    operation.kind = KnownOperation::Kind::drain;
    operation.sid = sub->sid;
    oracle_.drained(*sub);
    operation.done =
        anynats::start(session_, "drain", anynats::drain(session_, sub->state, timeout));
    if (client_.spoiler.mutant() == Mutant::hasty_drain) (void)session_.unsubscribe(*sub->state);
    operation.state = operation.done;
    operation.deadline = anynats::after(world_.clock.now(), timeout);
    oracle_.started(std::move(operation));
}

void User::drain() {
    const Duration timeout = world_.dice.duration(10ms, 8s);
    const Duration closing = std::min(session_.options().close_timeout, timeout / 2);
    oracle_.drained_all();
    KnownOperation operation;
    operation.kind = KnownOperation::Kind::drain_all;
    operation.done = anynats::start(session_, "drain", anynats::drain(session_, timeout));
    operation.state = operation.done;
    operation.deadline = anynats::after(world_.clock.now(), timeout);
    operation.earliest = operation.deadline - closing;
    oracle_.started(std::move(operation));
}

void User::close() {
    const Duration timeout = world_.dice.one_in(4) ? Duration() : world_.dice.duration(1ms, 4s);
    oracle_.closes();
    KnownOperation operation;
    operation.kind = KnownOperation::Kind::close;
    operation.done = anynats::start(session_, "close", anynats::close(session_, timeout));
    operation.state = operation.done;
    operation.deadline = anynats::after(world_.clock.now(), timeout);
    oracle_.started(std::move(operation));
}

void User::close_at_once() {
    oracle_.closes();
    session_.close();
    session_.run_ready();
}

}  // namespace sim
