// Looking up host names without blocking anybody: getaddrinfo runs on one helper thread of the
// process, which starts with the first name. A Lookup belongs to one connection, under its lock;
// it may be dropped at any time, and its answer is then dropped when it comes.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "net/socket.hpp"

namespace anynats {
inline namespace v0 {

/// Most look-ups that wait for the helper at a time; one more fails at once.
inline constexpr std::size_t most_waiting_lookups = 1'024;

class Lookup {
public:
    /// Begin. When that fails `why` says why and the result is null.
    static std::unique_ptr<Lookup> start(const std::string& host, std::uint16_t port,
                                         std::string& why);
    ~Lookup();
    Lookup(const Lookup&) = delete;
    Lookup& operator=(const Lookup&) = delete;

    /// Becomes readable when the answer is there.
    int event_fd() const noexcept;
    bool done() const noexcept;
    /// The addresses in the order to try them; when there are none, `why` says why. Once done.
    std::vector<Address> take(std::string& why);

private:
    struct Job;
    struct Helper;
    Lookup(Helper& helper, std::shared_ptr<Job> job) noexcept;

    Helper& helper_;  // lives for ever
    std::shared_ptr<Job> job_;
};

}  // namespace v0
}  // namespace anynats
