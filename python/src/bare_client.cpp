// See bare_client.hpp. The contract is that of Session (include/anynats/session.hpp); nothing is
// added but the reading of arguments. Threads are kept apart by the GIL.
#include "bare_client.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <random>

#include "arguments.hpp"
#include "drive/bare_host.hpp"
#include "errors.hpp"
#include "options.hpp"

namespace anynats::python {
namespace {

struct BareClient : NativeClient {
    BareClient(const nb::dict& keywords, Given seed, Given now) {
        Options options = read_options(keywords);
        Time time;
        require(read_now(now.ptr(), time));
        auto made = std::make_shared<BareHost>(std::move(options), seed_of(seed), time);
        bare = made.get();
        host = std::move(made);
    }
    Session& session() { return host->session(); }

    static Seed seed_of(Given given) {
        Seed seed{};
        if (given.is_none()) {
            std::random_device device;
            for (auto& byte : seed) byte = static_cast<std::uint8_t>(device());
            return seed;
        }
        Payload bytes;
        require(bytes.read(given.ptr(), "seed"));
        if (bytes.view().size() != seed.size()) require(refuse("seed", "must be 32 bytes"));
        bytes.view().copy(reinterpret_cast<char*>(seed.data()), seed.size());
        return seed;
    }
};

Time time_of(Given now) {
    Time time;
    require(read_now(now.ptr(), time));
    return time;
}

nb::object next_action(BareClient& self) {
    const Action action = self.session().next_action();
    if (action.kind == Action::Kind::none) return nb::none();
    nb::object deadline = nb::none();
    if (action.deadline != never) deadline = nb::cast(to_seconds(action.deadline));
    nb::list servers;
    for (const ServerCandidate& server : action.servers) {
        servers.append(nb::make_tuple(to_str_object(server.url), server.discovered, server.attempts,
                                      server.failures,
                                      std::chrono::duration<double>(server.wait).count()));
    }
    return nb::make_tuple(to_str_object(to_string(action.kind)), action.epoch,
                          to_str_object(action.host), action.port, deadline,
                          to_str_object(action.nonce), servers);
}

std::optional<std::string> optional_text(Given value, const char* name) {
    if (value.is_none()) return {};
    std::string_view text;
    require(read_text(value.ptr(), name, text));
    return std::string(text);
}

void credentials(BareClient& self, std::uint64_t epoch, Given user, Given password, Given token,
                 Given now) {
    const Credentials given{optional_text(user, "user"), optional_text(password, "password"),
                            optional_text(token, "token")};
    self.session().credentials(epoch, given, time_of(now));
}

nb::tuple own_credentials(BareClient& self) {
    const auto text = [](const std::optional<std::string>& value) -> nb::object {
        return value ? to_str_object(*value) : nb::none();
    };
    const Credentials own = self.session().own_credentials();
    return nb::make_tuple(text(own.user), text(own.password), text(own.token));
}

Error error_of(ErrorCode code, Given why) {
    std::string_view text;
    require(read_text(why.ptr(), "why", text));
    return Error(code, std::string(text));
}

nb::list data_to_send(BareClient& self) {
    nb::list parts;
    for (const std::string_view part : self.session().data_to_send()) {
        if (!part.empty()) parts.append(nb::bytes(part.data(), part.size()));
    }
    return parts;
}

void data_sent(BareClient& self, Given n) {
    std::uint64_t count;
    require(read_count(n.ptr(), "n", INT64_MAX, count));
    if (count > self.session().size_to_send()) {
        require(refuse("n", "is more than there is to send"));
    }
    self.session().data_sent(count);
}

void receive_data(BareClient& self, std::uint64_t epoch, Given data, Given now) {
    Payload bytes;
    require(bytes.read(data.ptr(), "data"));
    self.session().receive_data(epoch, bytes.view(), time_of(now));
}

std::optional<double> next_timeout(BareClient& self) {
    const Time next = self.session().next_timeout();
    if (next == never) return {};
    return to_seconds(next);
}

}  // namespace

void bind_bare_client(nb::module_& module) {
    nb::class_<BareClient, NativeClient>(module, "BareClient", "A client without I/O.")
        .def(nb::init<const nb::dict&, Given, Given>(), nb::arg("options"), nb::arg("seed"),
             nb::arg("now"))
        .def_prop_ro("epoch", [](BareClient& self) { return self.session().epoch(); })
        .def("next_action", &next_action)
        .def("server_chosen",
             [](BareClient& self, std::uint64_t epoch, std::size_t index, Given wait, Given now) {
                 std::optional<Duration> pause;
                 require(read_timeout(wait.ptr(), pause, "wait"));
                 self.session().server_chosen(epoch, index, pause.value_or(Duration()),
                                              time_of(now));
             })
        .def("transport_up", [](BareClient& self, std::uint64_t epoch,
                                Given now) { self.session().transport_up(epoch, time_of(now)); })
        .def("transport_down",
             [](BareClient& self, std::uint64_t epoch, Given why, Given now) {
                 const bool up = self.session().is_connected();
                 const ErrorCode code = up ? ErrorCode::disconnected : ErrorCode::connect_failed;
                 self.session().transport_down(epoch, error_of(code, why), time_of(now));
             })
        .def("own_credentials", &own_credentials)
        .def("credentials", &credentials, nb::arg("epoch"), nb::arg("user"), nb::arg("password"),
             nb::arg("token"), nb::arg("now"))
        .def("auth_failed",
             [](BareClient& self, std::uint64_t epoch, Given why, Given now) {
                 self.session().auth_failed(epoch, error_of(ErrorCode::authorization_error, why),
                                            time_of(now));
             })
        .def("receive_data", &receive_data)
        .def("receive_eof", [](BareClient& self, std::uint64_t epoch,
                               Given now) { self.session().receive_eof(epoch, time_of(now)); })
        .def("data_to_send", &data_to_send)
        .def("data_sent", &data_sent)
        .def("next_timeout", &next_timeout)
        .def("handle_timeout",
             [](BareClient& self, Given now) { self.session().handle_timeout(time_of(now)); })
        .def("advance", [](BareClient& self, Given now) { self.session().advance(time_of(now)); })
        .def("check", [](BareClient& self) -> std::optional<std::string> {
            const char* const wrong = self.session().check();
            return wrong ? std::optional<std::string>(wrong) : std::nullopt;
        });
}

}  // namespace anynats::python
