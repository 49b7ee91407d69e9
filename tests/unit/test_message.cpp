// Messages as slices of chunks: views, life time, copies of their own, and the count of a chunk.
#include <anynats/message.hpp>

#include <gtest/gtest.h>

#include <cstring>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "core/chunk.hpp"
#include "core/parser.hpp"

using namespace anynats;

namespace {

/// A message as it comes off the wire, in a chunk of its own.
Message received(const std::string& wire) {
    ChunkRef chunk = Chunk::make(wire.size());
    std::memcpy(chunk.get()->data(), wire.data(), wire.size());
    Parser parser;
    EXPECT_EQ(parser.next({chunk.get()->data(), wire.size()}), ParseStatus::frame)
        << parser.reason();
    const Frame& frame = parser.frame();
    return Message(std::move(chunk), frame.base, frame.layout, frame.sid);
}

TEST(Message, Empty) {
    const Message message;
    EXPECT_EQ(message.subject(), "");
    EXPECT_EQ(message.payload(), "");
    EXPECT_EQ(message.status(), 0);
    EXPECT_FALSE(message.has_headers());
    EXPECT_FALSE(message.header_error());
    EXPECT_TRUE(message.headers().empty());
    EXPECT_EQ(message.size(), 0u);
    EXPECT_EQ(message.to_owned().subject(), "");
}

TEST(Message, Parts) {
    const Message message =
        received("HMSG foo.bar 9 reply.to 27 32\r\nNATS/1.0 100 Idle\r\nA: 1\r\n\r\nhello\r\n");
    EXPECT_EQ(message.subject(), "foo.bar");
    EXPECT_EQ(message.reply(), "reply.to");
    EXPECT_EQ(message.payload(), "hello");
    EXPECT_EQ(message.raw_headers(), "NATS/1.0 100 Idle\r\nA: 1\r\n\r\n");
    EXPECT_EQ(message.status(), 100);
    EXPECT_EQ(message.description(), "Idle");
    EXPECT_EQ(*message.headers().get("A"), "1");
    EXPECT_FALSE(message.header_error());
    EXPECT_EQ(message.sid(), 9u);
    EXPECT_EQ(message.size(), 7u + 8 + 27 + 5);
}

TEST(Message, AnEmptyHeaderBlockIsAnError) {
    const Message message = received("HMSG a 1 0 2\r\nhi\r\n");
    EXPECT_TRUE(message.header_error());
    EXPECT_FALSE(message.has_headers());
    EXPECT_EQ(message.payload(), "hi");
    EXPECT_EQ(message.status(), 0);
    EXPECT_TRUE(message.to_owned().header_error());
    EXPECT_FALSE(received("MSG a 1 2\r\nhi\r\n").header_error());
}

TEST(Message, OwnedIsTheSameElsewhere) {
    for (const char* wire : {"MSG a 1 2\r\nhi\r\n", "MSG a 1 r 0\r\n\r\n",
                             "HMSG a 1 r 16 18\r\nNATS/1.0 503\r\n\r\nhi\r\n"}) {
        const Message message = received(wire);
        const Message owned = message.to_owned();
        EXPECT_NE(owned.chunk().get(), message.chunk().get());
        EXPECT_EQ(owned.subject(), message.subject());
        EXPECT_EQ(owned.reply(), message.reply());
        EXPECT_EQ(owned.raw_headers(), message.raw_headers());
        EXPECT_EQ(owned.payload(), message.payload());
        EXPECT_EQ(owned.sid(), message.sid());
        EXPECT_EQ(owned.size(), message.size());
        EXPECT_EQ(owned.status(), message.status());
        EXPECT_EQ(owned.chunk().get()->capacity, message.size());
        EXPECT_EQ(message.chunk().get()->refs.load(), 1u);
    }
}

TEST(Chunk, Counts) {
    ChunkRef one = Chunk::make(100);
    EXPECT_EQ(one.get()->capacity, 100u);
    EXPECT_EQ(one.get()->refs.load(), 1u);
    EXPECT_FALSE(one.get()->shared());
    ChunkRef two = one;
    EXPECT_TRUE(one.get()->shared());
    ChunkRef three = std::move(two);
    EXPECT_EQ(two.get(), nullptr);
    EXPECT_EQ(one.get()->refs.load(), 2u);
    three = ChunkRef();
    EXPECT_FALSE(one.get()->shared());
    one = one;  // NOLINT
    EXPECT_EQ(one.get()->refs.load(), 1u);
    EXPECT_EQ(ChunkRef(nullptr).get(), nullptr);
    EXPECT_NE(Chunk::make(0).get(), nullptr);
    EXPECT_THROW((void)Chunk::make(std::size_t{1} << 40), std::bad_alloc);
}

TEST(Chunk, LivesAsLongAsItsMessages) {
    Message message;
    {
        ChunkRef chunk = Chunk::make(16);
        std::memcpy(chunk.get()->data(), "subject", 7);
        MessageLayout layout;
        layout.subject_size = 7;
        message = Message(chunk, chunk.get()->data(), layout, 1);
    }
    EXPECT_EQ(message.subject(), "subject");
}

TEST(Chunk, IsCountedByManyThreads) {
    ChunkRef chunk = Chunk::make(64);
    std::vector<std::thread> threads;
    for (int n = 0; n < 4; ++n) {
        threads.emplace_back([chunk] {
            for (int round = 0; round < 10'000; ++round) {
                ChunkRef copy = chunk;
                ChunkRef moved = std::move(copy);
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    threads.clear();
    EXPECT_EQ(chunk.get()->refs.load(), 1u);
}

}  // namespace
