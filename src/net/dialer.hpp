// One attempt to open a TCP connection: the look-up of the name, then staggered attempts over all
// addresses; the first to connect wins (RFC 8305). Its descriptors live in the connection's poller.
// Under the connection's lock; it never blocks and ends with a socket or with a reason. The
// session's deadline ends it from outside, by destroying it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "net/poller.hpp"
#include "net/resolver.hpp"

namespace anynats {
inline namespace v0 {

class Dialer {
public:
    enum class Status { working, connected, failed };

    /// The next address is tried this long after the previous one, if that has not failed before.
    static constexpr Duration stagger = std::chrono::milliseconds(250);
    /// Most addresses of one name that are tried.
    static constexpr std::size_t most_addresses = 32;

    explicit Dialer(Poller& poller) noexcept : poller_(poller) {}
    ~Dialer();
    Dialer(const Dialer&) = delete;
    Dialer& operator=(const Dialer&) = delete;

    void start(const std::string& host, std::uint16_t port, Time now);
    /// What the poller has, and what is due.
    void progress(Time now);

    Status status() const noexcept { return status_; }
    /// The connected socket, still in the poller (under a tag of the dialer's).
    Fd take_socket() noexcept { return std::move(winner_); }
    /// What each address said, once failed.
    const std::string& why() const noexcept { return why_; }
    /// The same while working, with what has not answered yet.
    std::string so_far() const;
    Time next_timeout() const noexcept;

private:
    static constexpr std::uint64_t lookup_tag = ~std::uint64_t{0};

    void use(std::vector<Address> addresses);
    void end_lookup() noexcept;
    void start_due(Time now);
    void open(std::size_t index);
    void finish(std::size_t index);
    void give_up(std::size_t index, const std::string& reason);
    void won(std::size_t index) noexcept;

    Poller& poller_;
    std::unique_ptr<Lookup> lookup_;
    std::vector<Address> addresses_;
    std::vector<Fd> attempts_;  // of the addresses at the same index, once begun
    std::size_t pending_ = 0;   // attempts that are neither connected nor failed
    Time next_start_ = never;
    Fd winner_;
    std::string why_;
    Status status_ = Status::working;
};

/// `found` with the families taken in turn, beginning with that of the first, cut to `most`.
std::vector<Address> interleave(const std::vector<Address>& found, std::size_t most);

}  // namespace v0
}  // namespace anynats
