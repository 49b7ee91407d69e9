// The order and the back-off of servers, and what a server's list of others does to the pool. I18;
// T09, T12; B29, B91, B92, B94.
#include "core/server_pool.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

using namespace anynats;
using namespace std::chrono_literals;

namespace {

std::vector<ServerUrl> urls(const std::string& list) {
    return parse_url_list(list).value();
}

Options in_order() {
    Options options;
    options.randomize_servers = false;
    return options;
}

std::string hosts(const ServerPool& pool) {
    std::string all;
    for (const Server& server : pool.servers()) all += server.url.host + ' ';
    return all;
}

TEST(ServerPool, GivenOrderAndNoneTwice) {
    Random random(Seed{});
    ServerPool pool(urls("a:1,b:2,A:1,nats://user:pass@b:2,c:3"), in_order(), random);
    EXPECT_EQ(hosts(pool), "a b c ");
}

TEST(ServerPool, ShuffledEvenly) {
    Options options;
    std::map<std::string, int> orders;
    for (int i = 0; i < 6'000; ++i) {
        Random random(Seed{static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(i >> 8)});
        ServerPool pool(urls("a:1,b:2,c:3"), options, random);
        ++orders[hosts(pool)];
    }
    EXPECT_EQ(orders.size(), 6u);
    for (const auto& [order, times] : orders) EXPECT_NEAR(times, 1'000, 180) << order;
}

TEST(ServerPool, AFailedServerGoesLastAndWaits) {
    Random random(Seed{});
    ServerPool pool(urls("a:1,b:2,c:3"), in_order(), random);
    const Time now = Time() + 100s;
    pool.failed(now, random);
    EXPECT_EQ(hosts(pool), "b c a ");
    EXPECT_LE(pool.current().not_before, now);
    EXPECT_GE(pool.servers()[2].not_before, now + 1ms);
    EXPECT_LE(pool.servers()[2].not_before, now + 100ms);
    pool.left();
    EXPECT_EQ(hosts(pool), "c a b ");
}

TEST(ServerPool, PausesAreForEachServerAndBounded) {
    Options options = in_order();
    options.reconnect_wait_min = 50ms;
    options.reconnect_wait_max = 700ms;
    for (std::uint8_t seed = 0; seed < 50; ++seed) {
        Random random(Seed{seed});
        ServerPool pool(urls("a:1"), options, random);
        Time now = Time() + 100s;
        Duration cap = 50ms;
        for (int i = 0; i < 100; ++i) {
            pool.failed(now, random);
            const Duration wait = pool.current().not_before - now;
            EXPECT_GE(wait, 1ms);
            EXPECT_LE(wait, cap);
            cap = std::min<Duration>(cap * 2, 700ms);
            now = pool.current().not_before;
        }
        EXPECT_EQ(pool.current().failures, 100u);
        pool.stable();
        EXPECT_EQ(pool.current().failures, 0u);
        EXPECT_LE(pool.current().not_before, now);
        pool.failed(now, random);
        EXPECT_LE(pool.current().not_before - now, 50ms);
    }
}

TEST(ServerPool, GivenUpAfterMaxReconnects) {
    Options options = in_order();
    options.max_reconnects = 2;
    Random random(Seed{});
    ServerPool pool(urls("a:1,b:2"), options, random);
    const Time now = Time() + 1s;
    pool.failed(now, random);
    EXPECT_EQ(hosts(pool), "b a ");
    pool.failed(now, random);
    pool.stable();  // of a: not in a row any more
    pool.failed(now, random);
    EXPECT_EQ(hosts(pool), "b a ");
    pool.failed(now, random);
    EXPECT_EQ(hosts(pool), "a ");
    pool.failed(now, random);
    EXPECT_TRUE(pool.empty());
}

TEST(ServerPool, WhatWasGivenUpIsNotDiscoveredAgainBeforeAConnectionIsStable) {
    Random random(Seed{});
    Options options = in_order();
    options.max_reconnects = 1;
    ServerPool pool(urls("a:1,b:2,c:3"), options, random);
    pool.failed(Time(), random);
    EXPECT_EQ(hosts(pool), "b c ");
    EXPECT_FALSE(pool.merge({"a:1", "b:2", "c:3"}, random));
    EXPECT_TRUE(pool.merge({"a:1", "d:4"}, random));
    EXPECT_EQ(hosts(pool), "b c d ");
    pool.stable();
    EXPECT_TRUE(pool.merge({"a:1", "d:4"}, random));
    EXPECT_EQ(hosts(pool), "b c d a ");
}

TEST(ServerPool, MergingKeepsOrderCurrentAndGivenServers) {
    Random random(Seed{});
    ServerPool pool(urls("a:1,b:2,c:3"), in_order(), random);
    EXPECT_TRUE(pool.merge({"x:7", "y:8", "a:1"}, random));
    EXPECT_EQ(hosts(pool), "a b c x y ");
    EXPECT_FALSE(pool.merge({"y:8", "x:7"}, random)) << "the same again";
    EXPECT_EQ(hosts(pool), "a b c x y ") << "known servers are never shuffled (B91)";
    EXPECT_TRUE(pool.merge({"z:9", "y:8"}, random));
    EXPECT_EQ(hosts(pool), "a b c y z ");
    EXPECT_TRUE(pool.merge({}, random));
    EXPECT_EQ(hosts(pool), "a b c ") << "given ones stay";
    // A discovered server that we are connected to stays until we leave it.
    pool.merge({"x:7"}, random);
    for (int i = 0; i < 3; ++i) pool.left();
    EXPECT_EQ(pool.current().url.host, "x");
    pool.merge({"y:8"}, random);
    EXPECT_EQ(hosts(pool), "x a b c y ");
}

TEST(ServerPool, OfOneDomain) {
    Options options = in_order();
    options.discovered_servers = DiscoveredServers::same_domain;
    Random random(Seed{});
    ServerPool pool(urls("n1.Example.org:1,10.0.0.1:1,localhost:1"), options, random);
    pool.merge({"n2.example.org:1", "example.org:1", "n3.sub.example.org:1", "evil.org:1", "org:1",
                "n1.example.org:2", "10.0.0.2:1", "10.0.0.1:2", "a.localhost:1", "localhost:2",
                "[fe80::1]:1"},
               random);
    EXPECT_EQ(hosts(pool),
              "n1.Example.org 10.0.0.1 localhost n2.example.org example.org n1.example.org "
              "10.0.0.1 localhost ");
}

TEST(ServerPool, ReplacedKeepsTheOneInUse) {
    Random random(Seed{});
    ServerPool pool(urls("a:1,b:2"), in_order(), random);
    pool.merge({"x:7"}, random);
    pool.current().attempts = 5;
    pool.replace(urls("c:3,A:1,d:4,c:3"), true, random);
    EXPECT_EQ(hosts(pool), "A c d ") << "known, and now with the credentials given";
    EXPECT_EQ(pool.current().attempts, 5u);
    pool.replace(urls("e:5,f:6"), true, random);
    EXPECT_EQ(hosts(pool), "A e f ");
    pool.left();
    EXPECT_EQ(hosts(pool), "e f ") << "it was not of the pool any more";
    pool.replace(urls("g:7,h:8"), true, random);
    pool.failed(Time(), random);
    EXPECT_EQ(hosts(pool), "g h ");
    pool.replace(urls("i:9"), false, random);
    EXPECT_EQ(hosts(pool), "i ");
}

TEST(ServerPool, ChosenOneIsNext) {
    Random random(Seed{});
    ServerPool pool(urls("a:1,b:2,c:3"), in_order(), random);
    pool.choose(2, Time(5s));
    EXPECT_EQ(hosts(pool), "c a b ");
    EXPECT_EQ(pool.current().not_before, Time(5s));
}

TEST(ServerPool, MergedServersAreRandomlyPlacedBehindTheCurrent) {
    Options options;
    std::map<std::string, int> second;
    for (int i = 0; i < 4'000; ++i) {
        Random random(Seed{static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(i >> 8)});
        ServerPool pool(urls("a:1"), options, random);
        pool.merge({"w:1", "x:1", "y:1", "z:1"}, random);
        EXPECT_EQ(pool.current().url.host, "a");
        ++second[pool.servers()[1].url.host];
    }
    for (const auto& [host, times] : second) EXPECT_NEAR(times, 1'000, 180) << host;
}

TEST(ServerPool, BadAndTooManyUrlsAreLeftOut) {
    Random random(Seed{});
    ServerPool pool(urls("a:1"), in_order(), random);
    std::vector<std::string> many = {"", ":", "[::1", "a b:1", "host:99999", "user:pass@evil:1"};
    for (int i = 0; i < 2'000; ++i) many.push_back("h" + std::to_string(i) + ":1");
    pool.merge(many, random);
    EXPECT_EQ(pool.servers().size(), 1'000u);
    for (const Server& server : pool.servers()) {
        EXPECT_TRUE(server.url.host == "a" || server.url.host[0] == 'h' ||
                    server.url.host == "evil");
    }
}

}  // namespace
