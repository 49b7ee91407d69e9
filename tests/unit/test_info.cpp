// INFO read and CONNECT written: hostile JSON, limits and types (T09, B92), and JSON that stays
// JSON.
#include "core/info.hpp"

#include <gtest/gtest.h>

#include <string>

#include "core/json.hpp"

using namespace anynats;

namespace {

ServerInfo good(const std::string& json) {
    Result<ServerInfo> result = parse_info(json);
    if (!result.ok()) {
        ADD_FAILURE() << result.error().what();
        return {};
    }
    return *result;
}

bool refused(const std::string& json) {
    const Result<ServerInfo> result = parse_info(json);
    if (result.ok()) return false;
    EXPECT_EQ(result.error().code(), ErrorCode::protocol_error);
    return true;
}

TEST(Info, Everything) {
    const std::string json =
        R"({"server_id":"NID","server_name":"n1","version":"2.15.1","proto":1,"git_commit":"abc",)"
        R"("go":"go1.25","host":"0.0.0.0","port":4222,"headers":true,"auth_required":true,)"
        R"("tls_required":true,"tls_verify":true,"tls_available":true,"max_payload":2097152,)"
        R"("jetstream":true,"client_id":5,"client_ip":"127.0.0.1","nonce":"nnn","cluster":"c",)"
        R"("domain":"d","connect_urls":["10.0.0.1:4222","[::1]:4223"],"ldm":true,"api_lvl":4,)"
        R"("xkey":"X","ip":"10.1.1.1","some_new_thing":{"a":[1,2]}})";
    const ServerInfo info = good(json);
    EXPECT_EQ(info.server_id, "NID");
    EXPECT_EQ(info.server_name, "n1");
    EXPECT_EQ(info.version, "2.15.1");
    EXPECT_EQ(info.proto, 1u);
    EXPECT_EQ(info.git_commit, "abc");
    EXPECT_EQ(info.go, "go1.25");
    EXPECT_EQ(info.host, "0.0.0.0");
    EXPECT_EQ(info.port, 4222);
    EXPECT_TRUE(info.headers && info.auth_required && info.tls_required && info.tls_verify);
    EXPECT_TRUE(info.tls_available && info.jetstream && info.lame_duck);
    EXPECT_EQ(info.max_payload, 2097152u);
    EXPECT_EQ(info.client_id, 5u);
    EXPECT_EQ(info.client_ip, "127.0.0.1");
    EXPECT_EQ(info.nonce, "nnn");
    EXPECT_EQ(info.cluster, "c");
    EXPECT_EQ(info.domain, "d");
    EXPECT_EQ(info.api_level, 4u);
    EXPECT_EQ(info.xkey, "X");
    EXPECT_EQ(info.ip, "10.1.1.1");
    ASSERT_TRUE(info.connect_urls);
    EXPECT_EQ(*info.connect_urls, (std::vector<std::string>{"10.0.0.1:4222", "[::1]:4223"}));
    EXPECT_EQ(info.urls_left_out, 0u);
    EXPECT_EQ(info.json, json);
}

TEST(Info, Defaults) {
    const ServerInfo info = good("{}");
    EXPECT_EQ(info.max_payload, 1u << 20);
    EXPECT_FALSE(info.headers || info.tls_required || info.connect_urls);
}

TEST(Info, WrongTypesCountAsAbsent) {
    const ServerInfo info =
        good(R"({"server_id":5,"version":null,"proto":"1","headers":"true","max_payload":-1,)"
             R"("port":65536,"client_id":18446744073709551616,"api_lvl":1.5,"nonce":["x"],)"
             R"("connect_urls":"a:1","auth_required":1,"jetstream":{},"host":{"a":1}})");
    EXPECT_EQ(info.server_id + info.version + info.nonce + info.host, "");
    EXPECT_EQ(info.proto + info.client_id + info.api_level + info.port, 0u);
    EXPECT_EQ(info.max_payload, 1u << 20);
    EXPECT_FALSE(info.headers || info.auth_required || info.jetstream || info.connect_urls);
    EXPECT_EQ(good(R"({"client_id":18446744073709551615})").client_id, UINT64_MAX);
    EXPECT_EQ(good(R"({"max_payload":1e999999999})").max_payload, 1u << 20);
}

TEST(Info, NoJsonObject) {
    for (const char* json :
         {"", " ", "null", "[]", "1", "\"x\"", "{", "{}}", "{\"a\":}", "{'a':1}", "{\"a\":NaN}",
          "{\"a\":Infinity}", "{\"a\":1,}", "{\"a\":\"\\ud800\"}", "{\"a\":\"\xff\"}", "{\"a\":01}",
          "{\"a\":\"\n\"}", "{\"a\":\"\\x\"}"}) {
        EXPECT_TRUE(refused(json)) << json;
    }
    EXPECT_TRUE(refused(std::string("{\"a\":\"\0\"}", 9)));
    EXPECT_FALSE(refused(R"({"a":"\u0000"})"));
    EXPECT_FALSE(refused(R"({"server_id":"a","server_id":"b"})"));
}

TEST(Info, DepthOf32) {
    const auto nested = [](int depth) {  // the object itself is the first level
        return "{\"a\":" + std::string(std::size_t(depth - 1), '[') +
               std::string(std::size_t(depth - 1), ']') + "}";
    };
    EXPECT_FALSE(refused(nested(32)));
    EXPECT_TRUE(refused(nested(33)));
    EXPECT_TRUE(refused(nested(100'000)));
}

TEST(Info, SizeOf1MiB) {
    const std::string empty = R"({"a":""})";
    std::string json = R"({"a":")" + std::string((1 << 20) - empty.size(), 'x') + "\"}";
    EXPECT_FALSE(refused(json));
    json.insert(json.size() - 1, " ");
    EXPECT_TRUE(refused(json));
}

TEST(Info, ConnectUrlsAreLimited) {
    std::string json = R"({"connect_urls":[)";
    for (int n = 0; n < 1200; ++n) json += "\"10.0.0.1:" + std::to_string(4000 + n) + "\",";
    json += R"("x"]})";
    ServerInfo info = good(json);
    ASSERT_TRUE(info.connect_urls);
    EXPECT_EQ(info.connect_urls->size(), 1000u);
    EXPECT_EQ(info.urls_left_out, 201u);

    info = good(
        R"({"connect_urls":["a:1",5,null,"nats://b:1","c","u:p@d:1","","e:0","\u0000:1","f:2",")" +
        std::string(600, 'h') + R"(:1"]})");
    EXPECT_EQ(*info.connect_urls, (std::vector<std::string>{"a:1", "f:2"}));
    EXPECT_EQ(info.urls_left_out, 9u);

    info = good(R"({"connect_urls":[]})");
    ASSERT_TRUE(info.connect_urls);
    EXPECT_TRUE(info.connect_urls->empty());
}

boost::json::object parsed(const ConnectFields& fields) {
    const std::string json = connect_json(fields);
    EXPECT_EQ(json.find('\n'), std::string::npos);
    EXPECT_EQ(json.find('\r'), std::string::npos);
    return boost::json::parse(json).as_object();
}

TEST(Connect, AlwaysSaysTheThreeFlags) {
    EXPECT_EQ(
        connect_json({}),
        R"({"verbose":false,"pedantic":false,"echo":true,"headers":true,"no_responders":true,)"
        R"("protocol":1,"lang":"c++","version":")" ANYNATS_VERSION R"("})");
}

TEST(Connect, Credentials) {
    ConnectFields fields;
    fields.verbose = true;
    fields.pedantic = true;
    fields.echo = false;
    fields.name = "my \"app\"\r\nPUB x 0";
    fields.user = "u";
    fields.password = "";
    fields.token = "t";
    fields.jwt = "j";
    fields.nkey = "n";
    fields.signature = "s";
    const boost::json::object object = parsed(fields);
    EXPECT_EQ(object.at("verbose").as_bool(), true);
    EXPECT_EQ(object.at("pedantic").as_bool(), true);
    EXPECT_EQ(object.at("echo").as_bool(), false);
    EXPECT_EQ(object.at("name").as_string(), "my \"app\"\r\nPUB x 0");
    EXPECT_EQ(object.at("user").as_string(), "u");
    EXPECT_EQ(object.at("pass").as_string(), "");
    EXPECT_EQ(object.at("auth_token").as_string(), "t");
    EXPECT_EQ(object.at("jwt").as_string(), "j");
    EXPECT_EQ(object.at("nkey").as_string(), "n");
    EXPECT_EQ(object.at("sig").as_string(), "s");
}

TEST(Connect, BrokenTextStaysJson) {
    ConnectFields fields;
    fields.name =
        "a\xff"
        "b\xed\xa0\x80\xc3\xa9\xf0\x9f\x98\x80\xc3";
    fields.user = std::string("\0\x01\x7f", 3);
    const boost::json::object object = parsed(fields);
    const std::string sign = "\xef\xbf\xbd";
    EXPECT_EQ(std::string(object.at("name").as_string()),
              "a" + sign + "b" + sign + sign + sign + "\xc3\xa9\xf0\x9f\x98\x80" + sign);
    EXPECT_EQ(object.at("user").as_string().size(), 3u);
}

}  // namespace
