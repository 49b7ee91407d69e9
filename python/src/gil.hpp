// Giving up the GIL for native waits, and coming back to it only while Python is alive.
// A daemon thread that asks for the GIL while Python finalises is ended by CPython in the middle of
// C++ frames, which aborts the process. So who comes back announces itself, then looks at a flag,
// and parks for ever if it is set; the exit hook sets the flag and waits for nobody to be coming.
// Also: what a signal does to a wait. Never touch a Python object without the GIL.
#pragma once

#include "native.hpp"

namespace anynats::python {

/// From here to the end of the block this thread has given up the GIL.
class Unlocked {
public:
    Unlocked() noexcept;
    ~Unlocked();
    Unlocked(const Unlocked&) = delete;
    Unlocked& operator=(const Unlocked&) = delete;

private:
    PyThreadState* saved_;
    PyThreadState* outer_;  // of the wait in whose signal handler we are, if any
};

/// Call `work`, without the GIL if the host that it uses has a lock of its own.
template <class Work>
auto outside_gil(bool threads, Work work) {
    if (!threads) return work();
    const Unlocked unlocked;
    return work();
}

/// Remember a client whose published messages are flushed when Python exits. With the GIL.
void flush_at_exit(std::weak_ptr<Host> host);

/// Register the exit hook, the fork hook and the interrupt check. Once, when imported.
void install_gil_hooks(nb::module_& module);

}  // namespace anynats::python
