// What is kept and what is given up when a connection breaks, for every place where a write may
// have stopped. I05, I06; B20, B54, B66.
#include "core/outbound.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "core/writer.hpp"

using namespace anynats;

namespace {

std::string text_of(const Outbound& out) {
    const auto parts = out.to_send();
    return std::string(parts[0]) + std::string(parts[1]);
}

struct Encoded {
    std::string bytes;
    bool publish;
};

/// Some of each kind; payloads that look like frames.
std::vector<Encoded> frames() {
    std::vector<Encoded> all;
    const auto add = [&](bool publish, auto encode) {
        Bytes bytes;
        encode(bytes);
        all.push_back({std::string(bytes.view()), publish});
    };
    add(true, [](Bytes& b) { encode_publish(b, "a", "", "", "PUB x 1\r\ny\r\n"); });
    add(false, [](Bytes& b) { encode_subscribe(b, "s.>", "q", 1); });
    add(true, [](Bytes& b) { encode_publish(b, "b", "reply", "", ""); });
    add(false, [](Bytes& b) { encode_ping(b); });
    add(true, [](Bytes& b) { encode_publish(b, "c", "r", "NATS/1.0\r\nA: b\r\n\r\n", "SUB\r\n"); });
    add(false, [](Bytes& b) { encode_unsubscribe(b, 1, 5); });
    add(false, [](Bytes& b) { encode_pong(b); });
    add(true, [](Bytes& b) { encode_publish(b, "d", "", "NATS/1.0\r\n\r\n", ""); });
    add(false, [](Bytes& b) { encode_subscribe(b, "t", "", 2); });
    return all;
}

TEST(Outbound, NothingIsSentBeforeItIsOpened) {
    Outbound out;
    encode_publish(out.pending(), "a", "", "", "x");
    EXPECT_EQ(text_of(out), "");
    out.opening().append("CONNECT {}\r\nPING\r\n");
    EXPECT_EQ(text_of(out), "CONNECT {}\r\nPING\r\n");
    out.open(true);
    EXPECT_EQ(text_of(out), "CONNECT {}\r\nPING\r\nPUB a 1\r\nx\r\n");
    EXPECT_EQ(out.size_to_send(), text_of(out).size());
    out.sent(20);
    EXPECT_EQ(text_of(out), "B a 1\r\nx\r\n");
}

TEST(Outbound, ABreakKeepsExactlyThePublishesThatWereNotBegun) {
    const std::vector<Encoded> all = frames();
    std::string stream;
    for (const Encoded& frame : all) stream += frame.bytes;
    const std::string opening = "CONNECT {}\r\nPING\r\nSUB s.> q 1\r\n";
    std::mt19937 random(1);
    for (std::size_t cut = 0; cut <= opening.size() + stream.size(); ++cut) {
        for (int split = 0; split < 4; ++split) {
            Outbound out;
            out.opening().append(opening);
            for (const Encoded& frame : all) out.pending().append(frame.bytes);
            out.open(true);
            for (std::size_t sent = 0; sent < cut;) {
                const std::size_t most = split == 0 ? 1 : split == 1 ? cut : 1 + random() % 17;
                const std::size_t n = std::min(most, cut - sent);
                out.sent(n);
                sent += n;
            }
            std::string kept;
            std::size_t lost = 0, waiting = 0, at = opening.size();
            for (const Encoded& frame : all) {
                if (at >= cut) {
                    if (frame.publish) kept += frame.bytes;
                    waiting += frame.publish;
                } else if (at + frame.bytes.size() > cut) {
                    lost += frame.publish;
                }
                at += frame.bytes.size();
            }
            ASSERT_EQ(out.count_publishes(), waiting) << cut;
            ASSERT_EQ(out.broken(), lost) << cut;
            ASSERT_EQ(text_of(out), "") << "closed until the next handshake is over";
            out.open(true);
            ASSERT_EQ(text_of(out), kept) << cut;
            ASSERT_EQ(out.broken(), 0u) << "a second break costs nothing";
            ASSERT_EQ(out.clear(), waiting);
            ASSERT_EQ(out.pending_size(), 0u);
        }
    }
}

TEST(Outbound, ClearCountsAlsoTheOneThatWasBegun) {
    Outbound out;
    out.open(true);
    encode_publish(out.pending(), "a", "", "", "12345");
    encode_publish(out.pending(), "b", "", "", "12345");
    encode_ping(out.pending());
    out.sent(3);
    EXPECT_EQ(out.count_publishes(), 1u);
    EXPECT_EQ(out.clear(), 2u);
    EXPECT_EQ(out.clear(), 0u);
    encode_ping(out.pending());
    out.sent(2);
    EXPECT_EQ(out.clear(), 0u);
}

}  // namespace
