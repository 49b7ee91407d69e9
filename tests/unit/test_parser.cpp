// The parser against the transcripts, whole and in every split, and against what a transcript
// cannot say: limits, drip-feeding, discarding, moving buffers, reset. T01-T03, T08, B01-B15.
#include "core/parser.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/chunk.hpp"
#include "transcripts.hpp"

using namespace anynats;
using transcripts::Transcript;

namespace {

struct Outcome {
    std::vector<transcripts::Frame> frames;
    std::string failed;
    std::size_t left = 0;  // bytes of no frame, when it did not fail
};

const char* name_of(FrameKind kind) {
    switch (kind) {
        case FrameKind::info:
            return "info";
        case FrameKind::msg:
            return "msg";
        case FrameKind::ping:
            return "ping";
        case FrameKind::pong:
            return "pong";
        case FrameKind::ok:
            return "ok";
        case FrameKind::err:
            return "err";
    }
    return "?";
}

Message message_of(const Frame& frame) {
    return Message(ChunkRef(), frame.base, frame.layout, frame.sid);
}

transcripts::Frame copy_of(const Frame& frame) {
    transcripts::Frame copy;
    copy.kind = name_of(frame.kind);
    if (frame.kind == FrameKind::info || frame.kind == FrameKind::err) copy.text = frame.text;
    if (frame.kind != FrameKind::msg) return copy;
    const Message message = message_of(frame);
    copy.subject = message.subject();
    copy.reply = message.reply();
    copy.payload = message.payload();
    copy.headers_raw = message.raw_headers();
    copy.with_headers = frame.layout.headers_at != 0;
    copy.sid = message.sid();
    copy.status = message.status();
    copy.description = message.description();
    copy.header_error = message.header_error();
    copy.headers.emplace();
    for (const auto& field : message.headers()) copy.headers->push_back(field);
    return copy;
}

/// Feed `bytes` in pieces that end at `cuts`. Each piece comes in a block of exactly its size, in
/// new memory, so that a sanitizer sees each look beyond it, and each pointer kept from before.
Outcome feed(const std::string& bytes, const std::vector<std::size_t>& cuts,
             ParserLimits limits = {}) {
    Outcome outcome;
    Parser parser(limits);
    std::size_t start = 0;
    for (const std::size_t end : cuts) {
        while (true) {
            const std::size_t size = end - start;
            std::unique_ptr<char[]> block(new char[size]);
            std::copy_n(bytes.data() + start, size, block.get());
            const ParseStatus status = parser.next({block.get(), size});
            if (status == ParseStatus::need_more) break;
            if (status == ParseStatus::failed) {
                outcome.failed = parser.reason();
                EXPECT_EQ(parser.next({block.get(), size}), ParseStatus::failed);
                return outcome;
            }
            EXPECT_EQ(status, ParseStatus::frame);
            EXPECT_GT(parser.consumed(), 0u);
            EXPECT_LE(parser.consumed(), size);
            outcome.frames.push_back(copy_of(parser.frame()));
            start += parser.consumed();
        }
    }
    outcome.left = bytes.size() - start;
    return outcome;
}

std::vector<std::size_t> every_byte(std::size_t size) {
    std::vector<std::size_t> cuts;
    for (std::size_t at = 1; at <= size; ++at) cuts.push_back(at);
    return cuts;
}

/// Every place to cut in two; samples when there are too many.
std::vector<std::size_t> cut_places(std::size_t size) {
    std::vector<std::size_t> places;
    const bool all = size <= 4096;
    for (std::size_t at = 0; at <= size; ++at) {
        if (all || at < 48 || size - at < 48 || at % 4999 == 0) places.push_back(at);
    }
    return places;
}

bool same(const Outcome& outcome, const Transcript& expected, std::string& difference) {
    if (outcome.frames.size() != expected.frames.size()) {
        difference = std::to_string(outcome.frames.size()) + " frames, failed: " + outcome.failed;
        return false;
    }
    for (std::size_t i = 0; i < expected.frames.size(); ++i) {
        const transcripts::Frame &got = outcome.frames[i], &want = expected.frames[i];
        difference = "frame " + std::to_string(i);
        if (got.kind != want.kind || got.text != want.text) return false;
        if (got.subject != want.subject || got.reply != want.reply) return false;
        if (got.payload != want.payload || got.headers_raw != want.headers_raw) return false;
        if (got.sid != want.sid || got.with_headers != want.with_headers) return false;
        if (want.status && got.status != want.status) return false;
        if (want.description && got.description != want.description) return false;
        if (want.header_error && got.header_error != want.header_error) return false;
        if (want.headers && got.headers != want.headers) return false;
    }
    difference = "failed: " + outcome.failed;
    if (expected.failed.empty() != outcome.failed.empty()) return false;
    return outcome.failed.find(expected.failed) != std::string::npos;
}

void expect_same(const Transcript& transcript, const std::vector<std::size_t>& cuts,
                 const std::string& how) {
    std::string difference;
    const Outcome outcome = feed(transcript.bytes, cuts, transcript.limits);
    if (!same(outcome, transcript, difference)) {
        ADD_FAILURE() << transcript.name << ", " << how << ": " << difference;
    }
}

TEST(Transcripts, AreThere) {
    EXPECT_GE(transcripts::all().size(), 25u);
}

TEST(Transcripts, Whole) {
    for (const Transcript& t : transcripts::all()) expect_same(t, {t.bytes.size()}, "whole");
}

TEST(Transcripts, ByteByByte) {
    for (const Transcript& t : transcripts::all()) {
        if (t.bytes.size() > 4096) continue;  // each call copies what is unread: see DripFeeding
        expect_same(t, every_byte(t.bytes.size()), "byte by byte");
    }
}

TEST(Transcripts, CutInTwo) {
    for (const Transcript& t : transcripts::all()) {
        for (const std::size_t at : cut_places(t.bytes.size())) {
            expect_same(t, {at, t.bytes.size()}, "cut at " + std::to_string(at));
            if (HasFailure()) break;
        }
    }
}

TEST(Transcripts, RandomPieces) {
    const unsigned seed = 20260801;
    std::mt19937 random(seed);
    for (const Transcript& t : transcripts::all()) {
        for (int run = 0; run < 20; ++run) {
            const std::size_t longest = 1 + t.bytes.size() / 8;
            std::vector<std::size_t> cuts;
            for (std::size_t at = 0; at < t.bytes.size(); cuts.push_back(at)) {
                at = std::min(t.bytes.size(), at + 1 + random() % longest);
            }
            expect_same(t, cuts, "seed " + std::to_string(seed));
        }
    }
}

// The bytes of a long line and of a long payload come one at a time: no quadratic work (T01).
TEST(Parser, DripFeedingIsLinear) {
    std::string bytes = "INFO {\"x\":\"" + std::string(900'000, 'x') + "\"}\r\n";
    bytes += "MSG a 1 900000\r\n" + std::string(900'000, 'y') + "\r\n";
    Parser parser;
    std::size_t start = 0;
    int frames = 0;
    for (std::size_t end = 1; end <= bytes.size(); ++end) {
        const ParseStatus status = parser.next({bytes.data() + start, end - start});
        if (status == ParseStatus::need_more) continue;
        ASSERT_EQ(status, ParseStatus::frame) << parser.reason();
        start += parser.consumed();
        ++frames;
    }
    EXPECT_EQ(frames, 2);
    EXPECT_EQ(start, bytes.size());
}

TEST(Parser, LimitOfAPartialLineFiresWithoutItsEnd) {
    Parser parser({.max_control_line = 32, .max_info_line = 64, .max_inbound_message = 100});
    const std::string line = "MSG " + std::string(60, 's');
    for (std::size_t size = 1; size <= 32; ++size) {
        ASSERT_EQ(parser.next({line.data(), size}), ParseStatus::need_more);
    }
    EXPECT_EQ(parser.next({line.data(), 33}), ParseStatus::failed);
    EXPECT_STREQ(parser.reason(), "line longer than its limit");

    parser.reset();
    const std::string info = "INFO " + std::string(60, ' ');
    EXPECT_EQ(parser.next({info.data(), 64}), ParseStatus::need_more);
    EXPECT_EQ(parser.next({info.data(), 65}), ParseStatus::failed);
}

TEST(Parser, NothingIsNeedMore) {
    Parser parser;
    EXPECT_EQ(parser.next({}), ParseStatus::need_more);
    EXPECT_FALSE(parser.awaiting_payload());
    EXPECT_EQ(parser.wanted(), 0u);
    EXPECT_EQ(parser.next("PING\r\n"), ParseStatus::frame);
}

TEST(Parser, SaysHowMuchItWants) {
    Parser parser;
    const std::string bytes = "MSG foo 42 10\r\n0123456789\r\n";
    EXPECT_EQ(parser.next(bytes.substr(0, 10)), ParseStatus::need_more);
    EXPECT_EQ(parser.wanted(), 0u);
    EXPECT_EQ(parser.next(bytes.substr(0, 15)), ParseStatus::need_more);
    EXPECT_TRUE(parser.awaiting_payload());
    EXPECT_EQ(parser.awaited_sid(), 42u);
    EXPECT_EQ(parser.wanted(), bytes.size());
    EXPECT_EQ(parser.next(bytes), ParseStatus::frame);
    EXPECT_FALSE(parser.awaiting_payload());
    EXPECT_EQ(parser.consumed(), bytes.size());
}

// B01, B02: what was left of one connection is no part of the next.
TEST(Parser, ResetForgetsAHalfMessage) {
    Parser parser;
    EXPECT_EQ(parser.next("MSG foo 1 100\r\nhalf"), ParseStatus::need_more);
    parser.reset();
    EXPECT_EQ(parser.next("INF"), ParseStatus::need_more);
    parser.reset();
    EXPECT_EQ(parser.next("oops"), ParseStatus::failed);
    parser.reset();
    EXPECT_EQ(parser.next("INFO {}\r\n"), ParseStatus::frame);
    EXPECT_EQ(parser.frame().text, "{}");
}

// Limits of hostile width must not overflow the 32-bit layout.
TEST(Parser, LimitsAreClamped) {
    Parser parser(
        {.max_control_line = SIZE_MAX, .max_info_line = SIZE_MAX, .max_inbound_message = SIZE_MAX});
    EXPECT_EQ(parser.next("MSG a 1 3221225472\r\n"), ParseStatus::need_more);
    EXPECT_EQ(parser.wanted(), 3221225472u + 22);
    parser.reset();
    EXPECT_EQ(parser.next("MSG a 1 3221225473\r\n"), ParseStatus::failed);
    parser.reset();
    EXPECT_EQ(parser.next("MSG a 1 9999999999\r\n"), ParseStatus::failed);
}

/// Feed `bytes` cut at `cuts`, discarding each message for sid 7 as soon as its payload is awaited.
/// Returns what came, in short, and the most bytes that had to be kept.
std::string feed_discarding(const std::string& bytes, const std::vector<std::size_t>& cuts,
                            std::size_t* most_kept = nullptr) {
    Parser parser;
    std::string seen;
    std::size_t start = 0;
    for (const std::size_t end : cuts) {
        while (true) {
            const std::string unread = bytes.substr(start, end - start);
            const ParseStatus status = parser.next(unread);
            if (status == ParseStatus::failed) return seen + "failed";
            if (status == ParseStatus::need_more) {
                if (parser.awaiting_payload() && parser.awaited_sid() == 7) {
                    parser.discard();
                    EXPECT_FALSE(parser.awaiting_payload());
                    continue;
                }
                if (most_kept) *most_kept = std::max(*most_kept, unread.size());
                break;
            }
            start += parser.consumed();
            if (status == ParseStatus::skipped) continue;
            if (parser.frame().kind != FrameKind::msg) {
                seen += name_of(parser.frame().kind);
                seen += ' ';
                continue;
            }
            seen += std::to_string(parser.frame().sid);
            if (!parser.frame().discarded && parser.frame().sid != 7) {
                seen += message_of(parser.frame()).payload();
            }
            seen += ' ';
        }
    }
    EXPECT_EQ(start, bytes.size());
    return seen;
}

TEST(Parser, DiscardsAtEverySplit) {
    const std::string bytes =
        "MSG a 1 1\r\nx\r\nMSG gone 7 12\r\nPING\r\n\r\nabcd\r\nMSG gone 7 0\r\n\r\n"
        "HMSG gone 7 12 14\r\nNATS/1.0\r\n\r\nhi\r\nMSG a 2 1\r\ny\r\nPING\r\n";
    const std::string expected = "1x 7 7 7 2y ping ";
    for (std::size_t at = 0; at <= bytes.size(); ++at) {
        ASSERT_EQ(feed_discarding(bytes, {at, bytes.size()}), expected) << "cut at " << at;
        for (std::size_t two = at; two <= bytes.size(); ++two) {
            ASSERT_EQ(feed_discarding(bytes, {at, two, bytes.size()}), expected)
                << at << ' ' << two;
        }
    }
    ASSERT_EQ(feed_discarding(bytes, every_byte(bytes.size())), expected);
}

TEST(Parser, DiscardKeepsNothingAndStillChecksTheEnd) {
    const std::string line = "MSG gone 7 100000\r\n";
    std::size_t most_kept = 0;
    const std::string bytes = line + std::string(100'000, 'z') + "\r\n";
    EXPECT_EQ(feed_discarding(bytes, every_byte(bytes.size()), &most_kept), "7 ");
    EXPECT_LE(most_kept, line.size());

    const std::string bad = "MSG gone 7 4\r\nabcdefgh";
    for (std::size_t at = 0; at < 15; ++at) {
        EXPECT_EQ(feed_discarding(bad, {at, bad.size()}), "failed") << at;
    }
}

TEST(Parser, DiscardOutsideAPayloadDoesNothing) {
    Parser parser;
    parser.discard();
    EXPECT_EQ(parser.next("MSG a 1 1\r\nx\r\n"), ParseStatus::frame);
    EXPECT_FALSE(parser.frame().discarded);
    EXPECT_EQ(message_of(parser.frame()).payload(), "x");
}

// After a discarded frame the next one is an ordinary one.
TEST(Parser, DiscardedIsNotSticky) {
    Parser parser;
    EXPECT_EQ(parser.next("MSG a 7 4\r\nab"), ParseStatus::need_more);
    parser.discard();
    EXPECT_EQ(parser.next("MSG a 7 4\r\nab"), ParseStatus::skipped);
    EXPECT_EQ(parser.consumed(), 13u);
    EXPECT_EQ(parser.next("cd\r\n"), ParseStatus::frame);
    EXPECT_TRUE(parser.frame().discarded);
    EXPECT_EQ(parser.frame().sid, 7u);
    EXPECT_EQ(parser.consumed(), 4u);
    EXPECT_EQ(parser.next("MSG a 1 1\r\nx\r\n"), ParseStatus::frame);
    EXPECT_FALSE(parser.frame().discarded);
}

// Any bytes: no crash, no endless loop, the same outcome whole and byte by byte.
TEST(Parser, RandomBytesHaveOneOutcome) {
    const unsigned seed = 7;
    std::mt19937 random(seed);
    const std::vector<std::string> parts = {
        "MSG ",  "HMSG ", "msg\t", "PING", "PONG", "+OK",   "-ERR ",
        "INFO ", "\r\n",  "\n",    "\r",   " ",    "1 ",    "0 ",
        "12 ",   "14",    "5",     "a.b ", "{}",   "hello", "NATS/1.0\r\n\r\n",
        "'x'"};
    for (int run = 0; run < 20'000; ++run) {
        std::string bytes;
        if (run % 2) bytes = "MSG a 1 2\r\nhi\r\n";
        for (auto n = random() % 14; n > 0; --n) bytes += parts[random() % parts.size()];
        if (!bytes.empty() && run % 3 == 0) bytes[random() % bytes.size()] = char(random());
        const Outcome whole = feed(bytes, {bytes.size()});
        Transcript expected;
        expected.frames = whole.frames;
        expected.failed = whole.failed;
        std::string difference;
        const Outcome drip = feed(bytes, every_byte(bytes.size()));
        ASSERT_TRUE(same(drip, expected, difference))
            << difference << " seed " << seed << ' ' << run;
        ASSERT_EQ(drip.left, whole.left);
    }
}

}  // namespace
