// Where the user code of one client runs: its own callback thread by default, the user's executor,
// or the driver itself (inline_callbacks). Work comes as jobs; one job runs on one thread at a
// time, a bounded turn after the other, so that its order is kept whatever the executor does. User
// code is called, and destroyed, outside all locks; everything else is under the host's lock.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>

#include <anynats/error.hpp>
#include <anynats/executor.hpp>
#include "core/wait.hpp"

namespace anynats {
inline namespace v0 {

class Callbacks;
class Host;

/// User code that has something to do now and then. Waking it asks for a turn.
class Job : public Waiter, public std::enable_shared_from_this<Job> {
public:
    explicit Job(Callbacks& callbacks, Executor executor = {})
        : callbacks_(callbacks), executor_(std::move(executor)) {}
    void wake() noexcept final;

protected:
    enum class Next { again, rest, over };
    /// Outside: run some user code, then give others a chance.
    virtual void turn() = 0;
    /// Inside, after a turn: what comes next. `dropped`: the executor did not run the turn.
    virtual Next next(bool dropped) noexcept = 0;
    /// Inside: live until it is over, though nobody else holds it.
    void keep() { itself_ = shared_from_this(); }
    /// Outside: wait for the end of the turn that another thread is in, if any. What keeps the
    /// next one from beginning must have been done before.
    void await_turn() noexcept;

    Callbacks& callbacks_;

private:
    friend class Callbacks;
    enum class State { resting, posted, running, over };
    State state_ = State::resting;
    bool awaits_ = false;  // counted in Callbacks::awaited
    std::atomic<std::uint32_t> in_turn_{0};
    std::atomic<std::thread::id> runner_{};  // while it is in one
    const Executor executor_;                // in place of the client's
    std::shared_ptr<Job> posted_self_;       // while it is posted
    std::shared_ptr<Job> itself_;
};

class Callbacks {
public:
    /// An empty `executor` is the client's own thread.
    Callbacks(Host& host, Executor executor) : host_(host), executor_(std::move(executor)) {}
    /// End the thread. Nothing is run any more.
    ~Callbacks();
    Callbacks(const Callbacks&) = delete;
    Callbacks& operator=(const Callbacks&) = delete;

    /// Runs each function at once, in the thread that drives.
    static Executor inline_executor();
    /// Whether this thread drives a client and has lent itself to an executor: it must not wait.
    static bool on_driver() noexcept;

    /// Inside: see to it that jobs will be run; OutOfMemory when no thread can be had.
    std::optional<Error> prepare() noexcept;
    /// Inside: `job` waits for what the client will read, until it is over.
    void begin(Job& job) noexcept;
    /// Inside: how many do; somebody should read then.
    std::size_t awaited() const noexcept { return awaited_; }

    /// Inside, before the lock is given up: the word on which to wake the callback thread, or null.
    std::atomic<std::uint32_t>* word_to_wake() noexcept;
    /// Inside: whether hand_over() should be called, outside, when the lock has been given up.
    bool to_hand_over() const noexcept;
    void hand_over() noexcept;

    /// Outside, when the client is closed: wait until the callback thread has ended.
    void join() noexcept;
    /// Inside: the client was closed; the thread ends when it has nothing left to do.
    /// `wanted`: no message is handed to a callback any more.
    void closed(bool wanted) noexcept;
    /// Any thread.
    bool stopped() const noexcept { return stopped_.load(std::memory_order_acquire); }

    /// Outside: call `code`; what it throws is told as an event that names it.
    template <class Code>
    void guarded(std::string_view what, const Code& code) noexcept {
        try {
            code();
        } catch (...) {
            tell_thrown(what);
        }
    }
    /// Outside, in a catch: count what was thrown, and tell it unless the telling itself threw it.
    void count_thrown() noexcept;

    Host& host() noexcept { return host_; }

private:
    friend class Job;
    struct Thread;
    class Turn;

    void post(Job& job) noexcept;
    std::shared_ptr<Job> pop(List<Job>& from) noexcept;
    void run(const std::shared_ptr<Job>& job, bool dropped) noexcept;
    void give_to_executor(std::shared_ptr<Job> job) noexcept;
    void tell_thrown(std::string_view what) noexcept;
    static void live(const std::shared_ptr<Thread>& thread) noexcept;

    Host& host_;
    const Executor executor_;
    List<Job> posted_;   // for the callback thread
    List<Job> outside_;  // for executors
    std::shared_ptr<Thread> thread_;
    std::size_t awaited_ = 0;
    std::atomic<bool> stopped_{false};
    bool closed_ = false;
};

}  // namespace v0
}  // namespace anynats
