// The servers that may be tried, in which order and when: given ones and discovered ones, each with
// its own back-off. ADR-40; limits of T09, back-off of T12 (exponential, full jitter, per server).
// Pure bookkeeping: the time and the random numbers are arguments.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <anynats/options.hpp>
#include <anynats/time.hpp>
#include "core/random.hpp"
#include "core/url.hpp"

namespace anynats {
inline namespace v0 {

struct Server {
    ServerUrl url;
    bool discovered = false;
    bool retired = false;        // not of the pool any more, but still connected to
    std::uint32_t failures = 0;  // in a row; a stable connection resets them
    Time not_before = Time::min();
    std::uint64_t attempts = 0;
};

class ServerPool {
public:
    ServerPool(std::vector<ServerUrl> given, const Options& options, Random& random);

    bool empty() const noexcept { return servers_.empty(); }
    const std::vector<Server>& servers() const noexcept { return servers_; }
    /// The server whose turn it is.
    Server& current() noexcept { return servers_.front(); }
    const Server& current() const noexcept { return servers_.front(); }

    /// The current server failed, or a connection to it ended before it was stable. It goes to the
    /// end of the queue, or out of the pool when it failed more than max_reconnects times in a row.
    void failed(Time now, Random& random);
    /// The connection to the current server ended after it had been stable: others first, no wait.
    void left();
    /// The connection to the current server has proved itself; what was given up may be told again.
    void stable() noexcept;
    /// Begin anew with `given`. With `in_use` the current server stays the first until it is left.
    void replace(std::vector<ServerUrl> given, bool in_use, Random& random);
    /// Make `index` the current server, to be tried at `not_before`.
    void choose(std::size_t index, Time not_before);
    /// Merge what an INFO advertises; returns whether servers came or went. A server that was given
    /// up does not come back this way: it would come without a past, and be tried without a pause.
    bool merge(const std::vector<std::string>& connect_urls, Random& random);

private:
    static constexpr std::size_t max_servers = 1'000;  // T09
    void rotate();

    std::vector<Server> servers_;
    std::vector<ServerUrl> given_up_;  // there is room for all of servers_, so that none is lost
    std::optional<std::uint32_t> max_failures_;
    Duration wait_min_, wait_max_;
    bool allows(const ServerUrl& discovered) const;

    std::vector<std::string> domains_;  // of the given ones
    DiscoveredServers discover_;
    bool randomize_;
};

}  // namespace v0
}  // namespace anynats
