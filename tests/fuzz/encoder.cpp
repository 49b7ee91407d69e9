// What a client writes: any strings in any argument are either refused, with nothing written, or a
// grammar of its own (below, from wire.md 4.1 and 4.2) sees exactly the one intended frame (FZ-06).
// Input: a byte of choice, the texts, the payload.
#include <anynats/session.hpp>

#include <optional>
#include <vector>

#include "fuzz.hpp"

using namespace anynats;
using fuzz::require;

namespace {

/// Client frames as a server takes them apart: a line ends at the first line feed, whatever stands
/// before it, and fields end at anything that may be taken for a blank.
class ServerSide {
public:
    explicit ServerSide(std::string_view bytes) : rest_(bytes) {}

    bool done() const { return rest_.empty(); }

    /// The fields of the next line.
    std::vector<std::string_view> line() {
        const std::string_view text = whole_line();
        std::vector<std::string_view> fields;
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t end = std::min(text.find_first_of(blanks, at), text.size());
            if (end > at) fields.push_back(text.substr(at, end - at));
            at = end + 1;
        }
        return fields;
    }

    /// The next line, without its end.
    std::string_view whole_line() {
        const std::size_t feed = rest_.find('\n');
        require(feed != rest_.npos && feed > 0 && rest_[feed - 1] == '\r', "a line without end");
        const std::string_view text = rest_.substr(0, feed - 1);
        require(text.find('\r') == text.npos, "a carriage return within a line");
        rest_.remove_prefix(feed + 1);
        return text;
    }

    /// `size` bytes and the line end behind them.
    std::string_view body(std::size_t size) {
        require(rest_.size() >= size + 2, "a body that is too short");
        const std::string_view bytes = rest_.substr(0, size);
        require(rest_.substr(size, 2) == "\r\n", "a body that does not end where it says");
        rest_.remove_prefix(size + 2);
        return bytes;
    }

private:
    static constexpr std::string_view blanks{" \t\r\n\v\f\0", 7};
    std::string_view rest_;
};

std::size_t number(std::string_view digits) {
    require(!digits.empty() && digits.size() < 10, "a number of another size");
    std::size_t value = 0;
    for (const char c : digits) {
        require(c >= '0' && c <= '9', "a number with other characters");
        value = value * 10 + static_cast<std::size_t>(c - '0');
    }
    return value;
}

/// A header block is its version line, `Name: value` for each, and an empty line.
void expect_headers(std::string_view block, const Headers& headers) {
    ServerSide lines(block);
    require(lines.whole_line() == "NATS/1.0", "a header block without its version");
    for (const auto& [name, value] : headers) {
        const std::string_view line = lines.whole_line();
        const std::size_t colon = line.find(':');
        require(line.substr(0, colon) == name, "another header name");
        require(line.substr(std::min(colon, line.size())) == ": " + value, "another header value");
    }
    require(lines.whole_line().empty() && lines.done(), "a header block with another end");
}

/// A connected session, and what it writes.
class Client {
public:
    explicit Client(Options options = {}) : session_(std::move(options), Seed{}, Time()) {
        const Action connect = session_.next_action();
        session_.transport_up(connect.epoch, Time());
        session_.receive_data(connect.epoch, "INFO {\"headers\":true}\r\n", Time());
        session_.credentials(connect.epoch, session_.own_credentials(), Time());
        opening_ = take();
        session_.receive_data(connect.epoch, "PONG\r\n", Time());
    }

    Session& session() { return session_; }
    const std::string& opening() const { return opening_; }

    std::string take() {
        const auto parts = session_.data_to_send();
        std::string bytes(parts[0]);
        bytes += parts[1];
        session_.data_sent(bytes.size());
        require(session_.check() == nullptr, "the session's accounting is wrong");
        return bytes;
    }

    /// The call was refused: nothing may have been written.
    void expect_nothing(const Error& error) {
        require(error.is(ErrorCode::usage_error), "refused for another reason");
        require(fuzz::is_printable(error.what()), "an error that is no line of text");
        require(take().empty(), "refused, and yet written");
    }

private:
    Session session_;
    std::string opening_;
};

