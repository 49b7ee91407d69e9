// Notices: what an event loop waits for, as tokens that the loop's side chose. Each is told once,
// by putting it among the completions, from which the loop takes them after its turn. Under the
// host's lock, if it has one.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "core/wait.hpp"
#include "drive/host.hpp"

namespace anynats {
inline namespace v0 {

class Notices {
public:
    Notices() = default;
    virtual ~Notices() = default;
    Notices(const Notices&) = delete;
    Notices& operator=(const Notices&) = delete;

    /// Tell `token` when the operation is done; when there may be a message or the end of the
    /// subscription; at once, if that is so already.
    void await_done(OperationState& operation, std::uint64_t token);
    void await_message(SubscriptionQueue& queue, std::uint64_t token);
    /// Tell `token` when what is returned is woken.
    Waiter& add(std::uint64_t token) { return made(token); }
    /// Nobody waits for `token` any more. If a message was meant for it, the next waiter is told.
    void forget(std::uint64_t token) noexcept;

    bool empty() const noexcept { return notices_.empty(); }
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
        std::shared_ptr<SubscriptionState> sub;  // kept: its queue may be gone before we are
    };
    Notice& made(std::uint64_t token);

    std::unordered_map<std::uint64_t, Notice> notices_;
    std::vector<std::uint64_t> completions_;
};

}  // namespace v0
}  // namespace anynats
