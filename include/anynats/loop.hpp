// A client in an event loop of yours, whatever it is: the loop watches one descriptor and one
// deadline and calls drive(). No thread and no lock; nothing here waits. Everything belongs to the
// loop's thread, also the client and what came of it: another thread gets a UsageError.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <anynats/client.hpp>
#include <anynats/export.hpp>

namespace anynats {
inline namespace v0 {

class LoopClientHost;  // drive/loop_driver.cpp

/// What a loop may offer besides waiting.
struct LoopHooks {
    /// Call drive(false) in the loop's next turn: something is to be sent, or to be called back.
    /// Called once between two turns, and not to drive() itself. A loop without this calls
    /// drive(false) at the end of each of its turns.
    std::function<void()> drive_soon = {};
    /// Whether this thread is the loop's just now, for loops that change their threads.
    std::function<bool()> is_here = {};
};

class ANYNATS_API LoopDriver {
public:
    /// Begin to connect. What `options` has to call back, and all that follows an operation, runs
    /// in drive(), or in Options::executor, on the loop's thread. Throws UsageError for options,
    /// Error when the process has no descriptor left.
    explicit LoopDriver(Options options, LoopHooks hooks = {});
    /// Ends what is open, as close() does.
    ~LoopDriver();
    LoopDriver(const LoopDriver&) = delete;
    LoopDriver& operator=(const LoopDriver&) = delete;

    /// The client, usable at once. Its operations cannot be waited for in place (`get`) while they
    /// are not done: use `then` or `co_await`. Its publish() throws WouldBlock instead of waiting.
    Client& client() noexcept { return client_; }
    /// Done when it is connected for the first time; ConnectFailed, ConnectTimeout,
    /// AuthorizationError when no server would have us.
    Operation<Done> connected();
    /// Publish as soon as there is room within pending_limit. Cancelled, it was not published.
    Operation<Done> publish(std::string subject, std::string payload, std::string reply = {},
                            Headers headers = {});

    // --- for the loop ----------------------------------------------------------------------------

    /// Readable when drive() has something to do. The same for the driver's life.
    int fd() const noexcept;
    /// When drive() must be called even so, in terms of now(); it changes with every call.
    Time next_timeout() const;
    static Time now() noexcept;
    /// One turn: read (a bounded amount, unless `readable` is false), keep deadlines, write, and
    /// call back whatever is due. Returns whether to call again in the loop's next turn, before it
    /// waits.
    bool drive(bool readable = true);
    /// The client is closed: the loop has nothing to do for it any more.
    bool closed() const noexcept;
    /// End it now: open operations end with Closed, and what follows them is called before this
    /// returns.
    void close() noexcept;
    /// Whether this thread may use it.
    bool here() const noexcept;
    /// The loop's thread is this one from now on, and the former one has nothing to do with it.
    void move_here() noexcept;

private:
    std::shared_ptr<LoopClientHost> host_;
    Client client_;
};

}  // namespace v0
}  // namespace anynats
