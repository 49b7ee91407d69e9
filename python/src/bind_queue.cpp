// A subscription for the faces: take, wait, unsubscribe, and its numbers. Iteration is in
// iterators.cpp. A message leaves the queue only into the object that is returned.
#include "arguments.hpp"
#include "errors.hpp"
#include "gil.hpp"
#include "iterators.hpp"
#include "message.hpp"
#include "operation.hpp"
#include "queue.hpp"

namespace anynats::python {
namespace {

nb::object next_message_of(NativeQueue& self, Given timeout) {
    std::optional<Duration> limit;
    require(read_timeout(timeout.ptr(), limit));
    Message message;
    if (self.queue->pop(message)) return message_object(std::move(message));
    const Duration wait = limit.value_or(Duration::max());
    switch (outside_gil(self.threads, [&] { return self.queue->next(message, wait); })) {
        case Waited::arrived:
            return message_object(std::move(message));
        case Waited::ended:
            raise(self.queue->ending());
        case Waited::timed_out:
            raise(Error(ErrorCode::timeout_error,
                        "no message on \"" + self.queue->state->subject + "\" in time"));
        case Waited::interrupted:
            break;
    }
    raise(Error(ErrorCode::cancelled, "the wait was interrupted"));
}

nb::object take_message_of(NativeQueue& self) {
    Message message;
    if (self.queue->pop(message)) return message_object(std::move(message));
    const Waited how =
        outside_gil(self.threads, [&] { return self.queue->next(message, Duration::zero()); });
    return how == Waited::arrived ? message_object(std::move(message)) : nb::none();
}

void unsubscribe(NativeQueue& self, Given limit) {
    std::uint64_t count = 0;
    if (!limit.is_none()) require(read_count(limit.ptr(), "limit", INT64_MAX, count));
    outside_gil(self.threads, [&] { self.queue->unsubscribe(count); });
}

template <class Read>
auto inside_state(NativeQueue& self, Read read) {
    return outside_gil(self.threads, [&] {
        const Inside in(*self.queue->host);
        return read(*self.queue->state);
    });
}

nb::object ending(NativeQueue& self) {
    if (!inside_state(self, [](SubscriptionState& state) { return state.ended; }))
        return nb::none();
    PyObject* const made = make_exception(self.queue->ending());
    require(made != nullptr);
    return nb::steal(made);
}

}  // namespace

NativeQueue::~NativeQueue() {
    if (!queue) return;  // moved from
    const std::shared_ptr<Host> host = queue->host;
    bury(host, std::move(queue));
}

void bind_queue(nb::module_& module) {
    nb::class_<NativeQueue>(module, "Queue", "A subscription, below the faces.")
        .def("next", &next_message_of, nb::arg("timeout"))
        .def("try_next", &take_message_of)
        .def("unsubscribe", &unsubscribe, nb::arg("limit"))
        .def(
            "drain",
            [](NativeQueue& self, Given timeout) {
                std::optional<Duration> limit;
                require(read_timeout(timeout.ptr(), limit));
                const std::shared_ptr<Host> host = self.queue->host;
                return NativeOperation(host, self.threads, outside_gil(self.threads, [&] {
                                           return host->drain(self.queue->state, limit);
                                       }));
            },
            nb::arg("timeout"))
        .def(
            "start_next",
            [](NativeQueue& self, Given timeout) {
                std::optional<Duration> limit;
                require(read_timeout(timeout.ptr(), limit));
                return begin_next(self.queue, self.threads, {}, limit.value_or(Duration::max()));
            },
            nb::arg("timeout"))
        .def("iterator", [](NativeQueue& self) { return make_iterator(self.queue, self.threads); })
        .def("async_iterator",
             [](NativeQueue& self, nb::object wait) {
                 return make_async_iterator(self.queue, self.threads, std::move(wait));
             })
        .def_prop_ro("ended",
                     [](NativeQueue& self) {
                         return inside_state(self, [](SubscriptionState& s) { return s.ended; });
                     })
        .def_prop_ro("failed",
                     [](NativeQueue& self) {
                         return inside_state(self, [](SubscriptionState& s) {
                             return s.ended && s.end.has_value();
                         });
                     })
        .def("ending", &ending)
        .def_prop_ro("subject",
                     [](NativeQueue& self) { return to_str_object(self.queue->state->subject); })
        .def_prop_ro("sid", [](NativeQueue& self) { return self.queue->state->sid; })
        .def_prop_ro("pending",
                     [](NativeQueue& self) {
                         return outside_gil(self.threads, [&] { return self.queue->pending(); });
                     })
        .def_prop_ro("dropped", [](NativeQueue& self) {
            return inside_state(self, [](SubscriptionState& s) { return s.dropped; });
        });
}

}  // namespace anynats::python
