// What may stand in a protocol line, and the errors that name what may not. T20, B95, B96.
#include "core/subject.hpp"

#include <gtest/gtest.h>

#include <string>

using namespace anynats;

namespace {

std::string flaw(const char* text) {
    return text ? text : "";
}

TEST(Subject, GoodToPublish) {
    for (const char* subject :
         {"a", "a.b", "a.b.c.d.e.f.g.h", "foo.*", ">", "foo.>", "$JS.API.INFO",
          "_INBOX.abcdefghijklmnopqrstuv.abcdefgh", "caf\xc3\xa9.\xff\xfe", "12345678", "123456789",
          "1234567.9", "12345678.0", "a:b/c\\d\"e"}) {
        EXPECT_EQ(flaw(flaw_in_publish_subject(subject)), "") << subject;
    }
}

TEST(Subject, BadToPublish) {
    EXPECT_EQ(flaw(flaw_in_publish_subject("")), "is empty");
    EXPECT_EQ(flaw(flaw_in_publish_subject("a b")), "holds a space");
    EXPECT_EQ(flaw(flaw_in_publish_subject("a\tb")), "holds a tab");
    EXPECT_EQ(flaw(flaw_in_publish_subject("a\r\nPUB x 0\r\n")), "holds a line break");
    EXPECT_EQ(flaw(flaw_in_publish_subject("a\n")), "holds a line break");
    EXPECT_EQ(flaw(flaw_in_publish_subject(std::string_view("a\0b", 3))), "holds a NUL");
    EXPECT_EQ(flaw(flaw_in_publish_subject("a\x7f")), "holds a control byte");
    for (const char* subject : {".", "..", ".a", "a.", "a..b", ".aaaaaaaaaaa", "aaaaaaaaaaaa.",
                                "aaaaaaa..bbbbbbbb", "aaaaaaaa..b", "aaaaaa..bb", "1234567..0"}) {
        EXPECT_EQ(flaw(flaw_in_publish_subject(subject)), "holds an empty token") << subject;
    }
}

/// The rule in its plainest form, to compare the fast one with.
bool plainly_good(const std::string& subject) {
    char before = '.';
    for (const char c : subject) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte <= 0x20 || byte == 0x7f || (c == '.' && before == '.')) return false;
        before = c;
    }
    return before != '.';
}

TEST(Subject, EveryByteAtEveryPlace) {
    for (std::size_t size = 1; size <= 26; ++size) {
        for (std::size_t at = 0; at < size; ++at) {
            for (int byte = 0; byte < 256; ++byte) {
                std::string subject(size, 'x');
                subject[at] = static_cast<char>(byte);
                ASSERT_EQ(flaw_in_publish_subject(subject) == nullptr, plainly_good(subject))
                    << size << ' ' << at << ' ' << byte;
                if (size > 2) subject[(at + 1) % size] = '.';
                ASSERT_EQ(flaw_in_publish_subject(subject) == nullptr, plainly_good(subject))
                    << size << ' ' << at << ' ' << byte << " with a dot behind";
            }
        }
    }
}

TEST(Subject, ToSubscribe) {
    for (const char* subject : {"a", "*", ">", "*.*", "a.*.b", "a.>", "*.>"}) {
        EXPECT_EQ(flaw(flaw_in_subscribe_subject(subject)), "") << subject;
    }
    for (const char* subject : {"a*", "*a", "a.b*.c", "**", "a.**"}) {
        EXPECT_EQ(flaw(flaw_in_subscribe_subject(subject)), "holds a '*' that is not a whole token")
            << subject;
    }
    for (const char* subject : {">.a", "a.>.b", "a>", ">>", "a.>b"}) {
        EXPECT_EQ(flaw(flaw_in_subscribe_subject(subject)),
                  "holds a '>' that is not the whole last token")
            << subject;
    }
    EXPECT_EQ(flaw(flaw_in_subscribe_subject("a..*")), "holds an empty token");
    EXPECT_EQ(flaw(flaw_in_subscribe_subject("a b")), "holds a space");
}

