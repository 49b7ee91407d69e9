// The stream of random numbers against the vectors of RFC 8439 (A.1: those with nonce 0), its
// bounds, and that names are unique. T22; B46, B47, B52.
#include "core/random.hpp"

#include <gtest/gtest.h>

#include <array>
#include <bitset>
#include <cstdio>
#include <unordered_set>

using namespace anynats;

namespace {

std::string hex_of_next_block(Random& random) {
    std::string text;
    for (int word = 0; word < 16; ++word) {
        const std::uint32_t value = random.next32();
        for (int byte = 0; byte < 4; ++byte) {
            char digits[3];
            std::snprintf(digits, sizeof digits, "%02x", (value >> (8 * byte)) & 0xff);
            text += digits;
        }
    }
    return text;
}

TEST(Random, IsTheChaCha20OfRfc8439) {
    Random zero(Seed{});
    EXPECT_EQ(hex_of_next_block(zero),  // A.1, vector 1
              "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
              "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586");
    EXPECT_EQ(hex_of_next_block(zero),  // vector 2: the next block
              "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
              "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f");
    Seed last{};
    last[31] = 1;
    Random third(last);
    hex_of_next_block(third);
    EXPECT_EQ(hex_of_next_block(third),  // vector 3: counter 1
              "3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a"
              "8eca00bbb4a73bdad192b5c42f73f2fd4e273644c8b36125a64addeb006c13a0");
    Seed second{};
    second[1] = 0xff;
    Random fourth(second);
    hex_of_next_block(fourth);
    hex_of_next_block(fourth);
    EXPECT_EQ(hex_of_next_block(fourth),  // vector 4: counter 2
              "72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca"
              "13b25aa26cb4a648cb9b9d1be65b2c0924a66c54d545ec1b7374f4872e99f096");
}

TEST(Random, BelowKeepsItsBoundAndIsEven) {
    Random random(Seed{1});
    for (const std::uint64_t bound :
         {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{3}, std::uint64_t{62},
          std::uint64_t{1} << 63, (std::uint64_t{1} << 63) + 1, ~std::uint64_t{0}}) {
        for (int i = 0; i < 2'000; ++i) ASSERT_LT(random.below(bound), bound);
    }
    std::array<int, 62> times{};
    for (int i = 0; i < 620'000; ++i) ++times[random.below(62)];
    for (const int n : times) EXPECT_NEAR(n, 10'000, 600);  // 6 standard deviations
    // Three quarters of 2^64: without drawing again, the lower half would come twice as often.
    const std::uint64_t bound = std::uint64_t{3} << 62;
    int low = 0;
    for (int i = 0; i < 30'000; ++i) low += random.below(bound) < (std::uint64_t{1} << 62);
    EXPECT_NEAR(low, 10'000, 500);
}

TEST(Random, NamesAreUniqueAndFullLength) {
    Random random(Seed{2}), other(Seed{3});
    std::unordered_set<std::string> seen;
    std::array<std::bitset<256>, 22> digits;
    for (int i = 0; i < 200'000; ++i) {
        const std::string name = random.nuid();
        ASSERT_EQ(name.size(), 22u);
        ASSERT_TRUE(seen.insert(name).second);
        for (std::size_t at = 0; at < 22; ++at)
            digits[at].set(static_cast<unsigned char>(name[at]));
        if (i < 1'000) {
            ASSERT_TRUE(seen.insert(other.nuid()).second);
        }
    }
    for (const auto& all : digits) EXPECT_EQ(all.count(), 62u) << "a digit that does not vary";
    Random again(Seed{2});
    EXPECT_TRUE(seen.count(again.nuid())) << "the same seed gives the same names (I25)";
}

}  // namespace
