// The seam for TLS and WebSocket kept honest: one conversation without a filter, through one that
// changes nothing, and through one that passes single bytes, must come out the same.
#include <cstring>

#include "test_net_support.hpp"

namespace net_test {
namespace {

/// Passes everything on, at most `piece` bytes at a time.
class PassFilter : public Filter {
public:
    explicit PassFilter(std::size_t piece)
        : piece_(piece), space_(std::min<std::size_t>(piece, 4096)) {}

    std::span<char> prepare() override { return {space_.data(), space_.size()}; }

    std::optional<Error> commit(std::size_t n, PlainSink& above) override {
        for (std::size_t at = 0; at < n;) {
            const std::span<char> to = above.prepare();
            const std::size_t size = std::min({to.size(), n - at, piece_});
            std::memcpy(to.data(), space_.data() + at, size);
            at += size;
            if (!above.commit(size)) return {};
            if (fail_at && --fail_at == 0) return Error(ErrorCode::tls_error, "bad record");
        }
        return {};
    }

    std::size_t accept(std::string_view plain) override {
        const std::size_t room = wire_limit - std::min(wire_limit, wire().size());
        const std::size_t size = std::min({plain.size(), room, piece_});
        wire().append(plain.substr(0, size));
        return size;
    }

    std::size_t fail_at = 0;

private:
    std::size_t piece_;
    std::vector<char> space_;
};

struct Outcome {
    std::string received;
    std::vector<std::string> payloads;
    friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome converse(FilterFactory factory) {
    Server server;
    server.on_line = [](Peer& peer, std::string_view line) {
        if (line.starts_with("SUB a")) {
            for (int i = 0; i < 50; ++i) {
                const std::string payload(static_cast<std::size_t>(i * 17), 'x');
                peer.to_send +=
                    "MSG a 1 " + std::to_string(payload.size()) + "\r\n" + payload + "\r\n";
            }
        }
    };
    Options options = options_for({url(server)});
    options.name = "filter";
    Connection connection(options, monotonic_now());
    connection.inner().filter_factory = std::move(factory);
    auto sub = connection.session().subscribe("a");
    for (int i = 0; i < 200; ++i) {
        EXPECT_FALSE(connection.session().publish("b", std::string(1000, char('a' + i % 26))));
    }
    std::vector<Message> messages;
    EXPECT_TRUE(run_until(connection, {&server}, [&] {
        connection.session().take(**sub, messages, 100);
        return messages.size() == 50 && connection.session().pending_size() == 0 &&
               std::count(server.last().received.begin(), server.last().received.end(), '\n') >=
                   403;
    }));
    Outcome outcome{server.last().received, {}};
    for (const Message& message : messages) outcome.payloads.emplace_back(message.payload());
    return outcome;
}

TEST(NetFilter, FiltersThatChangeNothingChangeNothing) {
    const Outcome plain = converse({});
    EXPECT_EQ(plain.payloads.size(), 50u);
    EXPECT_TRUE(plain ==
                converse([] { return std::make_shared<PassFilter>(std::size_t{1} << 20); }));
    EXPECT_TRUE(plain == converse([] { return std::make_shared<PassFilter>(1); }));
}

TEST(NetFilter, AFailingFilterEndsTheTransportAndANewOneIsMade) {
    Server server;
    unsigned made = 0;
    Connection connection(options_for({url(server)}), monotonic_now());
    connection.inner().filter_factory = [&] {
        auto filter = std::make_shared<PassFilter>(1);
        if (++made == 2) filter->fail_at = 1;
        return filter;
    };
    ASSERT_TRUE(run_to_state(connection, {&server}, ConnectionState::connected));
    server.peers.clear();
    ASSERT_TRUE(run_until(connection, {&server},
                          [&] { return connection.session().counters().reconnects == 1; }));
    EXPECT_EQ(made, 3u);
}

TEST(NetFilter, AReadThroughAFilterKeepsItAlive) {
    Server server;
    Connection connection(options_for({url(server)}), monotonic_now());
    std::weak_ptr<Filter> made;
    connection.inner().filter_factory = [&] {
        auto filter = std::make_shared<PassFilter>(100);
        made = filter;
        return filter;
    };
    ASSERT_TRUE(run_to_state(connection, {&server}, ConnectionState::connected));
    Connection::Read* read = connection.begin_read(monotonic_now());
    ASSERT_NE(read, nullptr);
    connection.session().close();
    connection.act(monotonic_now());
    EXPECT_FALSE(made.expired());
    Connection::perform(*read);
    connection.finish_read(monotonic_now());
    EXPECT_TRUE(made.expired());
}

}  // namespace
}  // namespace net_test
