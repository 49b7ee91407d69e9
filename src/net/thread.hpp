// A thread of the library's own, of which there are two in a process at most: the background thread
// and the resolver's helper. It takes no signal, because handlers belong to the program's threads.
// One thread at a time may start and join it.
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
    /// Wait for the end of `body`, and until the kernel counts the thread no more: a process that
    /// forks then has one thread less for whoever looks.
    void join() noexcept;

private:
    void (*body_)(void*) = nullptr;
    void* argument_ = nullptr;
    pthread_t thread_{};
    std::atomic<pid_t> id_{0};
    bool started_ = false;
};

}  // namespace v0
}  // namespace anynats
