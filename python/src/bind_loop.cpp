// The native client that an event loop drives, and the graves of what only the loop's thread may
// end. Nothing here gives up the GIL.
#include <nanobind/stl/vector.h>

#include <limits>
#include <new>
#include <vector>

#include "arguments.hpp"
#include "drive/loop_host.hpp"
#include "gil.hpp"
#include "operation.hpp"
#include "options.hpp"

namespace anynats::python {
namespace {

struct Grave {
    std::shared_ptr<Host> host;
    std::shared_ptr<void> object;
};
std::vector<Grave>* graves = nullptr;  // guarded by the GIL; never freed

struct LoopClient : NativeClient {
    explicit LoopClient(const nb::dict& keywords) {
        auto made = std::make_shared<LoopHost>(read_options(keywords));
        loop = made.get();
        host = std::move(made);
        flush_at_exit(host);
    }
};

/// When the loop must call again: 0 is at the end of its turn, infinity never.
double due(LoopClient& self) {
    if (self.loop->has_more()) return 0;
    const Time next = self.loop->next_timeout();
    return next == never ? std::numeric_limits<double>::infinity() : to_seconds(next);
}

bool drive(LoopClient& self) {
    end_buried();
    return self.loop->drive();
}

/// The half of drive() that reads nothing. The turn that was asked for is over with it.
void write(LoopClient& self) {
    const Inside in(*self.loop);
    self.granted = 0;
    self.loop->push();
}

}  // namespace

void bind_loop(nb::module_& module) {
    if (!graves) graves = new std::vector<Grave>;
    nb::class_<LoopClient, NativeClient>(module, "LoopClient",
                                         "A client that an event loop drives, in its thread.")
        .def(nb::init<const nb::dict&>(), nb::arg("options"))
        .def("fileno", [](LoopClient& self) { return self.loop->fd(); })
        .def("due", &due)
        .def("drive", &drive)
        .def("write", &write)
        .def("notify_done",
             [](LoopClient& self, NativeOperation& operation, std::uint64_t token) {
                 self.loop->notify_done(operation.state(), token);
                 return due(self);
             })
        .def("forget", [](LoopClient& self, std::uint64_t token) { self.loop->forget(token); })
        .def("take_completions", [](LoopClient& self) { return self.loop->take_completions(); });
}

void bury(const std::shared_ptr<Host>& host, std::shared_ptr<void> object) noexcept {
    // Only a loop's host refuses other threads; the last use of anything else may end here.
    auto* const loop = dynamic_cast<LoopHost*>(host.get());
    if (!loop || loop->try_enter()) return;
    try {
        graves->push_back({host, object});
    } catch (const std::bad_alloc&) {
        new std::shared_ptr<void>(std::move(object));  // rather lost than ended here
    }
}

void end_buried() noexcept {
    if (graves->empty()) return;
    std::vector<Grave> mine;
    for (std::size_t i = 0; i < graves->size();) {
        Grave& grave = (*graves)[i];
        if (grave.host->try_enter()) {
            mine.push_back(std::move(grave));
            grave = std::move(graves->back());
            graves->pop_back();
        } else {
            ++i;
        }
    }
}

}  // namespace anynats::python