TEST(Subject, Literal) {
    EXPECT_EQ(flaw(flaw_in_literal_subject("_INBOX.me")), "");
    EXPECT_EQ(flaw(flaw_in_literal_subject("a.*")), "holds a wildcard");
    EXPECT_EQ(flaw(flaw_in_literal_subject("a>")), "holds a wildcard");
    EXPECT_EQ(flaw(flaw_in_literal_subject("a.")), "holds an empty token");
}

TEST(Subject, Queue) {
    EXPECT_EQ(flaw(flaw_in_queue("workers.v1")), "");
    EXPECT_EQ(flaw(flaw_in_queue("")), "is empty");
    EXPECT_EQ(flaw(flaw_in_queue("a b")), "holds a space");
    EXPECT_EQ(flaw(flaw_in_queue("a\r\n")), "holds a line break");
}

TEST(Header, Names) {
    EXPECT_EQ(flaw(flaw_in_header_name("Nats-Msg-Id")), "");
    EXPECT_EQ(flaw(flaw_in_header_name("!#$%&'*+-.^_`|~09azAZ")), "");
    EXPECT_EQ(flaw(flaw_in_header_name("")), "is empty");
    EXPECT_EQ(flaw(flaw_in_header_name("a:b")), "holds a colon");
    EXPECT_EQ(flaw(flaw_in_header_name("a b")), "holds a space");
    EXPECT_EQ(flaw(flaw_in_header_name("a\r\nb")), "holds a line break");
    EXPECT_EQ(flaw(flaw_in_header_name(std::string_view("a\0", 2))), "holds a NUL");
    EXPECT_NE(flaw(flaw_in_header_name("a/b")), "");
    EXPECT_NE(flaw(flaw_in_header_name("\xc3\xa9")), "");
}

TEST(Header, Values) {
    EXPECT_EQ(flaw(flaw_in_header_value("")), "");
    EXPECT_EQ(flaw(flaw_in_header_value("any: \t\x01\xff")), "");
    EXPECT_EQ(flaw(flaw_in_header_value("a\nb")), "holds a line break");
    EXPECT_EQ(flaw(flaw_in_header_value("a\r")), "holds a line break");
    EXPECT_EQ(flaw(flaw_in_header_value(std::string_view("\0", 1))), "holds a NUL");
}

TEST(BadArgument, NamesTheArgumentAndShowsTheValue) {
    const Error error = bad_argument("subject", "a b", flaw_in_publish_subject("a b"));
    EXPECT_EQ(error.code(), ErrorCode::usage_error);
    EXPECT_STREQ(error.what(), "subject \"a b\": holds a space");
}

TEST(Quoted, IsPrintableAndShort) {
    EXPECT_EQ(quote_text(""), "\"\"");
    EXPECT_EQ(quote_text("a\r\n\t\"\\b"), "\"a\\x0d\\x0a\\x09\\\"\\\\b\"");
    EXPECT_EQ(quote_text("caf\xc3\xa9"), "\"caf\xc3\xa9\"");
    EXPECT_EQ(quote_text("caf\xe9"), "\"caf\\xe9\"");
    EXPECT_EQ(quote_text(std::string(64, 'x')), '"' + std::string(64, 'x') + '"');
    EXPECT_EQ(quote_text(std::string(65, 'x')), '"' + std::string(64, 'x') + "...\"");
    // never half a character
    EXPECT_EQ(quote_text(std::string(63, 'x') + "\xc3\xa9"), '"' + std::string(63, 'x') + "...\"");
    EXPECT_TRUE(is_utf8(quote_text("\xff\xc3\xed\xa0\x80 \xf0\x9f\x98\x80")));
}

TEST(Utf8, FollowsTheStandard) {
    for (const char* good : {"", "abc", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
                             "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
        EXPECT_TRUE(is_utf8(good)) << quote_text(good);
    }
    for (const char* bad :
         {"\x80", "\xc0\x80", "\xc1\xbf", "\xc2", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe2\x82",
          "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "ab\xff", "\xe2\x28\xa1"}) {
        EXPECT_FALSE(is_utf8(bad)) << quote_text(bad);
    }
}

}  // namespace
