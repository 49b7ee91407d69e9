// What a server says of itself (INFO) and what we say to it (CONNECT), as data. wire.md 4.1.
// JSON is Boost.JSON's business and stays inside info.cpp. Threat T09: depth <= 32, <= 1 MiB,
// <= 1,000 connect_urls of <= 512 bytes; a field of the wrong type counts as absent.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <anynats/error.hpp>

namespace anynats {
inline namespace v0 {

struct ServerInfo {
    std::string server_id, server_name, version, host, client_ip, nonce, cluster, domain, xkey;
    std::string git_commit, go, ip;
    std::uint64_t proto = 0, client_id = 0, api_level = 0;
    std::uint16_t port = 0;
    std::size_t max_payload = 1 << 20;
    bool headers = false, auth_required = false, tls_required = false, tls_available = false;
    bool tls_verify = false, jetstream = false, lame_duck = false;
    std::optional<std::vector<std::string>> connect_urls;  // absent = keep what is known
    std::size_t urls_left_out = 0;                         // beyond the limits of T09
    std::string json;                                      // as it came
};

/// Parse the JSON of an INFO line.
Result<ServerInfo> parse_info(std::string_view json);

/// What CONNECT says; empty optionals are left out.
struct ConnectFields {
    bool verbose = false, pedantic = false, echo = true;
    bool headers = true;  // the server takes them; it would refuse us if we claimed so in vain
    std::string name;
    std::optional<std::string> user, password, token, jwt, nkey, signature;
};

/// The JSON of a CONNECT line; lang, version, protocol 1 and no_responders (which come in headers)
/// are added.
std::string connect_json(const ConnectFields& fields);

}  // namespace v0
}  // namespace anynats
