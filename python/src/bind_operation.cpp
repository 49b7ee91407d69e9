// See operation.hpp. A wait in a face with threads gives up the GIL; elsewhere waiting is refused
// by the host, and nothing here blocks.
#include "errors.hpp"
#include "gil.hpp"
#include "message.hpp"
#include "operation.hpp"

namespace anynats::python {
namespace {

nb::object to_object(Done) {
    return nb::none();
}

nb::object to_object(Duration time) {
    return nb::cast(std::chrono::duration<double>(time).count());
}

nb::object to_object(Message&& message) {
    PyObject* const made = make_message(std::move(message));
    require(made != nullptr);
    return nb::steal(made);
}

template <class T>
nb::object taken(ResultState<T>& state) {
    if (!state.result->ok()) raise(state.result->error());
    return to_object(std::move(**state.result));
}

}  // namespace

NativeOperation::~NativeOperation() {
    if (!state_) return;  // moved from
    if (!done()) {
        // The state cancels nothing by itself: the host must be told, in its own thread.
        struct Cancelling {
            std::shared_ptr<Host> host;
            std::shared_ptr<OperationState> state;
            ~Cancelling() { host->cancel(*state); }
        };
        try {
            bury(host_, std::make_shared<Cancelling>(Cancelling{host_, state_}));
        } catch (const std::bad_alloc&) {  // it goes on until it ends by itself
        }
    }
}

void NativeOperation::wait() {
    std::optional<Error> why_not;
    if (threads_) {
        const Unlocked unlocked;
        why_not = host_->wait(*state_);
    } else {
        why_not = host_->wait(*state_);
    }
    if (why_not) raise(*why_not);
}

nb::object NativeOperation::result() {
    if (value_.is_valid()) return value_;
    if (!done()) wait();
    std::visit([&](auto& state) { value_ = taken(*state); }, typed_);
    return value_;
}

void NativeOperation::cancel() {
    if (!done()) host_->cancel(*state_);
}

void bind_operation(nb::module_& module) {
    nb::class_<NativeOperation>(module, "Operation",
                                "Something that was started and will end. Dropped before it is "
                                "done, it is cancelled.")
        .def("done", &NativeOperation::done, "Tell whether it has ended.")
        .def("result", &NativeOperation::result,
             "Return its result or raise its error; wait for it where that is possible.")
        .def("cancel", &NativeOperation::cancel,
             "End it now; what it had begun on the server may still happen.");
}

}  // namespace anynats::python
