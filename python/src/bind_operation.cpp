// See operation.hpp. A wait in a face with threads gives up the GIL; elsewhere waiting is refused
// by the host, and nothing here blocks.
#include "drive/next_operation.hpp"
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
    return message_object(std::move(message));
}

template <class T>
nb::object taken(ResultState<T>& state) {
    if (state.result && !state.result->ok()) raise(state.result->error());  // as often as asked
    return to_object(*state.take());
}

}  // namespace

NativeOperation::~NativeOperation() {
    if (!state_ || value_.is_valid()) return;  // moved from, or taken
    // The state cancels nothing by itself: the host must be told, in its own thread.
    struct Ending {
        std::shared_ptr<Host> host;
        std::shared_ptr<OperationState> state;
        ~Ending() {
            if (!state->done()) host->cancel(*state);
            state->abandon();
        }
    };
    try {
        auto ending = std::make_shared<Ending>();
        ending->host = host_;
        ending->state = std::move(state_);
        typed_ = {};
        bury(host_, std::move(ending));
    } catch (const std::bad_alloc&) {  // it goes on until it ends by itself
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
    if (!value_.is_valid()) state_->abandon();
}

nb::object begin_next(const std::shared_ptr<SubscriptionQueue>& queue, bool threads,
                      std::shared_ptr<MessageLoop> loop, Duration timeout) {
    auto state = std::make_shared<NextOperation>(queue, std::move(loop));
    state->begin(timeout);
    std::shared_ptr<ResultState<Message>> typed = std::move(state);
    return nb::cast(NativeOperation(queue->host, threads, std::move(typed)));
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
