// A seeded user of one client: a table of actions, of which each step takes one at random.
// A new operation of the library gets a row here, and the oracle a way to know how it may end.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client.hpp"

namespace sim {

class User {
public:
    static constexpr std::size_t most_subs = 16;

    User(World& world, Client& client, std::uint64_t first_id);

    /// Do one thing; `allowed` says of each row of user_actions whether it may be chosen.
    void act(const std::vector<bool>& allowed);
    /// Do this now.
    void perform(std::string_view name, void (User::*action)());

    // The actions.
    void publish();
    void publish_with_reply();
    void publish_with_headers();
    void publish_around_the_limit();
    void publish_flawed();
    void publish_many();
    void publish_forbidden();
    void subscribe();
    void subscribe_in_queue();
    void subscribe_dropping_new();
    void subscribe_dropping_old();
    void subscribe_forbidden();
    void subscribe_flawed();
    void unsubscribe();
    void unsubscribe_after_some();
    void unsubscribe_after_too_few();
    void request_answered();
    void request_without_responders();
    void request_unanswered();
    void request_answered_twice();
    void request_answered_late();
    void request_answered_wrongly();
    void request_forbidden();
    void request_many();
    void cancel();
    void drop();
    void detach();
    void flush();
    void flush_briefly();
    void next();
    void next_all();
    void wait_for_next();
    void reconnect();
    void wait_for_connection();
    void set_servers();
    void choose_otherwise();
    void drain_subscription();
    void drain();
    void close();
    void close_at_once();

private:
    std::string payload();
    void publish_on(std::string subject, std::string reply, std::string headers,
                    std::string payload, bool flawed = false);
    void subscribe_to(const std::string& subject, const SubscribeOptions& options);
    void request_on(std::string_view kind, Duration timeout);
    void flush_within(Duration timeout);
    void take(KnownSub& sub, std::size_t most);
    KnownSub* some_sub(bool live);
    KnownSub* some_own_sub();
    KnownOperation* some_request();
    std::string some_pattern();

    World& world_;
    Client& client_;
    Session& session_;
    Oracle& oracle_;
    std::uint64_t last_id_;
};

struct UserAction {
    std::string_view name;
    unsigned weight;
    void (User::*act)();
};

inline constexpr UserAction user_actions[] = {
    {"publish", 200, &User::publish},
    {"publish with reply", 40, &User::publish_with_reply},
    {"publish with headers", 40, &User::publish_with_headers},
    {"publish around the limit", 20, &User::publish_around_the_limit},
    {"publish flawed", 10, &User::publish_flawed},
    {"publish many", 30, &User::publish_many},
    {"publish forbidden", 10, &User::publish_forbidden},
    {"subscribe", 40, &User::subscribe},
    {"subscribe in queue", 20, &User::subscribe_in_queue},
    {"subscribe, drop new", 20, &User::subscribe_dropping_new},
    {"subscribe, drop old", 20, &User::subscribe_dropping_old},
    {"subscribe forbidden", 10, &User::subscribe_forbidden},
    {"subscribe flawed", 5, &User::subscribe_flawed},
    {"unsubscribe", 30, &User::unsubscribe},
    {"unsubscribe after some", 40, &User::unsubscribe_after_some},
    {"unsubscribe after too few", 5, &User::unsubscribe_after_too_few},
    {"request answered", 60, &User::request_answered},
    {"request without responders", 20, &User::request_without_responders},
    {"request unanswered", 20, &User::request_unanswered},
    {"request answered twice", 20, &User::request_answered_twice},
    {"request answered late", 20, &User::request_answered_late},
    {"request answered wrongly", 10, &User::request_answered_wrongly},
    {"request forbidden", 10, &User::request_forbidden},
    {"request many", 60, &User::request_many},
    {"cancel", 20, &User::cancel},
    {"drop", 10, &User::drop},
    {"detach", 10, &User::detach},
    {"flush", 40, &User::flush},
    {"flush briefly", 10, &User::flush_briefly},
    {"next", 100, &User::next},
    {"next, all", 40, &User::next_all},
    {"wait for next", 20, &User::wait_for_next},
    {"reconnect", 8, &User::reconnect},
    {"wait for connection", 5, &User::wait_for_connection},
    {"set servers", 10, &User::set_servers},
    {"choose servers otherwise", 20, &User::choose_otherwise},
    {"drain a subscription", 20, &User::drain_subscription},
    {"drain", 4, &User::drain},
    {"close", 4, &User::close},
    {"close at once", 4, &User::close_at_once},
};

}  // namespace sim
