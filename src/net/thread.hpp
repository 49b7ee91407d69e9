// A thread of the library's own: the background thread, the resolver's helper, and the callback
// thread of a client. It takes no signal, because handlers belong to the program's threads.
// One thread at a time may start, join and detach it.
#pragma once

#include <pthread.h>
#include <sys/types.h>

#include <atomic>

namespace anynats {
inline namespace v0 {

class OwnThread {
public:
    /// Run `body(argument)` in a new thread. Returns 0 or an errno.
    int start(void (*body)(void*), void* argument) noexcept;
    bool started() const noexcept { return started_; }
    /// Whether the calling thread is this one. After start() only.
    bool is_current() const noexcept { return ::pthread_equal(thread_, ::pthread_self()) != 0; }
    /// Wait for the end of `body`, and until the kernel counts the thread no more: a process that
    /// forks then has one thread less for whoever looks.
    void join() noexcept;
    /// Nobody will join it. `body` must keep what it uses.
    void detach() noexcept;
    /// The second half of join(), for one that is detached: `body` has ended, or is about to.
    void await_exit() const noexcept;

private:
    void (*body_)(void*) = nullptr;
    void* argument_ = nullptr;
    pthread_t thread_{};
    std::atomic<pid_t> id_{0};
    bool started_ = false;
};

}  // namespace v0
}  // namespace anynats
