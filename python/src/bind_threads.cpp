// The native client with threads: blocked callers, and event loops that share it by their seats.
// Short calls keep the GIL: who holds the driver's lock never waits for it.
#include <nanobind/stl/vector.h>

#include "drive/driver.hpp"
#include "drive/seat.hpp"
#include "gil.hpp"
#include "operation.hpp"
#include "options.hpp"
#include "publish.hpp"

namespace anynats::python {
namespace {

struct ThreadsClient : NativeClient {
    ThreadsClient(const nb::dict& keywords, bool never_blocks) {
        Options options = read_options(keywords);
        {
            const Unlocked unlocked;
            driver = Driver::make(std::move(options));
            driver->never_block(never_blocks);
        }
        host = driver;
        threads = true;
        flush_at_exit(host);
    }
    ThreadsClient(ThreadsClient&&) = default;
    ~ThreadsClient() {
        // The last reference may close a socket, and waits for the background thread.
        if (!host) return;
        const Unlocked unlocked;
        driver.reset();
        host.reset();
    }
    std::shared_ptr<Driver> driver;  // the host
};

struct NativeSeat {
    explicit NativeSeat(const ThreadsClient& client)
        : seat(std::make_unique<Seat>(client.driver)) {}
    NativeSeat(NativeSeat&&) = default;
    ~NativeSeat() {
        if (!seat) return;        // moved from
        const Unlocked unlocked;  // it may hold the last reference to the client
        seat.reset();
    }
    std::unique_ptr<Seat> seat;
};

/// Sleep until turn() has something to do, or until a signal.
void sleep(NativeSeat& self) {
    const Unlocked unlocked;
    self.seat->sleep(never);
}

}  // namespace

void bind_threads(nb::module_& module) {
    nb::class_<ThreadsClient, NativeClient>(module, "ThreadsClient",
                                            "A client for any thread, whose callers block.")
        .def(nb::init<const nb::dict&, bool>(), nb::arg("options"),
             nb::arg("never_blocks") = false);
    nb::class_<NativeSeat>(module, "Seat", "An event loop's place at a client with threads.")
        .def(nb::init<const ThreadsClient&>(), nb::arg("client"))
        .def("fileno", [](NativeSeat& self) { return self.seat->fd(); })
        .def("turn", [](NativeSeat& self) { return self.seat->turn(); })
        .def("flush", [](NativeSeat& self) { self.seat->flush(); })
        .def("away", [](NativeSeat& self) { self.seat->away(); })
        .def("sleep", &sleep)
        .def("notify_done",
             [](NativeSeat& self, NativeOperation& operation, std::uint64_t token) {
                 return self.seat->notify_done(operation.state(), token);
             })
        .def("forget", [](NativeSeat& self, std::uint64_t token) { self.seat->forget(token); });
}

}  // namespace anynats::python
