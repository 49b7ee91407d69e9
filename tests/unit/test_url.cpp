// Server URLs: what is read from them, what is refused, and that no error shows a secret (T26).
#include "core/url.hpp"

#include <gtest/gtest.h>

#include <string>

using namespace anynats;

namespace {

ServerUrl good(std::string_view text) {
    Result<ServerUrl> result = parse_url(text);
    if (!result.ok()) {
        ADD_FAILURE() << text << ": " << result.error().what();
        return {};
    }
    return *result;
}

std::string bad(std::string_view text) {
    const Result<ServerUrl> result = parse_url(text);
    if (result.ok()) return "fine";
    EXPECT_EQ(result.error().code(), ErrorCode::usage_error);
    return result.error().what();
}

TEST(Url, SchemesAndPorts) {
    EXPECT_EQ(good("localhost").shown(), "nats://localhost:4222");
    EXPECT_EQ(good("localhost:5222").shown(), "nats://localhost:5222");
    EXPECT_EQ(good("nats://10.0.0.1").shown(), "nats://10.0.0.1:4222");
    EXPECT_EQ(good("NATS://Host/").shown(), "nats://Host:4222");
    EXPECT_EQ(good("tls://a.b_c-d.e").shown(), "tls://a.b_c-d.e:4222");
    EXPECT_EQ(good("ws://host").shown(), "ws://host:80");
    EXPECT_EQ(good("wss://host").shown(), "wss://host:443");
    EXPECT_EQ(good("wss://host:8443/nats?x=1").path, "/nats?x=1");
    EXPECT_EQ(good("nats://host:").port, 4222);
    EXPECT_EQ(good("nats://host:1").port, 1);
    EXPECT_EQ(good("nats://host:65535").port, 65535);
    EXPECT_EQ(good("nats://host:04222").port, 4222);
}

TEST(Url, Users) {
    const ServerUrl user = good("nats://me:se%40cr%3Aet@host:1");
    EXPECT_TRUE(user.has_user);
    EXPECT_FALSE(user.has_token);
    EXPECT_EQ(user.user, "me");
    EXPECT_EQ(user.password, "se@cr:et");
    EXPECT_EQ(user.shown(), "nats://host:1");

    const ServerUrl token = good("tok%2Fen@host");
    EXPECT_TRUE(token.has_token);
    EXPECT_FALSE(token.has_user);
    EXPECT_EQ(token.token, "tok/en");

    EXPECT_EQ(good("nats://u:p@ss:w@host").password, "p@ss:w");  // the last @ ends the user part
    EXPECT_TRUE(good("nats://u:@host").has_user);
    EXPECT_EQ(good("nats://:p@host").password, "p");
    EXPECT_FALSE(good("nats://@host").has_token);
    EXPECT_EQ(good("nats://p%C3%A9@host").token, "p\xc3\xa9");
}

TEST(Url, Ipv6) {
    EXPECT_EQ(good("nats://[::1]").host, "::1");
    EXPECT_EQ(good("[::1]:4333").port, 4333);
    EXPECT_EQ(good("[::1]:4333").shown(), "nats://[::1]:4333");
    EXPECT_EQ(good("nats://[fe80::1%25eth0]:1").host, "fe80::1%eth0");
    EXPECT_EQ(good("nats://[fe80::1%eth0]:1").host, "fe80::1%eth0");
    // What is shown is the same place when it is read again, also with a zone that begins with 25.
    EXPECT_EQ(good("nats://[fe80::1%eth0]:1").shown(), "nats://[fe80::1%25eth0]:1");
    EXPECT_EQ(good("nats://[::1%2525x]:1").host, "::1%25x");
    EXPECT_EQ(good(good("nats://[::1%2525x]:1").shown()).host, "::1%25x");
    EXPECT_EQ(good("nats://u:p@[::ffff:10.0.0.1]").host, "::ffff:10.0.0.1");
    for (const char* text : {"nats://[::1", "nats://[::1]x", "nats://[]", "nats://[zz::1]", "[1]",
                             "nats://[fe80::1%]", "nats://[fe80::1%a b]", "nats://::1"}) {
        EXPECT_NE(bad(text), "fine") << text;
    }
    EXPECT_NE(bad("::1").find("needs brackets"), std::string::npos);
}

TEST(Url, Refused) {
    for (const char* text : {"",
                             "nats://",
                             "nats://:4222",
                             "nats:///",
                             "nats://u:p@",
                             "http://host",
                             "://host",
                             "nats://host:0",
                             "nats://host:65536",
                             "nats://host:+1",
                             "nats://host:99999999999999999999",
                             "nats://host:4222x",
                             "a b",
                             " host",
                             "host\n",
                             "nats://ho\x7fst",
                             "nats://host/path",
                             "tls://host?x",
                             "nats://host#f",
                             "ws://host/#f",
                             "nats://%zz@host",
                             "nats://%4@host",
                             "nats://%ff@host",
                             "nats://h*st",
                             "nats://h\xc3\xa9",
                             "nats://a,b",
                             "ws://u:12/3@host"}) {
        EXPECT_NE(bad(text), "fine") << text;
    }
    EXPECT_NE(bad(std::string(5000, 'a')), "fine");
    EXPECT_NE(bad(std::string(300, 'a')), "fine");
    EXPECT_EQ(bad("http://host"),
              "server URL \"http://host\": unknown scheme; nats, tls, ws and wss are known");
    EXPECT_EQ(bad("nats://host:70000"),
              "server URL \"nats://host:70000\": the port is not between 1 and 65535");
}

TEST(Url, ErrorsShowNoSecret) {
    for (const char* text :
         {"nats://me:s3cret@host:bad", "nats://me:s3cret@", "me:s3cret@ho st",
          "nats://me:s3/cret@host", "nats://me:s3?cret@host", "foo://me:s3cret@h",
          "nats://me:s3cret", "me:s3cret", "nats://s3cret@host:0", "me:s3#cret@h",
          "nats://me:%s3cret@host", "me:s3://cret@host", "ws://me:12/s3cret@host",
          "nats://me:s3cret@[::1", "nats://a@b:s3cret@host:0"}) {
        const std::string shown = bad(text);
        EXPECT_NE(shown, "fine") << text;
        EXPECT_EQ(shown.find("s3"), std::string::npos) << shown;
        EXPECT_EQ(shown.find("cret"), std::string::npos) << shown;
    }
    EXPECT_EQ(bad("nats://me:s3cret@host:0"),
              "server URL \"nats://***@host:0\": the port is not between 1 and 65535");
    const Result<std::vector<ServerUrl>> split = parse_url_list("nats://me:s3,cret@host");
    ASSERT_FALSE(split.ok());
    EXPECT_EQ(std::string(split.error().what()).find("s3"), std::string::npos);
    EXPECT_EQ(std::string(split.error().what()).find("cret"), std::string::npos);
}

TEST(Url, Redacted) {
    EXPECT_EQ(redacted_url("nats://host:1"), "\"nats://host:1\"");
    EXPECT_EQ(redacted_url("nats://u:p@[::1]:1/"), "\"nats://***@[::1]:1\"");
    EXPECT_EQ(redacted_url("host\r\n"), "\"host\\x0d\\x0a\"");
}

TEST(Url, SamePlace) {
    EXPECT_TRUE(good("nats://u:p@Host").same_place(good("host:4222/")));
    EXPECT_FALSE(good("nats://host").same_place(good("tls://host")));
    EXPECT_FALSE(good("nats://host").same_place(good("nats://host:4223")));
    EXPECT_FALSE(good("nats://host").same_place(good("nats://hosts")));
}

TEST(UrlList, CommasAndBlanks) {
    Result<std::vector<ServerUrl>> urls = parse_url_list("nats://a:1, b ,,u:p@c,");
    ASSERT_TRUE(urls.ok());
    ASSERT_EQ(urls->size(), 3u);
    EXPECT_EQ((*urls)[0].shown(), "nats://a:1");
    EXPECT_EQ((*urls)[1].shown(), "nats://b:4222");
    EXPECT_EQ((*urls)[2].user, "u");
    for (const char* text : {"", ",", " , ,"}) EXPECT_FALSE(parse_url_list(text).ok()) << text;
    const Result<std::vector<ServerUrl>> broken = parse_url_list("nats://a:1,nats://b:x");
    ASSERT_FALSE(broken.ok());
    EXPECT_STREQ(broken.error().what(), "server URL \"nats://b:***\": the port is not a number");
}

TEST(HostPort, IsPlain) {
    for (const char* text : {"a:1", "10.0.0.1:4222", "[::1]:4222", "h-o.st_:65535"}) {
        EXPECT_TRUE(is_host_port(text)) << text;
    }
    for (const char* text : {"", "a", "a:", ":1", "4222", "nats://a:1", "u@a:1", "a:0", "a:65536",
                             "a:1/", "a b:1", "::1:1", "[::1]", "a:1 ", "a:b"}) {
        EXPECT_FALSE(is_host_port(text)) << text;
    }
    EXPECT_FALSE(is_host_port(std::string(600, 'a') + ":1"));
}

}  // namespace
