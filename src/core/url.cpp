// Server URLs taken apart by hand: a general parser accepts too much and shows too much. Whatever
// goes wrong, the text of an error never holds what may be a password (T26): see redacted_url().
#include "core/url.hpp"

#include <algorithm>

#include "core/subject.hpp"
#include "core/text.hpp"

namespace anynats {
inline namespace v0 {
namespace {

constexpr std::size_t longest_url = 4096;  // bytes; a limit against accidents
constexpr std::size_t longest_host = 255;
constexpr std::size_t longest_host_port = 512;  // T09

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

bool is_letter(char c) noexcept {
    return lower(c) >= 'a' && lower(c) <= 'z';
}

int hex_value(char c) noexcept {
    if (is_digit(c)) return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/// Where `://` stands behind something that can be a scheme; npos otherwise.
std::size_t end_of_scheme(std::string_view text) noexcept {
    const std::size_t at = text.find("://");
    if (at == std::string_view::npos) return at;
    for (const char c : text.substr(0, at)) {
        if (!is_letter(c) && !is_digit(c) && c != '+' && c != '-' && c != '.') {
            return std::string_view::npos;
        }
    }
    return at;
}

bool percent_decode(std::string_view text, std::string& out) {
    out.clear();
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '%') {
            out += text[at];
            continue;
        }
        if (text.size() - at < 3) return false;
        const int high = hex_value(text[at + 1]), low = hex_value(text[at + 2]);
        if (high < 0 || low < 0) return false;
        out += static_cast<char>(high * 16 + low);
        at += 2;
    }
    return true;
}

const char* read_scheme(std::string_view scheme, ServerUrl& url) {
    url.scheme.clear();
    for (const char c : scheme) url.scheme += lower(c);
    if (url.scheme == "nats" || url.scheme == "tls") return nullptr;
    if (url.scheme != "ws" && url.scheme != "wss") {
        return "unknown scheme; nats, tls, ws and wss are known";
    }
    url.port = url.scheme == "ws" ? 80 : 443;
    return nullptr;
}

const char* read_user(std::string_view part, ServerUrl& url) {
    if (part.empty()) return nullptr;
    const std::size_t colon = part.find(':');
    if (colon == std::string_view::npos) {
        url.has_token = true;
        if (!percent_decode(part, url.token)) return "bad percent-escape in the user part";
    } else {
        url.has_user = true;
        if (!percent_decode(part.substr(0, colon), url.user) ||
            !percent_decode(part.substr(colon + 1), url.password)) {
            return "bad percent-escape in the user part";
        }
    }
    // CONNECT is JSON: what is no UTF-8 cannot be sent.
    const bool text = is_utf8(url.token) && is_utf8(url.user) && is_utf8(url.password);
    return text ? nullptr : "the user part is not UTF-8";
}

/// A literal IPv6 address without brackets, its zone maybe behind `%` or `%25` (RFC 6874).
const char* read_ipv6(std::string_view inside, std::string& host) {
    const std::size_t percent = inside.find('%');
    const std::string_view address = inside.substr(0, percent);
    const auto colons = std::count(address.begin(), address.end(), ':');
    const bool proper = std::all_of(address.begin(), address.end(), [](char c) {
        return hex_value(c) >= 0 || c == ':' || c == '.';
    });
    if (!proper || colons < 2 || address.size() > 45) return "bad IPv6 address";
    host = address;
    if (percent == std::string_view::npos) return nullptr;
    std::string_view zone = inside.substr(percent + 1);
    if (zone.size() > 2 && zone.starts_with("25")) zone.remove_prefix(2);
    const bool zone_proper = std::all_of(zone.begin(), zone.end(), [](char c) {
        return is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == '.' || c == '~';
    });
    if (zone.empty() || !zone_proper || zone.size() > 32) return "bad zone in an IPv6 address";
    host += '%';
    host += zone;
    return nullptr;
}

bool is_host_name(std::string_view host) noexcept {
    return host.size() <= longest_host && std::all_of(host.begin(), host.end(), [](char c) {
               return is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == '.';
           });
}

const char* read_port(std::string_view digits, std::uint16_t& port) noexcept {
    unsigned value = 0;
    for (const char c : digits) {
        if (!is_digit(c)) return "the port is not a number";
        value = std::min(value * 10 + static_cast<unsigned>(c - '0'), 65536u);
    }
    if (value < 1 || value > 65535) return "the port is not between 1 and 65535";
    port = static_cast<std::uint16_t>(value);
    return nullptr;
}

/// Split `host[:port]`; `port` keeps its value when none is given.
const char* read_host_port(std::string_view text, std::string& host, std::uint16_t& port) {
    std::string_view rest;
    if (text.starts_with('[')) {
        const std::size_t close = text.find(']');
        if (close == std::string_view::npos) return "no ] behind an IPv6 address";
        if (const char* flaw = read_ipv6(text.substr(1, close - 1), host)) return flaw;
        rest = text.substr(close + 1);
        if (!rest.empty() && rest.front() != ':') return "text behind an IPv6 address";
    } else {
        const std::size_t colon = text.find(':');
        if (colon != text.rfind(':')) return "more than one colon; an IPv6 address needs brackets";
        const std::string_view name = text.substr(0, colon);
        if (name.empty()) return "the host is empty";
        if (!is_host_name(name)) return "the host holds a character that host names do not have";
        host = name;
        if (colon != std::string_view::npos) rest = text.substr(colon);
    }
    if (rest.size() <= 1) return nullptr;  // nothing, or a colon alone: the default (RFC 3986)
    return read_port(rest.substr(1), port);
}

const char* read_path(std::string_view path, ServerUrl& url) {
    // A slash in a password would have ended the host early: say so instead of connecting there.
    if (path.find('@') != std::string_view::npos) {
        return "an @ behind the host; write a / in the user part as %2F";
    }
    if (url.scheme != "ws" && url.scheme != "wss") {
        return path.empty() || path == "/" ? nullptr : "only ws and wss URLs have a path";
    }
    if (path.find('#') != std::string_view::npos) return "a fragment is of no use";
    url.path = path;
    return nullptr;
}

const char* read_url(std::string_view text, ServerUrl& url) {
    if (text.empty()) return "is empty";
    if (text.size() > longest_url) return "longer than 4096 bytes";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte <= 0x20 || byte == 0x7F) return "holds a blank or a control byte";
    }
    if (const std::size_t end = end_of_scheme(text); end != std::string_view::npos) {
        if (const char* flaw = read_scheme(text.substr(0, end), url)) return flaw;
        text.remove_prefix(end + 3);
    }
    const std::size_t path_at = std::min(text.find_first_of("/?#"), text.size());
    const std::string_view authority = text.substr(0, path_at);
    const std::size_t at_sign = authority.rfind('@');  // the last: a password may hold one
    std::string_view place = authority;
    if (at_sign != std::string_view::npos) {
        if (const char* flaw = read_user(authority.substr(0, at_sign), url)) return flaw;
        place = authority.substr(at_sign + 1);
    }
    if (const char* flaw = read_path(text.substr(path_at), url)) return flaw;
    return read_host_port(place, url.host, url.port);
}

