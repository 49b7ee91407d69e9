// Order and back-off of the servers; see server_pool.hpp for the rules.
// Never shuffles servers that are already known: that starves some of them (B91).
#include "core/server_pool.hpp"

#include <algorithm>

#include "core/text.hpp"

namespace anynats {
inline namespace v0 {

namespace {

std::vector<Server>::iterator find(std::vector<Server>& servers, const ServerUrl& url) {
    return std::find_if(servers.begin(), servers.end(),
                        [&](const Server& s) { return s.url.same_place(url); });
}

/// `n1.example.org` and `example.org` are of the domain `example.org`; an address is its own.
std::string domain_of(const std::string& host) {
    const bool address =
        host.find(':') != host.npos || host.find_first_not_of("0123456789.") == host.npos;
    const std::size_t dot = host.find('.');
    const bool is_part = !address && dot != host.npos && host.find('.', dot + 1) != host.npos;
    std::string domain = is_part ? host.substr(dot + 1) : host;
    for (char& c : domain) c = lower(c);
    return domain;
}

}  // namespace

ServerPool::ServerPool(std::vector<ServerUrl> given, const Options& options, Random& random)
    : max_failures_(options.max_reconnects),
      wait_min_(options.reconnect_wait_min),
      wait_max_(options.reconnect_wait_max),
      discover_(options.discovered_servers),
      randomize_(options.randomize_servers) {
    replace(std::move(given), false, random);
}

void ServerPool::replace(std::vector<ServerUrl> given, bool in_use, Random& random) {
    std::vector<Server> fresh;
    std::vector<std::string> domains;
    for (const ServerUrl& url : given) domains.push_back(domain_of(url.host));
    for (ServerUrl& url : given) {
        if (find(fresh, url) != fresh.end()) continue;
        Server server;
        server.url = std::move(url);
        fresh.push_back(std::move(server));
    }
    if (randomize_) {
        for (std::size_t i = fresh.size(); i > 1; --i) {
            std::swap(fresh[i - 1], fresh[random.below(i)]);
        }
    }
    given_up_.reserve(fresh.size() + 1);
    if (in_use) {
        const auto same = find(fresh, current().url);
        if (same != fresh.end()) {
            Server known = std::move(current());
            known.url = std::move(same->url);  // with the credentials given now
            known.discovered = known.retired = false;
            *same = std::move(known);
            std::rotate(fresh.begin(), same, same + 1);
        } else {
            current().retired = true;
            fresh.insert(fresh.begin(), std::move(current()));
        }
    }
    given_up_.clear();
    servers_ = std::move(fresh);
    domains_ = std::move(domains);
}

bool ServerPool::allows(const ServerUrl& discovered) const {
    return discover_ == DiscoveredServers::all ||
           std::find(domains_.begin(), domains_.end(), domain_of(discovered.host)) !=
               domains_.end();
}

void ServerPool::choose(std::size_t index, Time not_before) {
    const auto first = servers_.begin(), chosen = first + static_cast<std::ptrdiff_t>(index);
    chosen->not_before = not_before;
    std::rotate(first, chosen, chosen + 1);
}

void ServerPool::rotate() {
    if (current().retired) {
        servers_.erase(servers_.begin());
        return;
    }
    std::rotate(servers_.begin(), servers_.begin() + 1, servers_.end());
}

void ServerPool::failed(Time now, Random& random) {
    Server& server = current();
    ++server.failures;
    if (server.retired || (max_failures_ && server.failures >= *max_failures_)) {
        if (!server.retired) given_up_.push_back(std::move(server.url));
        servers_.erase(servers_.begin());
        return;
    }
    Duration cap = wait_min_;
    for (std::uint32_t n = 1; n < server.failures && cap < wait_max_; ++n) {
        cap = cap > wait_max_ / 2 ? wait_max_ : cap * 2;
    }
    const auto range = static_cast<std::uint64_t>(std::max<std::int64_t>(cap.count(), 1));
    // At least 1 ms: full jitter may draw 0, and a dead server must not be hammered.
    const Duration drawn{static_cast<std::int64_t>(random.below(range))};
    server.not_before = after(now, std::max<Duration>(drawn, std::chrono::milliseconds(1)));
    rotate();
}

void ServerPool::left() {
    rotate();
}

void ServerPool::stable() noexcept {
    current().failures = 0;
    current().not_before = Time::min();
    given_up_.clear();
}

bool ServerPool::merge(const std::vector<std::string>& connect_urls, Random& random) {
    if (discover_ == DiscoveredServers::configured_only) return false;
    std::vector<ServerUrl> listed;
    for (const std::string& text : connect_urls) {
        Result<ServerUrl> url = parse_url(current().url.scheme + "://" + text);
        if (url.ok() && allows(*url)) listed.push_back(std::move(*url));
    }
    const auto lists = [&](const ServerUrl& url) {
        return std::any_of(listed.begin(), listed.end(),
                           [&](const ServerUrl& other) { return other.same_place(url); });
    };
    bool changed = false;
    for (std::size_t i = servers_.size(); i-- > 1;) {  // the current one (0) stays
        if (servers_[i].discovered && !lists(servers_[i].url)) {
            servers_.erase(servers_.begin() + static_cast<std::ptrdiff_t>(i));
            changed = true;
        }
    }
    for (ServerUrl& url : listed) {
        if (servers_.size() + given_up_.size() >= max_servers) break;
        const bool given_up =
            std::any_of(given_up_.begin(), given_up_.end(),
                        [&](const ServerUrl& other) { return other.same_place(url); });
        if (given_up || find(servers_, url) != servers_.end()) continue;
        given_up_.reserve(given_up_.size() + servers_.size() + 1);
        Server server;
        server.url = std::move(url);
        server.discovered = true;
        const std::size_t at = randomize_ ? 1 + random.below(servers_.size()) : servers_.size();
        servers_.insert(servers_.begin() + static_cast<std::ptrdiff_t>(at), std::move(server));
        changed = true;
    }
    return changed;
}

}  // namespace v0
}  // namespace anynats
