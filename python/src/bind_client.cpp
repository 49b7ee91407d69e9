// What native clients of all kinds have: with threads (bind_threads.cpp), on an event loop
// (bind_loop.cpp), and bare (bare_client.cpp). A method here reads its arguments, calls the Host
// and wraps what comes; it decides nothing.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <new>
#include <vector>

#include "arguments.hpp"
#include "bare_client.hpp"
#include "errors.hpp"
#include "gil.hpp"
#include "operation.hpp"
#include "options.hpp"
#include "publish.hpp"
#include "queue.hpp"

namespace anynats::python {
namespace {

template <class Read>
auto inside(NativeClient& self, Read read) {
    return outside_gil(self.threads, [&] {
        const Inside in(*self.host);
        return read(self.host->session());
    });
}

std::optional<Duration> timeout_of(Given timeout) {
    std::optional<Duration> limit;
    require(read_timeout(timeout.ptr(), limit));
    return limit;
}

NativeOperation request(NativeClient& self, Given subject, Given payload, Given timeout,
                        Given headers) {
    std::string_view text;
    Payload bytes;
    std::string block;
    require(read_text(subject.ptr(), "subject", text));
    require(bytes.read(payload.ptr(), "payload"));
    const std::optional<Duration> limit = timeout_of(timeout);
    require(read_headers(headers.ptr(), block));
    return {self, outside_gil(self.threads, [&] {
                return self.host->request(text, bytes.view(), block, limit);
            })};
}

using DrainAll = std::shared_ptr<ResultState<Done>> (Host::*)(std::optional<Duration>);

/// A method that starts an operation and takes a timeout.
template <auto start>
NativeOperation started(NativeClient& self, Given timeout) {
    const auto limit = timeout_of(timeout);
    return {self, outside_gil(self.threads, [&] { return (self.host.get()->*start)(limit); })};
}

/// A method that returns the operation of waiting for news.
template <auto wait_for>
NativeOperation news(NativeClient& self) {
    return {self, outside_gil(self.threads, [&] { return (self.host.get()->*wait_for)(); })};
}

std::optional<std::size_t> limit_of(Given value, const char* name) {
    if (value.is_none()) return {};
    std::uint64_t count;
    require(read_count(value.ptr(), name, INT64_MAX, count));
    if (count == 0) require(refuse(name, "must be at least 1"));
    return static_cast<std::size_t>(count);
}

NativeQueue subscribe(NativeClient& self, Given subject, Given queue, Given max_messages,
                      Given pending_messages, Given pending_bytes, Given slow_consumer) {
    std::string_view text, group;
    SubscribeOptions options;
    require(read_text(subject.ptr(), "subject", text));
    require(read_text_or_none(queue.ptr(), "queue", group));
    options.queue = group;
    const std::optional<std::size_t> limit = limit_of(max_messages, "max_messages");
    options.pending_messages = limit_of(pending_messages, "pending_messages");
    options.pending_bytes = limit_of(pending_bytes, "pending_bytes");
    options.slow_consumer = read_policy(slow_consumer.ptr());
    auto made = outside_gil(self.threads, [&] {
        auto subscribed = self.host->subscribe(text, options);
        if (subscribed.ok() && limit) (*subscribed)->unsubscribe(*limit);
        return subscribed;
    });
    if (!made.ok()) raise(made.error());
    return {std::move(*made), self.threads};
}

NativeQueue request_many(NativeClient& self, Given subject, Given payload, Given timeout,
                         Given stall, Given max_messages, Given sentinel, Given headers) {
    std::string_view text;
    Payload bytes;
    std::string block;
    RequestManyOptions options;
    require(read_text(subject.ptr(), "subject", text));
    require(bytes.read(payload.ptr(), "payload"));
    options.timeout = timeout_of(timeout);
    require(read_timeout(stall.ptr(), options.stall, "stall"));
    options.max_messages = limit_of(max_messages, "max_messages").value_or(0);
    const int ends_at_empty = PyObject_IsTrue(sentinel.ptr());
    require(ends_at_empty >= 0);
    options.sentinel = ends_at_empty != 0;
    require(read_headers(headers.ptr(), block));
    auto made = outside_gil(
        self.threads, [&] { return self.host->request_many(text, bytes.view(), options, block); });
    if (!made.ok()) raise(made.error());
    return {std::move(*made), self.threads};
}

void set_servers(NativeClient& self, Given servers) {
    std::vector<std::string> urls;
    require(read_str_list(servers.ptr(), "servers", urls));
    const auto refusal = outside_gil(self.threads, [&] { return self.host->set_servers(urls); });
    if (refusal) raise(*refusal);
}

nb::object exception_or_none(const std::optional<Error>& error) {
    if (!error) return nb::none();
    PyObject* const made = make_exception(*error);
    require(made != nullptr);
    return nb::steal(made);
}

nb::object next_event(NativeClient& self) {
    const auto event = inside(self, [](Session& session) { return session.next_event(); });
    if (!event) return nb::none();
    return nb::make_tuple(to_str_object(to_string(event->kind)), to_str_object(event->server),
                          exception_or_none(event->error), event->sid);
}

nb::dict counters(NativeClient& self) {
    const Counters all = inside(self, [](Session& session) { return session.counters(); });
    nb::dict out;
    for (const CounterField& field : counter_fields) {
        out[nb::str(field.name.data(), field.name.size())] = all.*field.value;
    }
    return out;
}

void bind_common(nb::module_& module) {
    static PyType_Slot slots[] = {{Py_tp_methods, publish_methods}, {0, nullptr}};
    nb::class_<NativeClient>(module, "Client", nb::type_slots(slots),
                             "A client below the faces; see the classes derived from it.")
        .def("connect",
             [](NativeClient& self) {
                 return NativeOperation(
                     self, outside_gil(self.threads, [&] { return self.host->connect(); }));
             })
        .def("request", &request, nb::arg("subject"), nb::arg("payload"), nb::arg("timeout"),
             nb::arg("headers"))
        .def("request_many", &request_many, nb::arg("subject"), nb::arg("payload"),
             nb::arg("timeout"), nb::arg("stall"), nb::arg("max_messages"), nb::arg("sentinel"),
             nb::arg("headers"))
        .def("flush", &started<&Host::flush>, nb::arg("timeout"))
        .def("rtt", &started<&Host::rtt>, nb::arg("timeout"))
        .def("drain", &started<static_cast<DrainAll>(&Host::drain)>, nb::arg("timeout"))
        .def("close", &started<&Host::close>, nb::arg("timeout"))
        .def("subscribe", &subscribe, nb::arg("subject"), nb::arg("queue"), nb::arg("max_messages"),
             nb::arg("pending_messages"), nb::arg("pending_bytes"), nb::arg("slow_consumer"))
        .def("new_inbox",
             [](NativeClient& self) {
                 auto inbox = outside_gil(self.threads, [&] { return self.host->new_inbox(); });
                 if (!inbox.ok()) raise(inbox.error());
                 return to_str_object(*inbox);
             })
        .def("reconnect",
             [](NativeClient& self) { outside_gil(self.threads, [&] { self.host->reconnect(); }); })
        .def("next_event", &next_event)
        .def("set_servers", &set_servers)
        .def_prop_ro(
            "servers",
            [](NativeClient& self) { return inside(self, [](Session& s) { return s.servers(); }); })
        .def_prop_ro("is_connected",
                     [](NativeClient& self) {
                         return inside(self, [](Session& s) { return s.is_connected(); });
                     })
        .def_prop_ro("counters", &counters)
        .def_prop_ro(
            "state",
            [](NativeClient& self) {
                return to_str_object(to_string(inside(self, [](Session& s) { return s.state(); })));
            })
        .def_prop_ro("server",
                     [](NativeClient& self) {
                         return to_str_object(inside(self, [](Session& s) { return s.server(); }));
                     })
        .def_prop_ro("server_info_json",
                     [](NativeClient& self) {
                         return to_str_object(inside(
                             self, [](Session& s) { return std::string(s.server_info_json()); }));
                     })
        .def_prop_ro("max_payload",
                     [](NativeClient& self) {
                         return inside(self, [](Session& s) { return s.max_payload(); });
                     })
        .def_prop_ro(
            "last_error",
            [](NativeClient& self) {
                return exception_or_none(inside(self, [](Session& s) { return s.last_error(); }));
            })
        .def("room", &news<&Host::room>)
        .def("event", &news<&Host::event>)
        .def(
            "grant", [](NativeClient& self, unsigned publishes) { self.granted = publishes; },
            nb::arg("publishes"))
        .def(
            "callback_failed",
            [](NativeClient& self, const std::string& what) {
                outside_gil(self.threads, [&] { self.host->callback_failed(what); });
            },
            nb::arg("what"))
        .def("dump", [](NativeClient& self) {
            return to_str_object(inside(self, [](Session& s) { return s.dump(); }));
        });
}

}  // namespace

void bind_client(nb::module_& module) {
    bind_common(module);
    bind_threads(module);
    bind_loop(module);
    module.def("seconds", [](Given value, const char* name) {
        Duration duration;
        require(read_seconds(value.ptr(), name, duration));
        return std::chrono::duration<double>(duration).count();
    });
    bind_bare_client(module);
}

}  // namespace anynats::python
