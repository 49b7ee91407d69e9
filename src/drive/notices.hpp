// Notices: the operations that an event loop waits for, as tokens that the loop's side chose. Each
// is told once, by putting it among the completions, from which the loop takes them after its turn.
// Under the host's lock, if it has one.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include <anynats/operation.hpp>
#include "core/wait.hpp"

namespace anynats {
inline namespace v0 {

class Notices {
public:
    Notices() = default;
    virtual ~Notices() = default;
    Notices(const Notices&) = delete;
    Notices& operator=(const Notices&) = delete;

    /// Tell `token` when the operation is done; at once, if it is.
    void await(OperationState& operation, std::uint64_t token);
    /// Nobody waits for `token` any more.
    void forget(std::uint64_t token) noexcept { notices_.erase(token); }

    bool empty() const noexcept { return notices_.empty(); }
    bool told_any() const noexcept { return !completions_.empty(); }
    std::vector<std::uint64_t> take_completions();

protected:
    /// A token has been put among the completions.
    virtual void told() noexcept {}
    void clear() noexcept { notices_.clear(); }

private:
    struct Notice final : Waiter {
        void wake() noexcept override;
        Notices* all = nullptr;
        std::uint64_t token = 0;
    };

    std::unordered_map<std::uint64_t, Notice> notices_;
    std::vector<std::uint64_t> completions_;
};

}  // namespace v0
}  // namespace anynats
