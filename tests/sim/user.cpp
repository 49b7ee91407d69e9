// What a user publishes, subscribes to and takes, and what it tells the oracle of it; see user.hpp.
// Its operations are in user_operations.cpp.
#include "user.hpp"

#include "world.hpp"

namespace sim {

User::User(World& world, Client& client, std::uint64_t first_id)
    : world_(world),
      client_(client),
      session_(client.session),
      oracle_(client.oracle),
      last_id_(first_id) {}

void User::act(const std::vector<bool>& allowed) {
    unsigned total = 0;
    for (std::size_t i = 0; i < std::size(user_actions); ++i) {
        if (allowed[i]) total += user_actions[i].weight;
    }
    std::uint64_t drawn = world_.dice.below(total);
    for (std::size_t i = 0; i < std::size(user_actions); ++i) {
        if (!allowed[i]) continue;
        const UserAction& action = user_actions[i];
        if (drawn >= action.weight) {
            drawn -= action.weight;
            continue;
        }
        world_.coverage.count("action", action.name);
        return perform(action.name, action.act);
    }
}

void User::perform(std::string_view name, void (User::*action)()) {
    world_.trace.note(client_.name, name);
    session_.advance(world_.clock.now());
    oracle_.input();
    (this->*action)();
    oracle_.look();
    client_.turn();
}

// --- publish ------------------------------------------------------------------------------------

std::string User::payload() {
    static constexpr std::string_view traps[] = {"\r\n", "\r\nPING\r\n", "MSG a 1 1\r\nx\r\n",
                                                 "-ERR 'x'\r\n", "NATS/1.0\r\n\r\n"};
    Dice& dice = world_.dice;
    if (dice.one_in(8)) return std::string(dice.pick(traps));
    const std::size_t size = dice.one_in(10) ? dice.below(2'048) : dice.below(64);
    return std::string(size, static_cast<char>('a' + dice.below(26)));
}

void User::publish_on(std::string subject, std::string reply, std::string headers,
                      std::string payload, bool flawed) {
    const auto before = oracle_.before();
    const auto message =
        content(std::move(subject), std::move(reply), std::move(headers), std::move(payload));
    const auto refusal =
        session_.publish(message->subject, message->payload, message->reply, message->headers);
    oracle_.published(before, {last_id_, message}, refusal, flawed);
}

void User::publish() {
    const std::string topic = std::to_string(world_.dice.below(4));
    publish_on("s." + topic + '.' + std::to_string(++last_id_), {}, {}, payload());
}

void User::publish_with_reply() {
    publish_on("s.0." + std::to_string(++last_id_), "answer.here", {}, payload());
}

void User::publish_with_headers() {
    const anynats::Headers headers{{"Kind", "x"}, {"kind", "y, z"}, {"Empty", ""}};
    std::string block = anynats::header_block(headers).value();
    publish_on("s.1." + std::to_string(++last_id_), world_.dice.one_in(2) ? "answer.here" : "",
               std::move(block), payload());
}

void User::publish_around_the_limit() {
    const std::size_t size = oracle_.max_payload() - 2 + world_.dice.below(5);
    publish_on("s.2." + std::to_string(++last_id_), {}, {},
               std::string(std::min<std::size_t>(size, 64u << 10), '#'));
}

void User::publish_flawed() {
    static constexpr std::string_view flawed[] = {"",     "a b",   "a\r\nPUB x 0",
                                                  "a..b", "a\x7F", "a\tb"};
    ++last_id_;
    publish_on(std::string(world_.dice.pick(flawed)), {}, {}, payload(), true);
}

void User::publish_many() {
    for (std::uint64_t n = world_.dice.between(2, 60); n > 0; --n) publish();
}

void User::publish_forbidden() {
    publish_on("deny." + std::to_string(++last_id_), {}, {}, payload());
}

// --- subscribe ----------------------------------------------------------------------------------

std::string User::some_pattern() {
    static constexpr std::string_view patterns[] = {"s.0.*", "s.1.*", "s.2.>", "s.>", "s.*.*"};
    return std::string(world_.dice.pick(patterns));
}

void User::subscribe_to(const std::string& subject, const SubscribeOptions& options) {
    if (oracle_.subs.size() >= most_subs && !oracle_.closed()) return next_all();
    auto sub = session_.subscribe(subject, options);
    if (sub.ok()) {
        oracle_.subscribed(*sub, options);
    } else {
        oracle_.refused_call();
    }
}

void User::subscribe() {
    subscribe_to(some_pattern(), {});
}

void User::subscribe_in_queue() {
    subscribe_to(some_pattern(), {.queue = world_.dice.one_in(2) ? "q" : "other"});
}

void User::subscribe_dropping_new() {
    subscribe_to(some_pattern(), {.pending_messages = world_.dice.between(1, 8),
                                  .pending_bytes = world_.dice.between(64, 2'000),
                                  .slow_consumer = SlowConsumerPolicy::drop_new});
}

void User::subscribe_dropping_old() {
    subscribe_to(some_pattern(), {.pending_messages = world_.dice.between(1, 8),
                                  .pending_bytes = world_.dice.between(64, 2'000),
                                  .slow_consumer = SlowConsumerPolicy::drop_old});
}

void User::subscribe_forbidden() {
    subscribe_to("deny.x", {.queue = world_.dice.one_in(2) ? "q" : ""});
}

void User::subscribe_flawed() {
    static constexpr std::string_view flawed[] = {"", "a b", "a..b", "a.>.b", "a\r\nPING"};
    const bool refused = !session_.subscribe(world_.dice.pick(flawed)).ok();
    oracle_.refused_call();
    world_.verdict.require(Invariant::I01, refused, "a subject that breaks the frame is taken");
}

/// One whose limit and end are the user's to say: not the replies to a request.
KnownSub* User::some_own_sub() {
    KnownSub* sub = some_sub(true);
    return sub && sub->replies ? nullptr : sub;
}

KnownSub* User::some_sub(bool live) {
    std::vector<KnownSub*> some;
    for (auto& [sid, sub] : oracle_.subs) {
        if (!live || !sub.ended) some.push_back(&sub);
    }
    return some.empty() ? nullptr : world_.dice.pick(some);
}

void User::unsubscribe() {
    KnownSub* sub = some_sub(false);
    if (!sub) return;
    (void)session_.unsubscribe(*sub->state);
    oracle_.unsubscribed(*sub, 0);
    session_.run_ready();
}

void User::unsubscribe_after_some() {
    KnownSub* sub = some_own_sub();
    if (!sub) return;
    // A limit is lowered, never raised: the server may have ended it by the old one meanwhile.
    std::uint64_t limit = sub->received + world_.dice.between(1, 20);
    if (sub->limit) limit = std::min(limit, sub->limit);
    (void)session_.unsubscribe(*sub->state, limit);
    oracle_.unsubscribed(*sub, limit);
    session_.run_ready();
}

void User::unsubscribe_after_too_few() {
    KnownSub* sub = some_own_sub();
    if (!sub || sub->received == 0) return;
    const std::uint64_t limit = world_.dice.between(1, sub->received);
    (void)session_.unsubscribe(*sub->state, limit);
    oracle_.unsubscribed(*sub, limit);
    session_.run_ready();
}

void User::take(KnownSub& sub, std::size_t most) {
    std::vector<Message> messages;
    session_.take(*sub.state, messages, most);
    client_.spoiler.spoil(messages);
    for (const Message& message : messages) client_.outcome.add(message.subject());
    oracle_.took(sub, messages, most);
    session_.run_ready();
    if (sub.wait && sub.wait->woken) sub.wait.reset();
    if (sub.ended && sub.held.empty()) oracle_.forget(sub.sid);
}

void User::next() {
    if (KnownSub* sub = some_sub(false)) take(*sub, world_.dice.between(1, 4));
}

void User::next_all() {
    if (KnownSub* sub = some_sub(false)) take(*sub, 1'000'000);
}

void User::wait_for_next() {
    KnownSub* sub = some_sub(true);
    if (!sub || sub->wait || !sub->held.empty()) return;
    sub->wait = std::make_unique<NextWait>();
    sub->state->waiters.join(*sub->wait);
}

}  // namespace sim
