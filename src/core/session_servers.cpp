// The server pool as its user sees it: which URLs are taken, a new pool at run time, and choosing
// the next server oneself (ADR-40). A bad URL changes nothing; a choice not made is the pool's.
#include <algorithm>
#include <new>

#include "core/session_state.hpp"
#include "core/subject.hpp"

namespace anynats {
inline namespace v0 {

Result<std::vector<ServerUrl>> server_urls(const std::vector<std::string>& texts) {
    std::vector<ServerUrl> all;
    for (const std::string& text : texts) {
        Result<std::vector<ServerUrl>> urls = parse_url_list(text);
        if (!urls.ok()) return urls.error();
        for (ServerUrl& url : *urls) {
            if (url.scheme != "nats") {
                return bad_argument("servers", url.shown(),
                                    "only nats:// is supported by this version yet");
            }
            all.push_back(std::move(url));
        }
    }
    return all;
}

std::optional<Error> Session::set_servers(const std::vector<std::string>& servers) {
    State& s = *state_;
    if (s.state == ConnectionState::closed) return s.closed("set_servers");
    Options wanted;
    wanted.servers = servers;
    if (std::optional<Error> error = anynats::check(wanted)) return error;
    Result<std::vector<ServerUrl>> urls = server_urls(servers);
    if (!urls.ok()) return urls.error();
    const bool in_use = s.link->phase != Link::Phase::waiting;
    s.pool.replace(std::move(*urls), in_use, s.random);
    s.options.servers = servers;
    s.first_pass_left = s.pool.servers().size();
    if (!in_use) s.schedule_attempt();  // the new ones have failed at nothing: no need to wait
    run_ready();
    return {};
}

/// Ask the driver which server is next; false when there is no memory for asking.
bool Session::State::ask_for_server() {
    Action action;
    action.kind = Action::Kind::choose_server;
    action.epoch = ++epochs;
    action.deadline = after(now, options.connect_timeout);
    try {
        for (const Server& server : pool.servers()) {
            const Duration wait = server.not_before > now ? server.not_before - now : Duration();
            action.servers.push_back(
                {server.url.shown(), server.discovered, server.attempts, server.failures, wait});
        }
        act(std::move(action));
    } catch (const std::bad_alloc&) {
        return false;
    }
    choice = epochs;
    choose_by = after(now, options.connect_timeout);
    next_attempt = never;
    return true;
}

void Session::server_chosen(std::uint64_t epoch, std::size_t index, Duration wait, Time now) {
    advance(now);
    State& s = *state_;
    if (epoch == 0 || epoch != s.choice) {
        ++s.counters.stale_events;
        return;
    }
    if (index < s.pool.servers().size()) s.pool.choose(index, after(s.now, wait));
    s.attempt_when_due();
    run_ready();
}

std::vector<std::string> Session::servers() const {
    std::vector<std::string> shown;
    for (const Server& server : state_->pool.servers()) {
        if (!server.retired) shown.push_back(server.url.shown());
    }
    return shown;
}

}  // namespace v0
}  // namespace anynats
