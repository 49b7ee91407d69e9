// Server URLs: nats://[user[:password]@]host[:port], tls://, ws://, wss:// (wire.md 4.1).
// A user without a password is a token. Credentials never appear in `shown()` (T26).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <anynats/error.hpp>

namespace anynats {
inline namespace v0 {

struct ServerUrl {
    std::string scheme = "nats";  // nats, tls, ws or wss
    std::string host;             // without brackets; a literal address keeps its zone
    std::uint16_t port = 4222;    // 80 for ws, 443 for wss when left out
    std::string user, password, token;
    std::string path;  // ws and wss only
    bool has_user = false, has_token = false;

    /// `scheme://host:port`, with credentials left out.
    std::string shown() const;
    /// The same place: scheme, host (in any case) and port are equal.
    bool same_place(const ServerUrl& other) const;
};

/// Parse one URL; without a scheme it is nats://. Percent-escapes in the user part are decoded.
/// The error is a usage_error that shows the URL without what may be a secret.
Result<ServerUrl> parse_url(std::string_view text);
/// Parse a comma-separated list of URLs; blanks around them and trailing commas are ignored.
Result<std::vector<ServerUrl>> parse_url_list(std::string_view text);
/// Tell whether `text` is a plain `host:port`, as in connect_urls: at most 512 bytes (T09).
bool is_host_port(std::string_view text);
/// `text` fit for a log: user part replaced by `***`, non-printable bytes escaped, shortened.
std::string redacted_url(std::string_view text);

}  // namespace v0
}  // namespace anynats
