// Server URLs: any text is read without harm, what was read can be shown and read again, and no
// error ever shows a password (FZ-08, T26).
// Input: a byte of choice; then a text, or texts to put around a password.
#include "core/url.hpp"

#include <anynats/session.hpp>

#include "core/subject.hpp"
#include "fuzz.hpp"

using namespace anynats;
using fuzz::require;

namespace {

constexpr std::string_view secret = "hUnt3r";  // in no scheme, flaw or host of ours

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != text.npos;
}

void check_error(const Error& error, bool has_secret) {
    require(error.code() == ErrorCode::usage_error, "another kind of error");
    require(fuzz::is_printable(error.what()), "an error that is no line of text");
    require(!has_secret || !contains(error.what(), secret), "an error shows the password");
}

void check_url(const ServerUrl& url) {
    require(!url.host.empty() && url.port != 0, "a URL without a place");
    require(!(url.has_user && url.has_token), "a user and a token");
    require(is_utf8(url.user) && is_utf8(url.password) && is_utf8(url.token), "not UTF-8");
    const std::string shown = url.shown();
    Result<ServerUrl> again = parse_url(shown);
    require(again.ok(), "what is shown cannot be read");
    require(again->same_place(url) && again->host == url.host, "what is shown is another place");
    require(!again->has_user && !again->has_token, "what is shown holds credentials");
    require(again->shown() == shown, "shown otherwise");
}

/// Look at one text; `hidden` when the secret stands in its user part and nowhere else.
void check_text(std::string_view text, bool hidden) {
    const Result<ServerUrl> one = parse_url(text);
    if (one.ok()) {
        const ServerUrl url = Result<ServerUrl>(one).value();
        check_url(url);
        require(!hidden || !contains(url.shown(), secret), "the password is shown");
    } else {
        check_error(one.error(), hidden);
    }
    require(!hidden || !contains(redacted_url(text), secret), "redacted, and yet shown");
    require(fuzz::is_printable(redacted_url(text)), "redacted, and no line of text");

    Result<std::vector<ServerUrl>> list = parse_url_list(text);
    if (!list.ok()) return check_error(list.error(), hidden);
    require(!list->empty(), "an empty list");
    for (const ServerUrl& url : *list) check_url(url);
}

/// A session with this text among its options: it begins, or tells what is wrong.
void check_session(std::string_view text, bool hidden) {
    Options options;
    options.servers = {std::string(text)};
    try {
        Session session(options, Seed{}, Time());
        const Action action = session.next_action();
        require(action.kind == Action::Kind::connect && !action.host.empty(), "nowhere to go");
        require(!hidden || !contains(session.server(), secret), "the session shows the password");
    } catch (const Error& error) {
        check_error(error, hidden);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const unsigned choice = input.byte() % 4;
    if (choice == 0) {
        const fuzz::Exact text(input.rest());
        check_text(text.view(), false);
        if (is_host_port(text.view())) {
            require(parse_url("nats://" + std::string(text.view())).ok(), "host:port, but no URL");
        }
        check_session(text.view(), false);
        return 0;
    }
    // [scheme://]user:...secret...@place; in a list the password may hold a comma.
    constexpr std::string_view schemes[] = {"", "nats://", "tls://"};
    std::string text(schemes[choice - 1]);
    text += input.field();
    text += ':';
    text += input.field();
    text += secret;
    text += input.field();
    text += '@';
    const std::string_view place = input.rest();
    text += place;
    const bool hidden = !contains(place, secret);
    check_text(text, hidden);
    check_session(text, hidden);
    return 0;
}
