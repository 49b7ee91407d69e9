// INFO taken apart and CONNECT put together, by Boost.JSON, which is seen nowhere else in the core.
// A field of the wrong type counts as absent; only what is no JSON object is an error (T09, B92).
// Nothing is thrown but std::bad_alloc. wire.md 4.1.
#include "core/info.hpp"

#include <limits>

#include "core/json.hpp"
#include "core/subject.hpp"
#include "core/url.hpp"

#ifndef ANYNATS_VERSION
#error "ANYNATS_VERSION is set by CMake from the file VERSION"
#endif

namespace anynats {
inline namespace v0 {
namespace {

namespace json = boost::json;

constexpr std::size_t deepest = 32;               // nested arrays and objects (T09)
constexpr std::size_t largest_info = 1 << 20;     // bytes
constexpr std::size_t most_connect_urls = 1'000;  // kept; the rest is counted

/// Reads fields of one object; what is absent or of another type leaves the target as it was.
class Fields {
public:
    explicit Fields(const json::object& object) : object_(object) {}

    void text(std::string_view name, std::string& target) const {
        const json::value* value = find(name);
        if (!value || !value->is_string()) return;
        target.assign(value->get_string().data(), value->get_string().size());
    }
    void flag(std::string_view name, bool& target) const noexcept {
        const json::value* value = find(name);
        if (value && value->is_bool()) target = value->get_bool();
    }
    template <class Number>
    void number(std::string_view name, Number& target) const noexcept {
        const json::value* value = find(name);
        if (!value) return;
        std::uint64_t whole;
        if (value->is_uint64()) {
            whole = value->get_uint64();
        } else if (value->is_int64() && value->get_int64() >= 0) {
            whole = static_cast<std::uint64_t>(value->get_int64());
        } else {
            return;
        }
        if (whole <= std::numeric_limits<Number>::max()) target = static_cast<Number>(whole);
    }
    const json::value* find(std::string_view name) const noexcept {
        return object_.if_contains(json::string_view(name.data(), name.size()));
    }

private:
    const json::object& object_;
};

void read_connect_urls(const Fields& fields, ServerInfo& info) {
    const json::value* value = fields.find("connect_urls");
    if (!value || !value->is_array()) return;
    std::vector<std::string>& urls = info.connect_urls.emplace();
    for (const json::value& item : value->get_array()) {
        const json::string* text = item.if_string();
        const std::string_view url = text ? std::string_view(text->data(), text->size()) : "";
        if (urls.size() < most_connect_urls && is_host_port(url)) {
            urls.emplace_back(url);
        } else {
            ++info.urls_left_out;
        }
    }
}

Error bad_info(std::string_view why) {
    std::string text = "INFO from the server: ";
    text += why;
    return Error(ErrorCode::protocol_error, std::move(text));
}

/// `text` as UTF-8 whatever it is: a broken byte becomes U+FFFD. Users are told before (T20); this
/// only sees to it that the JSON stays JSON.
std::string safe_text(std::string_view text) {
    std::string safe;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t size = 1;
        while (size < 4 && at + size < text.size() && !is_utf8(text.substr(at, size))) ++size;
        if (is_utf8(text.substr(at, size))) {
            safe += text.substr(at, size);
            at += size;
        } else {
            safe += "\xEF\xBF\xBD";
            ++at;
        }
    }
    return safe;
}

}  // namespace

Result<ServerInfo> parse_info(std::string_view text) {
    if (text.size() > largest_info) return bad_info("longer than 1 MiB");
    json::parse_options options;
    options.max_depth = deepest;
    boost::system::error_code flaw;
    const json::value value =
        json::parse(json::string_view(text.data(), text.size()), flaw, {}, options);
    if (flaw) return bad_info("not JSON (" + flaw.message() + ")");
    if (!value.is_object()) return bad_info("not a JSON object");

    const Fields fields(value.get_object());
    ServerInfo info;
    fields.text("server_id", info.server_id);
    fields.text("server_name", info.server_name);
    fields.text("version", info.version);
    fields.text("host", info.host);
    fields.text("client_ip", info.client_ip);
    fields.text("nonce", info.nonce);
    fields.text("cluster", info.cluster);
    fields.text("domain", info.domain);
    fields.text("xkey", info.xkey);
    fields.text("git_commit", info.git_commit);
    fields.text("go", info.go);
    fields.text("ip", info.ip);
    fields.number("proto", info.proto);
    fields.number("client_id", info.client_id);
    fields.number("api_lvl", info.api_level);
    fields.number("port", info.port);
    fields.number("max_payload", info.max_payload);
    fields.flag("headers", info.headers);
    fields.flag("auth_required", info.auth_required);
    fields.flag("tls_required", info.tls_required);
    fields.flag("tls_available", info.tls_available);
    fields.flag("tls_verify", info.tls_verify);
    fields.flag("jetstream", info.jetstream);
    fields.flag("ldm", info.lame_duck);
    read_connect_urls(fields, info);
    info.json = text;
    return info;
}

std::string connect_json(const ConnectFields& fields) {
    json::object connect;
    connect["verbose"] = fields.verbose;
    connect["pedantic"] = fields.pedantic;
    connect["echo"] = fields.echo;
    connect["headers"] = fields.headers;
    connect["no_responders"] = fields.headers;
    connect["protocol"] = 1;
    connect["lang"] = "c++";
    connect["version"] = ANYNATS_VERSION;
    if (!fields.name.empty()) connect["name"] = safe_text(fields.name);
    const auto put = [&](json::string_view name, const std::optional<std::string>& text) {
        if (text) connect[name] = safe_text(*text);
    };
    put("user", fields.user);
    put("pass", fields.password);
    put("auth_token", fields.token);
    put("jwt", fields.jwt);
    put("nkey", fields.nkey);
    put("sig", fields.signature);
    return json::serialize(connect);
}

}  // namespace v0
}  // namespace anynats
