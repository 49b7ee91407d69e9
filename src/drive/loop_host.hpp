// LoopHost: the host for an event loop that watches one descriptor and one deadline and calls
// drive(). Nothing here waits or locks: everything happens on the loop's own thread, and use from
// another one is refused. What became ready is told as tokens that the loop's side chose.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include <anynats/connection.hpp>
#include "drive/host.hpp"
#include "drive/notices.hpp"

namespace anynats {
inline namespace v0 {

class LoopHost : public Host {
public:
    explicit LoopHost(Options options);
    ~LoopHost() override;

    /// Throws UsageError on a foreign thread.
    void enter() final;
    bool try_enter() override;
    void leave() noexcept override {}
    Time clock() const override;
    bool published() override;
    bool started() override;
    void push() override;
    bool wait_for_room(std::size_t) override { return false; }
    void await_room(Waiter& waiter) override;
    std::optional<Error> wait(OperationState& operation) override;
    Waited wait_for_message(SubscriptionQueue& queue, Message& out, Duration timeout,
                            MessageLoop* loop) override;

    // --- for the loop ----------------------------------------------------------------------------
    int fd() const noexcept { return connection_.poll_fd(); }
    Time next_timeout() const { return connection_.next_timeout(); }
    /// Whether something is to be done at the end of the loop's turn: sent, or told.
    bool has_more() noexcept;
    /// Do what is to be done now. Returns whether to call again in the loop's next turn.
    bool drive();
    /// For the end of the program, when no loop runs any more: drive until `operation` is done.
    /// Gives up at `deadline` and when a signal comes.
    void drive_to_end(OperationState& operation, Time deadline);

    /// Put `token` among the completions, once, when the operation is done; at once if it is.
    void notify_done(OperationState& operation, std::uint64_t token);
    /// Nobody waits for `token` any more.
    void forget(std::uint64_t token) noexcept { notices_.forget(token); }
    std::vector<std::uint64_t> take_completions() { return notices_.take_completions(); }

protected:
    struct NotYet {};
    /// The same without beginning to connect, which begin() does.
    LoopHost(Options options, NotYet);
    void begin() { connection_.act(clock()); }
    /// The loop's thread is this one from now on.
    void move_here() noexcept { thread_ = std::this_thread::get_id(); }
    void tell_room() noexcept;
    /// A turn of the connection that may read.
    bool turn();

    Connection connection_;

private:
    std::atomic<std::thread::id> thread_;
    Notices notices_;
    List<Waiter> room_;
    bool sent_ = false;  // since the last turn
};

}  // namespace v0
}  // namespace anynats
