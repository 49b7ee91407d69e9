// Headers as a list, and header blocks of every kind; none of them is ever fatal (T03, T04, T07,
// B16).
#include <anynats/message.hpp>

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "core/header_block.hpp"
#include "core/subject.hpp"

using namespace anynats;

namespace {

TEST(Headers, KeepOrderAndCase) {
    Headers headers = {{"A", "1"}, {"a", "2"}};
    headers.add("A", "3");
    EXPECT_EQ(headers.size(), 3u);
    EXPECT_EQ(*headers.get("A"), "1");
    EXPECT_EQ(*headers.get("a"), "2");
    EXPECT_EQ(headers.get("B"), nullptr);
    EXPECT_EQ(headers.all("A"), (std::vector<std::string>{"1", "3"}));
    EXPECT_TRUE(headers.all("x").empty());
    EXPECT_EQ(headers.begin()->first, "A");
}

TEST(Headers, FindInAnyCase) {
    const Headers headers = {{"Nats-Msg-Id", "7"}, {"NATS-MSG-ID", "8"}};
    EXPECT_EQ(*headers.find("nats-msg-id"), "7");
    EXPECT_EQ(headers.find("nats-msg"), nullptr);
    EXPECT_EQ(Headers({{"@", "x"}}).find("`"), nullptr);  // not letters: 0x20 apart all the same
}

TEST(HeaderBlock, Plain) {
    EXPECT_TRUE(parse_headers("").empty());
    EXPECT_TRUE(parse_headers("NATS/1.0\r\n\r\n").empty());
    EXPECT_EQ(parse_headers("NATS/1.0\r\nA: 1\r\nB:2\r\nA:  \r\n\r\n"),
              (Headers{{"A", "1"}, {"B", "2"}, {"A", ""}}));
    EXPECT_EQ(parse_headers("NATS/1.0 503\r\nNats-Subject: q\r\n\r\n"),
              (Headers{{"Nats-Subject", "q"}}));
    EXPECT_FALSE(header_block_flawed("NATS/1.0\r\nA: 1\r\n\r\n"));
    EXPECT_FALSE(header_block_flawed("NATS/1.0 503\r\n\r\n"));
    EXPECT_FALSE(header_block_flawed(""));
}

// One bad line is left out, and only that one.
TEST(HeaderBlock, BadLines) {
    for (const std::string line :
         {"nocolon", "Space : x", ": x", " Folded: x", "\tFolded", "Ctl\x01: x", "D\x7f: x",
          "\xc3\xa9: x", "V: a\nb", "V: a\rb", "\n", " "}) {
        const std::string block = "NATS/1.0\r\nA: 1\r\n" + line + "\r\nB: 2\r\n\r\n";
        EXPECT_EQ(parse_headers(block), (Headers{{"A", "1"}, {"B", "2"}})) << quote_text(line);
        EXPECT_TRUE(header_block_flawed(block)) << quote_text(line);
    }
}

TEST(HeaderBlock, Ends) {
    for (const char* block : {"NATS/1.0", "NATS/1.0\r", "NATS/1.0\r\n", "NATS/1.0\r\nA: 1",
                              "NATS/1.0\r\nA: 1\r\n", "NATS/1.0\r\n\r\nx", "NATS/1.0\n\n",
                              "NATS/1.1\r\n\r\n", "N", "\r\n\r\n", "nats/1.0\r\n\r\n"}) {
        EXPECT_TRUE(header_block_flawed(block)) << quote_text(block);
    }
    EXPECT_EQ(parse_headers("NATS/1.0\r\nA: 1"), (Headers{{"A", "1"}}));
    EXPECT_TRUE(parse_headers("HTTP/1.1 200\r\nA: 1\r\n\r\n").empty());
    EXPECT_TRUE(parse_headers("NATS/1.0\r\n\r\nA: 1\r\n\r\n").empty());
}

TEST(Status, OnlyThreeDigitsBehindSpaces) {
    EXPECT_EQ(read_status("").code, 0);
    EXPECT_FALSE(read_status("").flawed);
    EXPECT_EQ(read_status("NATS/1.0 503\r\n\r\n").code, 503);
    EXPECT_EQ(read_status("NATS/1.0    503").code, 503);
    EXPECT_EQ(read_status("NATS/1.0 404 No Messages\r\n\r\n").description, "No Messages");
    EXPECT_EQ(read_status("NATS/1.0 404   a b  \r\n\r\n").description, "a b");
    EXPECT_EQ(read_status("NATS/1.0 409 \r\n\r\n").code, 409);
    for (const char* block :
         {"NATS/1.0418\r\n\r\n", "NATS/1.0 5\r\n\r\n", "NATS/1.0 50", "NATS/1.0 4O4\r\n\r\n",
          "NATS/1.0 5030\r\n", "NATS/1.0 \r\n", "NATS/1.0\t503\r\n", "NATS/1.0 -03\r\n",
          "NATS/1.0 503\tx\r\n", "NATS/1.0 503 a\nb\r\n", "NATS/2.0 503\r\n", "503"}) {
        EXPECT_EQ(read_status(block).code, 0) << quote_text(block);
        EXPECT_TRUE(read_status(block).flawed) << quote_text(block);
        EXPECT_EQ(read_status(block).description, "") << quote_text(block);
        EXPECT_TRUE(header_block_flawed(block)) << quote_text(block);
    }
}

// T05: only the version line makes a status.
TEST(Status, NotFromFields) {
    EXPECT_EQ(read_status("NATS/1.0\r\nStatus: 503\r\nDescription: x\r\n\r\n").code, 0);
}

TEST(HeaderBlock, HundredThousand) {
    std::string block = "NATS/1.0\r\n";
    for (int n = 0; n < 100'000; ++n) block += "K" + std::to_string(n) + ": v\r\n";
    block += "\r\n";
    EXPECT_EQ(parse_headers(block).size(), 100'000u);
    EXPECT_FALSE(header_block_flawed(block));
    // and what only looks like lines
    EXPECT_TRUE(header_block_flawed("NATS/1.0\r\n" + std::string(2'000'000, '\r')));
    EXPECT_TRUE(header_block_flawed("NATS/1.0\r\n" + std::string(2'000'000, 'k')));
}

TEST(HeaderBlock, AnyBytes) {
    const unsigned seed = 11;
    std::mt19937 random(seed);
    const std::string_view letters("NATS/1.0 5:a\r\n\t\0\xff", 17);
    for (int run = 0; run < 20'000; ++run) {
        std::string block = run % 4 ? "NATS/1.0" : "";
        for (auto n = random() % 30; n > 0; --n) block += letters[random() % letters.size()];
        const Headers headers = parse_headers(block);
        const int code = read_status(block).code;
        EXPECT_TRUE(code >= 0 && code <= 999) << "seed " << seed;
        header_block_flawed(block);
        for (const auto& [name, value] : headers) {
            EXPECT_EQ(value.find_first_of(std::string_view("\r\n\0", 3)), std::string::npos);
            EXPECT_FALSE(name.empty());
        }
    }
}

}  // namespace
