// -ERR with any text: it is told as an error that holds the text, the connection ends when wire.md
// says that the server closes it, and during the handshake always (FZ-14).
// Input: a byte of choice; the text.
#include <algorithm>

#include "fuzz.hpp"
#include "script.hpp"

using namespace anynats;
using fuzz::require;

namespace {

// The table of wire.md 4.1 once more, in lower case: texts after which the server closes.
constexpr std::string_view closing[] = {
    "unknown protocol operation",
    "authorization violation",
    "authentication timeout",
    "user authentication expired",
    "account authentication expired",
    "user authentication revoked",
    "stale connection",
    "maximum connections exceeded",
    "maximum account active connections exceeded",
    "connection throttling is active. please try again later.",
    "secure connection - tls required",
    "maximum payload violation",
    "maximum control line exceeded",
    "invalid client protocol",
    "no responders requires headers support",
    "attempted to connect to route port",
    "attempted to connect to leaf node port",
    "attempted to connect to gateway port",
};
constexpr std::string_view staying[] = {
    "failed account registration",
    "maximum subscriptions exceeded",
    "permissions violation for publish to",
    "permissions violation for publish with reply of",
    "permissions violation for subscription to",
    "invalid publish subject",
    "invalid subject",
};

template <std::size_t N>
bool begins_with_one_of(std::string_view text, const std::string_view (&starts)[N]) {
    return std::any_of(std::begin(starts), std::end(starts), [&](std::string_view start) {
        return fuzz::starts_with_in_any_case(text, start);
    });
}

/// What lies between the quotes, without the blanks that end a line.
std::string_view text_of(std::string_view line) {
    constexpr std::string_view blanks = " \t";
    const std::size_t first = line.find_first_not_of(blanks);
    if (first == line.npos) return {};
    line = line.substr(first, line.find_last_not_of(blanks) + 1 - first);
    if (line.size() >= 2 && line.front() == '\'' && line.back() == '\'') {
        line = line.substr(1, line.size() - 2);
    }
    return line;
}

/// Whether an error's text holds another, up to its first NUL: there what() ends.
bool holds(std::string_view what, std::string_view text) {
    return what.find(text.substr(0, text.find('\0'))) != what.npos;
}

void look(script::World& world) {
    world.check();
    for (const std::string& flaw : world.flaws) require(false, flaw);
}

void in_handshake(script::World& world, const std::string& line) {
    world.server("-ERR " + line + "\r\n");
    look(world);
    require(world.session().state() == ConnectionState::closed, "the handshake goes on");
    const auto& why = world.session().last_error();
    require(why.has_value(), "closed without a reason");
    require(holds(why->what(), text_of(line)), "closed for another reason");
}

void when_connected(script::World& world, const std::string& line) {
    world.server("PONG\r\n");
    require(world.session().state() == ConnectionState::connected, "not connected");
    world.server("-ERR " + line + "\r\n");
    look(world);
    const std::string_view text = text_of(line);
    const auto told = std::find_if(world.events.begin(), world.events.end(),
                                   [](const Event& e) { return e.kind == Event::Kind::error; });
    require(told != world.events.end() && told->error, "nothing was told");
    require(holds(told->error->what(), text), "another text was told");

    const bool stays = world.session().state() == ConnectionState::connected;
    require(!stays || !begins_with_one_of(text, closing), "a fatal error is ignored");
    require(stays || !begins_with_one_of(text, staying), "a harmless error ends the connection");
    const bool permissions = fuzz::starts_with_in_any_case(text, "permissions violation");
    require(permissions == told->error->is(ErrorCode::permission_violation), "another class");
    if (!stays) return;

    world.eof();  // then the connection goes on to its end, and the end is told
    look(world);
    require(world.session().state() == ConnectionState::reconnecting, "not reconnecting");
    require(world.count(Event::Kind::disconnected) == 1, "not told of the end");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const bool handshake = input.byte() % 4 == 3;
    std::string line(input.rest());
    std::replace(line.begin(), line.end(), '\n', '.');
    script::World world;
    world.record_flaws = true;
    world.server(script::info);
    if (handshake) {
        in_handshake(world, line);
    } else {
        when_connected(world, line);
    }
    return 0;
}
