// The server pool as its user sees it: which URLs are taken, and a new pool at run time (ADR-40).
// A bad URL changes nothing.
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
    if (s.state == ConnectionState::closed) {
        return Error(ErrorCode::closed, "set_servers: the client is closed");
    }
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

std::vector<std::string> Session::servers() const {
    std::vector<std::string> shown;
    for (const Server& server : state_->pool.servers()) {
        if (!server.retired) shown.push_back(server.url.shown());
    }
    return shown;
}

}  // namespace v0
}  // namespace anynats
