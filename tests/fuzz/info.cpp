// INFO: any text as JSON, within the limits of T09; and CONNECT, whose JSON must hold what it was
// given whatever that is, in one line (FZ-05).
// Input: a byte of choice; then the JSON, or the fields of CONNECT.
#include "core/info.hpp"

#include "core/json.hpp"
#include "core/subject.hpp"
#include "core/url.hpp"
#include "fuzz.hpp"

using namespace anynats;
using fuzz::require;

namespace {

/// How deep arrays and objects are nested, outside of strings.
std::size_t depth_of(std::string_view json) {
    std::size_t depth = 0, deepest = 0;
    bool in_string = false;
    for (std::size_t at = 0; at < json.size(); ++at) {
        const char c = json[at];
        if (c == '"') in_string = !in_string;
        if (in_string && c == '\\') ++at;
        if (in_string) continue;
        if (c == '{' || c == '[') deepest = std::max(deepest, ++depth);
        if (c == '}' || c == ']') --depth;
    }
    return deepest;
}

void read_info(std::string_view text) {
    const fuzz::Exact json(text);
    const Result<ServerInfo> result = parse_info(json.view());
    if (!result.ok()) {
        require(result.error().code() == ErrorCode::protocol_error, "another kind of error");
        require(fuzz::is_printable(result.error().what()), "an error that is no line of text");
        return;
    }
    ServerInfo info = Result<ServerInfo>(result).value();
    require(info.json == text, "another JSON");
    require(depth_of(text) <= 32, "nested too deeply");
    const auto urls = info.connect_urls.value_or(std::vector<std::string>());
    require(urls.size() <= 1'000, "too many connect_urls");
    for (const std::string& url : urls) require(is_host_port(url), "a bad connect_url");
    for (const std::string* field : {&info.server_id, &info.nonce, &info.version, &info.host}) {
        require(field->size() <= text.size() && is_utf8(*field), "a bad field");
    }
}

void write_connect(fuzz::Input input) {
    ConnectFields fields;
    fields.name = input.field();
    fields.user = input.field();
    fields.password = input.field();
    fields.token = input.rest();
    const std::string json = connect_json(fields);
    require(fuzz::is_one_line(json), "CONNECT is not one line");
    boost::json::error_code flaw;
    const boost::json::value value = boost::json::parse(json, flaw);
    require(!flaw && value.is_object(), "CONNECT is not JSON");
    const boost::json::object& object = value.get_object();
    const auto holds = [&](const char* name, const std::string& text) {
        const boost::json::value* found = object.if_contains(name);
        if (!found) return text.empty();
        return found->is_string() && (!is_utf8(text) || found->get_string() == text);
    };
    require(holds("name", fields.name) && holds("user", *fields.user), "another name or user");
    require(holds("pass", *fields.password), "another password");
    require(holds("auth_token", *fields.token), "another token");
    require(object.size() <= 12, "more than was asked for");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    if (input.byte() % 4 == 3) {
        write_connect(input);
    } else {
        read_info(input.rest());
    }
    return 0;
}
