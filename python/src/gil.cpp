// The wait guard, the exit hook, the fork hook and the check for signals; see gil.hpp.
// A thread that comes back while Python ends must never touch the interpreter again: it parks.
#include "gil.hpp"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "drive/background.hpp"
#include "drive/driver.hpp"
#include "drive/loop_host.hpp"
#include "net/sys.hpp"

namespace anynats::python {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto exit_flush_time = std::chrono::seconds(2);   // for all clients together
constexpr auto exit_return_time = std::chrono::seconds(2);  // for threads on their way back

std::atomic<bool> exiting{false};
std::atomic<unsigned long> exit_thread{0};
std::atomic<int> returning{0};  // threads that are about to take the GIL
std::atomic<unsigned long> main_thread{0};
thread_local PyThreadState* given_up = nullptr;               // by this thread's innermost wait
std::vector<std::weak_ptr<Host>>* flushed_at_exit = nullptr;  // guarded by the GIL; never freed

bool is_lost() noexcept {
    return exiting.load() && PyThread_get_thread_ident() != exit_thread.load();
}

[[noreturn]] void park() noexcept {
    for (;;) ::pause();
}

void take_gil(PyThreadState* state) noexcept {
    returning.fetch_add(1);
    if (is_lost()) {
        returning.fetch_sub(1);
        park();
    }
    PyEval_RestoreThread(state);
    returning.fetch_sub(1);
}

/// For Driver: only Python's main thread runs signal handlers, and it needs the GIL for it.
bool interrupted() {
    PyThreadState* const state = given_up;
    if (!state || PyThread_get_thread_ident() != main_thread.load()) return false;
    take_gil(state);
    given_up = nullptr;
    const bool stop = PyErr_CheckSignals() != 0;  // the exception stays set for who waits
    given_up = PyEval_SaveThread();
    return stop;
}

/// Begin to flush what was published and is not known to have arrived; null when there is nothing,
/// or when this is not the thread of the host's event loop.
std::shared_ptr<ResultState<Done>> begin_flush(Host& host, Time deadline) {
    if (dynamic_cast<LoopHost*>(&host) && !host.try_enter()) return nullptr;
    {
        const Inside inside(host);
        if (!host.session().is_connected() || host.session().counters().out_messages == 0) {
            return nullptr;
        }
    }
    const Duration left = deadline - monotonic_now();
    return left > Duration::zero() ? host.flush(left) : nullptr;
}

void flush_all(Time deadline) {
    std::vector<std::pair<std::shared_ptr<Host>, std::shared_ptr<ResultState<Done>>>> flushes;
    std::vector<std::shared_ptr<Host>> hosts;
    for (const auto& weak : *flushed_at_exit) {
        if (auto host = weak.lock()) hosts.push_back(std::move(host));
    }
    const Unlocked unlocked;
    for (auto& host : hosts) {
        if (auto flush = begin_flush(*host, deadline)) flushes.emplace_back(host, flush);
    }
    for (auto& [host, flush] : flushes) {
        if (auto* const loop = dynamic_cast<LoopHost*>(host.get())) {
            loop->drive_to_end(*flush, deadline);
            continue;
        }
        static_cast<Driver&>(*host).never_block(false);  // no loop runs any more
        if (host->wait(*flush)) break;  // interrupted: the user does not want to wait
    }
    for (auto& [host, flush] : flushes) host->cancel(*flush);  // under its lock, if not done
}

void at_exit() {
    try {
        flush_all(monotonic_now() + exit_flush_time);
    } catch (const std::exception&) {  // short memory: what was published may be lost, as told
    }
    PyErr_Clear();
    exit_thread.store(PyThread_get_thread_ident());
    exiting.store(true);
    PyThreadState* const state = PyEval_SaveThread();
    const auto deadline = Clock::now() + exit_return_time;
    while (returning.load() != 0 && Clock::now() < deadline) std::this_thread::yield();
    PyEval_RestoreThread(state);
}

// CPython 3.13 counts the threads of a process that forks after these hooks, and warns of more than
// one. So the background thread is back only when the call that forked is over: at the main
// thread's next step. In any other thread the process has several threads as it is, and the main
// one may sleep.

/// The call that forked, as the frame it stands in and where.
struct ForkCall {
    nb::object frame;
    long at = -1;
    std::uint64_t forks = 0;

    static long place(nb::handle frame) { return nb::cast<long>(frame.attr("f_lasti")); }
    /// Whether what runs now is called by it, as the hooks of others are.
    bool runs() const {
        PyObject* const now = reinterpret_cast<PyObject*>(PyEval_GetFrame());
        return frame.is_valid() && now != frame.ptr() && place(frame) == at;
    }
};
ForkCall* fork_call = nullptr;  // guarded by the GIL; never freed

void before_fork() {
    Background::pause();
}

int resume(void*) {
    if (forked_since(fork_call->forks)) return 0;  // the child of another fork has begun anew
    try {
        if (fork_call->runs() && Py_AddPendingCall(&resume, nullptr) == 0) return 0;
    } catch (const nb::python_error&) {  // no frame to ask: then now
    }
    fork_call->frame.reset();
    Background::resume();
    return 0;
}

void after_fork_in_parent() {
    PyObject* const frame = reinterpret_cast<PyObject*>(PyEval_GetFrame());
    const bool is_main = PyThread_get_thread_ident() == main_thread.load();
    if (!is_main || !frame || fork_call->frame.is_valid()) return Background::resume();
    fork_call->frame = nb::borrow(frame);
    fork_call->at = ForkCall::place(frame);
    fork_call->forks = fork_count();
    if (Py_AddPendingCall(&resume, nullptr) != 0) resume(nullptr);
}

void after_fork_in_child() {
    fork_call->frame.reset();
    main_thread.store(PyThread_get_thread_ident());
    returning.store(0);
}

}  // namespace

Unlocked::Unlocked() noexcept : saved_(PyEval_SaveThread()), outer_(given_up) {
    given_up = saved_;
    if (is_lost()) park();
}

Unlocked::~Unlocked() {
    given_up = outer_;
    take_gil(saved_);
}

void flush_at_exit(std::weak_ptr<Host> host) {
    auto& hosts = *flushed_at_exit;
    std::erase_if(hosts, [](const auto& known) { return known.expired(); });
    hosts.push_back(std::move(host));
}

void install_gil_hooks(nb::module_& module) {
    if (!flushed_at_exit) flushed_at_exit = new std::vector<std::weak_ptr<Host>>;
    if (!fork_call) fork_call = new ForkCall;
    const nb::object main = nb::module_::import_("threading").attr("main_thread")();
    main_thread.store(PyLong_AsUnsignedLong(nb::object(main.attr("ident")).ptr()));
    module.def("_at_exit", &at_exit);
    module.def("_before_fork", &before_fork);
    module.def("_after_fork_in_parent", &after_fork_in_parent);
    module.def("_after_fork_in_child", &after_fork_in_child);
    nb::module_::import_("atexit").attr("register")(module.attr("_at_exit"));
    nb::module_::import_("os").attr("register_at_fork")(
        nb::arg("before") = module.attr("_before_fork"),
        nb::arg("after_in_parent") = module.attr("_after_fork_in_parent"),
        nb::arg("after_in_child") = module.attr("_after_fork_in_child"));
    set_interrupt_check(&interrupted);
}

}  // namespace anynats::python
