// Errors: texts, the chain of causes, kinds, and the classes they are thrown as.
#include <anynats/error.hpp>
#include <anynats/error_types.hpp>

#include <gtest/gtest.h>

#include <string>
#include <type_traits>

using namespace anynats;

namespace {

TEST(Error, Text) {
    const Error error(ErrorCode::connect_failed, "nats://a:1: refused");
    EXPECT_STREQ(error.what(), "nats://a:1: refused");
    EXPECT_EQ(error.message(), "nats://a:1: refused");
    EXPECT_EQ(error.code(), ErrorCode::connect_failed);
    EXPECT_EQ(error.cause(), nullptr);
}

TEST(Error, Causes) {
    const Error deep(ErrorCode::tls_error, "bad certificate");
    const Error middle = Error(ErrorCode::connect_failed, "nats://a:1").because(deep);
    const Error error = Error(ErrorCode::no_servers, "connect").because(middle);
    EXPECT_STREQ(error.what(), "connect: caused by nats://a:1: caused by bad certificate");
    ASSERT_NE(error.cause(), nullptr);
    EXPECT_EQ(error.cause()->code(), ErrorCode::connect_failed);
    ASSERT_NE(error.cause()->cause(), nullptr);
    EXPECT_EQ(error.cause()->cause()->code(), ErrorCode::tls_error);
    EXPECT_EQ(error.cause()->cause()->cause(), nullptr);
    EXPECT_EQ(error.code(), ErrorCode::no_servers);

    const Error other = error.because(deep);  // another cause, not one more
    EXPECT_STREQ(other.what(), "connect: caused by bad certificate");
    EXPECT_STREQ(error.what(), "connect: caused by nats://a:1: caused by bad certificate");
}

TEST(Error, CopiesShareAndMovedFromIsEmpty) {
    static_assert(std::is_nothrow_copy_constructible_v<Error>);
    Error error(ErrorCode::closed, "text");
    const Error copy = error;
    const Error moved = std::move(error);
    EXPECT_EQ(copy.what(), moved.what());
    EXPECT_STREQ(error.what(), "");  // NOLINT: moved from on purpose
    EXPECT_EQ(error.cause(), nullptr);
    EXPECT_STREQ(error.because(copy).what(), ": caused by text");
}

TEST(Error, Kinds) {
    const Error error(ErrorCode::connect_timeout, "x");
    EXPECT_TRUE(error.is(ErrorCode::connect_timeout));
    EXPECT_TRUE(error.is(ErrorCode::timeout_error));
    EXPECT_TRUE(error.is(ErrorCode::connection_error));
    EXPECT_TRUE(error.is(ErrorCode::error));
    EXPECT_FALSE(error.is(ErrorCode::usage_error));
    EXPECT_EQ(to_string(ErrorCode::connect_timeout), "ConnectTimeout");
}

TEST(Error, ThrownAsItsClass) {
    const Error error(ErrorCode::max_payload, "too much");
    EXPECT_THROW(throw_error(error), MaxPayload);
    EXPECT_THROW(throw_error(error), UsageError);
    EXPECT_THROW(throw_error(error), Error);
    try {
        throw_error(error.because(Error(ErrorCode::closed, "y")));
    } catch (const std::exception& caught) {
        EXPECT_STREQ(caught.what(), "too much: caused by y");
    }
}

TEST(Result, ValueOrError) {
    Result<std::string> good(std::string("v"));
    EXPECT_TRUE(good.ok());
    EXPECT_EQ(good.value(), "v");
    EXPECT_EQ(good->size(), 1u);
    Result<std::string> bad(Error(ErrorCode::no_responders, "nobody"));
    EXPECT_FALSE(bad);
    EXPECT_EQ(bad.error().code(), ErrorCode::no_responders);
    EXPECT_THROW((void)bad.value(), NoResponders);
}

}  // namespace
