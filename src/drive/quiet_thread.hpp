// A thread of the library's own: it inherits that every signal is blocked, so that the program's
// handlers run on threads that the program knows.
#pragma once

#include <pthread.h>
#include <signal.h>

#include <thread>
#include <utility>

namespace anynats {
inline namespace v0 {

/// Start a thread that takes no signal. Throws std::system_error when there is none to be had.
template <class Body>
std::thread quiet_thread(Body body) {
    struct Blocked {
        Blocked() {
            sigset_t all;
            ::sigfillset(&all);
            ::pthread_sigmask(SIG_SETMASK, &all, &before);
        }
        ~Blocked() { ::pthread_sigmask(SIG_SETMASK, &before, nullptr); }
        sigset_t before;
    };
    const Blocked blocked;
    return std::thread(std::move(body));
}

}  // namespace v0
}  // namespace anynats
