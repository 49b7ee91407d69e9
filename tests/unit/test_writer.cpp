// Each frame a client writes, byte for byte, read back by the parser where it can, and the
// boundaries of frames in a written buffer (B20).
#include "core/writer.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "core/parser.hpp"

using namespace anynats;

namespace {

std::string written(const Bytes& out) {
    return std::string(out.view());
}

template <class Encode>
std::string encoded(Encode encode) {
    Bytes out;
    encode(out);
    return written(out);
}

std::string publish(std::string_view subject, std::string_view reply, std::string_view headers,
                    std::string_view payload) {
    return encoded([&](Bytes& out) { encode_publish(out, subject, reply, headers, payload); });
}

TEST(Writer, Publish) {
    EXPECT_EQ(publish("foo", "", "", "hello"), "PUB foo 5\r\nhello\r\n");
    EXPECT_EQ(publish("foo", "r.x", "", "hello"), "PUB foo r.x 5\r\nhello\r\n");
    EXPECT_EQ(publish("foo", "", "", ""), "PUB foo 0\r\n\r\n");
    const std::string long_payload(12345, 'p');
    EXPECT_EQ(publish("a", "", "", long_payload), "PUB a 12345\r\n" + long_payload + "\r\n");
}

TEST(Writer, PublishWithHeaders) {
    const std::string block = "NATS/1.0\r\na: b\r\n\r\n";
    EXPECT_EQ(publish("foo", "", block, "hi"), "HPUB foo 18 20\r\n" + block + "hi\r\n");
    EXPECT_EQ(publish("foo", "r", block, ""), "HPUB foo r 18 18\r\n" + block + "\r\n");
}

TEST(Writer, Headers) {
    EXPECT_EQ(encoded([](Bytes& out) { encode_headers(out, {}); }), "");
    EXPECT_EQ(encoded([](Bytes& out) { encode_headers(out, {{"A", "1"}, {"a", ""}, {"A", "2"}}); }),
              "NATS/1.0\r\nA: 1\r\na: \r\nA: 2\r\n\r\n");
}

TEST(Writer, HeadersComeBack) {
    const Headers headers = {{"A", "1"}, {"a", "x: y"}, {"A", "\x01\t\xff"}, {"Empty", ""}};
    Bytes block, out;
    encode_headers(block, headers);
    EXPECT_EQ(parse_headers(block.view()), headers);
}

TEST(Writer, SubscribeAndUnsubscribe) {
    const auto sub = [](std::string_view subject, std::string_view queue, std::uint64_t sid) {
        return encoded([&](Bytes& out) { encode_subscribe(out, subject, queue, sid); });
    };
    const auto unsub = [](std::uint64_t sid, std::uint64_t max) {
        return encoded([&](Bytes& out) { encode_unsubscribe(out, sid, max); });
    };
    constexpr auto largest = std::numeric_limits<std::uint64_t>::max();
    EXPECT_EQ(sub("foo.*", "", 1), "SUB foo.* 1\r\n");
    EXPECT_EQ(sub("foo.>", "workers", 10), "SUB foo.> workers 10\r\n");
    EXPECT_EQ(sub("a", "", largest), "SUB a 18446744073709551615\r\n");
    EXPECT_EQ(unsub(7, 0), "UNSUB 7\r\n");
    EXPECT_EQ(unsub(7, 100), "UNSUB 7 100\r\n");
    EXPECT_EQ(unsub(largest, largest), "UNSUB 18446744073709551615 18446744073709551615\r\n");
}

TEST(Writer, PingPongConnect) {
    EXPECT_EQ(encoded(encode_ping), "PING\r\n");
    EXPECT_EQ(encoded(encode_pong), "PONG\r\n");
    EXPECT_EQ(encoded([](Bytes& out) { encode_connect(out, "{}"); }), "CONNECT {}\r\n");
}

TEST(Writer, AppendsBehindWhatIsThere) {
    Bytes out;
    encode_ping(out);
    out.consume(2);
    encode_publish(out, "a", "", "", "b");
    EXPECT_EQ(written(out), "NG\r\nPUB a 1\r\nb\r\n");
}

// The size in the line is the size of the payload, at every number of digits.
TEST(Writer, SizesAtEveryPowerOfTen) {
    for (const std::size_t size :
         {1u, 9u, 10u, 11u, 99u, 100u, 999u, 1000u, 9999u, 10000u, 100000u}) {
        const std::string payload(size, 'x');
        EXPECT_EQ(publish("s", "", "", payload),
                  "PUB s " + std::to_string(size) + "\r\n" + payload + "\r\n");
    }
}

TEST(MeasureWritten, FindsEachBoundary) {
    struct Step {
        std::size_t size;
        bool is_publish;
    };
    std::vector<Step> steps;
    Bytes out;
    const auto note = [&](bool is_publish) {
        std::size_t before = 0;
        for (const Step& step : steps) before += step.size;
        steps.push_back({out.size() - before, is_publish});
    };
    encode_connect(out, R"({"name":"PUB a 5"})"), note(false);
    encode_ping(out), note(false);
    encode_pong(out), note(false);
    encode_subscribe(out, "a.9", "q", 12), note(false);
    encode_unsubscribe(out, 12, 5), note(false);
    encode_publish(out, "a", "", "", "hello"), note(true);
    encode_publish(out, "a1", "r2", "", "\r\nPUB x 99\r\n"), note(true);
    encode_publish(out, "a", "", "", ""), note(true);
    encode_publish(out, "a", "", "NATS/1.0\r\nk: v\r\n\r\n", "hello"), note(true);
    encode_publish(out, "a", "7", "NATS/1.0\r\nk: v\r\n\r\n", std::string(1000, '\n')), note(true);
    encode_ping(out), note(false);

    std::string_view rest = out.view();
    for (const Step& step : steps) {
        const WrittenFrame frame = measure_written(rest);
        EXPECT_EQ(frame.size, step.size) << rest.substr(0, 20);
        EXPECT_EQ(frame.is_publish, step.is_publish) << rest.substr(0, 20);
        rest.remove_prefix(frame.size);
    }
    EXPECT_TRUE(rest.empty());
}

TEST(MeasureWritten, NeverBeyondWhatIsThere) {
    EXPECT_EQ(measure_written("").size, 0u);
    EXPECT_EQ(measure_written("\n").size, 1u);
    EXPECT_EQ(measure_written("PUB a").size, 5u);
    EXPECT_EQ(measure_written("PUB a 5\r\nhel").size, 12u);
    EXPECT_EQ(measure_written("PUB a 5\r\nhello\r\nPING\r\n").size, 16u);
}

TEST(Writer, RepliesAreFoundAgain) {
    for (const std::string_view block : {"", "NATS/1.0\r\na: b\r\n\r\n"}) {
        for (const std::string_view reply : {"", "r.1"}) {
            Bytes out;
            encode_publish(out, "s", reply, block, "x y z");
            EXPECT_EQ(reply_of_written(out.view()), reply);
            const WrittenFrame frame = measure_written(out.view());
            EXPECT_EQ(frame.size, out.size());
            EXPECT_EQ(frame.body, block.size() + 5);
            EXPECT_EQ(frame.has_headers, !block.empty());
        }
    }
}

}  // namespace