void publish(fuzz::Input& input) {
    const std::string_view subject = input.field(), reply = input.field();
    Headers headers;
    for (unsigned count = input.byte() % 4; count > 0; --count) {
        const std::string_view name = input.field();
        headers.add(std::string(name), std::string(input.field()));
    }
    const fuzz::Exact payload(input.rest());
    Client client;
    const Result<std::string> block = header_block(headers);
    if (!block.ok()) return client.expect_nothing(block.error());
    const std::string headers_raw = Result<std::string>(block).value();
    const auto refusal = client.session().publish(subject, payload.view(), reply, headers_raw);
    if (refusal) return client.expect_nothing(*refusal);

    const std::string bytes = client.take();
    ServerSide server(bytes);
    const std::vector<std::string_view> fields = server.line();
    std::vector<std::string_view> wanted = {headers.empty() ? "PUB" : "HPUB", subject};
    if (!reply.empty()) wanted.push_back(reply);
    require(fields.size() == wanted.size() + (headers.empty() ? 1 : 2), "more or fewer fields");
    require(std::equal(wanted.begin(), wanted.end(), fields.begin()), "other fields");
    const std::size_t size = number(fields.back());
    const std::size_t head = headers.empty() ? 0 : number(fields[fields.size() - 2]);
    require(head <= size && size - head == payload.view().size(), "another size");
    const std::string_view body = server.body(size);
    if (head) expect_headers(body.substr(0, head), headers);
    require(body.substr(head) == payload.view(), "another payload");
    require(server.done(), "more than one frame");
}

void subscribe(fuzz::Input& input) {
    const std::string_view subject = input.field();
    SubscribeOptions options;
    options.queue = input.field();
    const std::uint64_t limit = input.byte();
    Client client;
    auto result = client.session().subscribe(subject, options);
    if (!result.ok()) return client.expect_nothing(result.error());
    std::string bytes = client.take();
    ServerSide server(bytes);
    std::vector<std::string_view> wanted = {"SUB", subject};
    if (!options.queue.empty()) wanted.push_back(options.queue);
    wanted.push_back("1");
    require(server.line() == wanted && server.done(), "another SUB");

    require(!client.session().unsubscribe(**result, limit), "cannot unsubscribe");
    bytes = client.take();
    ServerSide after(bytes);
    const std::string max = std::to_string(limit);
    wanted = {"UNSUB", "1"};
    if (limit) wanted.push_back(max);
    require(after.line() == wanted && after.done(), "another UNSUB");
}

void connect(fuzz::Input& input) {
    Options options;
    options.name = input.field();
    options.user = input.field();
    options.password = input.field();
    options.inbox_prefix = input.rest();
    std::optional<Client> client;
    try {
        client.emplace(std::move(options));
    } catch (const Error& error) {
        require(error.is(ErrorCode::usage_error), "refused for another reason");
        require(fuzz::is_printable(error.what()), "an error that is no line of text");
        return;
    }
    ServerSide server(client->opening());
    const std::string_view line = server.whole_line();
    require(line.starts_with("CONNECT {") && line.ends_with("}"), "no CONNECT");
    require(fuzz::is_one_line(line), "CONNECT with control bytes");
    require(server.whole_line() == "PING" && server.done(), "no PING behind CONNECT, or more");
    require(client->take().empty(), "more than the handshake");
    const auto sub = client->session().subscribe(client->session().new_inbox());
    require(sub.ok(), "an inbox that nobody can subscribe to");
    const std::string bytes = client->take();
    ServerSide after(bytes);
    require(after.line().size() == 3 && after.done(), "another SUB");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    switch (input.byte() % 4) {
        case 0:
            subscribe(input);
            break;
        case 1:
            connect(input);
            break;
        default:
            publish(input);
            break;
    }
    return 0;
}