Error bad_url(const std::string& name, const char* flaw) {
    return Error(ErrorCode::usage_error, "server URL " + name + ": " + flaw);
}

std::string_view without_blanks(std::string_view text) noexcept {
    const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    return text;
}

}  // namespace

std::string ServerUrl::shown() const {
    std::string text = scheme + "://";
    if (host.find(':') == std::string::npos) {
        text += host;
    } else {  // in a URL a zone stands behind %25 (RFC 6874), and is read back as it was
        const std::size_t percent = host.find('%');
        text += '[' + host.substr(0, percent);
        if (percent != std::string::npos) text += "%25" + host.substr(percent + 1);
        text += ']';
    }
    text += ':';
    text += std::to_string(port);
    return text;
}

bool ServerUrl::same_place(const ServerUrl& other) const {
    return scheme == other.scheme && port == other.port && same_in_any_case(host, other.host);
}

Result<ServerUrl> parse_url(std::string_view text) {
    ServerUrl url;
    if (const char* flaw = read_url(text, url)) return bad_url(redacted_url(text), flaw);
    return url;
}

Result<std::vector<ServerUrl>> parse_url_list(std::string_view text) {
    const bool secrets = text.find('@') != std::string_view::npos;
    std::vector<ServerUrl> urls;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::size_t comma = std::min(text.find(','), text.size());
        const std::string_view item = without_blanks(text.substr(0, comma));
        text.remove_prefix(std::min(comma + 1, text.size()));
        if (item.empty()) continue;
        ServerUrl url;
        if (const char* flaw = read_url(item, url)) {
            // A comma in a password splits it: then no part of the list may be shown.
            return bad_url(secrets ? "number " + std::to_string(number) : redacted_url(item), flaw);
        }
        urls.push_back(std::move(url));
    }
    if (urls.empty()) return Error(ErrorCode::usage_error, "server URLs: the list is empty");
    return urls;
}

bool is_host_port(std::string_view text) {
    if (text.size() > longest_host_port || text.find_last_not_of("0123456789") + 1 >= text.size()) {
        return false;  // too long, or it does not end with the digits of a port
    }
    std::string host;
    std::uint16_t port = 0;
    return read_host_port(text, host, port) == nullptr && port != 0;
}

std::string redacted_url(std::string_view text) {
    std::string shown;
    if (const std::size_t end = end_of_scheme(text); end != std::string_view::npos) {
        shown = text.substr(0, end + 3);
        text.remove_prefix(end + 3);
    }
    // The last @ of all, for an unescaped / in a password ends the authority too soon.
    if (const std::size_t at = text.rfind('@'); at != std::string_view::npos) {
        shown += "***@";
        text.remove_prefix(at + 1);
    }
    // `user:password` without a host looks like `host:port`: only digits may follow a colon.
    const std::string_view place = text.substr(0, text.find_first_of("/?#"));
    const std::size_t colon = place.starts_with('[') ? std::string_view::npos : place.find(':');
    const bool secret =
        colon != std::string_view::npos &&
        !std::all_of(place.begin() + static_cast<std::ptrdiff_t>(colon) + 1, place.end(), is_digit);
    if (secret) {
        shown += place.substr(0, colon + 1);
        shown += "***";
    } else {
        shown += place;
    }
    return quote_text(shown, 128);
}

}  // namespace v0
}  // namespace anynats
