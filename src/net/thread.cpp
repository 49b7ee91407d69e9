// Starting a thread with all signals blocked, and waiting until the kernel counts it no more; see
// thread.hpp.
#include "net/thread.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "net/sys.hpp"

namespace anynats {
inline namespace v0 {

int OwnThread::start(void (*body)(void*), void* argument) noexcept {
    body_ = body;
    argument_ = argument;
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);  // the thread inherits it
    const int problem = sys().pthread_create(
        &thread_, nullptr,
        [](void* given) -> void* {
            auto& self = *static_cast<OwnThread*>(given);
            self.id_.store(static_cast<pid_t>(::syscall(SYS_gettid)));
            self.body_(self.argument_);
            return nullptr;
        },
        this);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    started_ = problem == 0;
    return problem;
}

void OwnThread::join() noexcept {
    ::pthread_join(thread_, nullptr);
    started_ = false;
    await_exit();  // pthread_join returns a moment before the thread has left the process
}

void OwnThread::await_exit() const noexcept {
    while (::syscall(SYS_tgkill, ::getpid(), id_.load(), 0) == 0) ::sched_yield();
}

void OwnThread::detach() noexcept {
    ::pthread_detach(thread_);
    started_ = false;
}

}  // namespace v0
}  // namespace anynats
