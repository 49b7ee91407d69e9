// ChaCha20's block function (RFC 8439, 2.3) turned into a stream of numbers.
// Never reads a random device: the seed is an argument.
#include "core/random.hpp"

#include <bit>

namespace anynats {
inline namespace v0 {

namespace {

void quarter(std::uint32_t& a, std::uint32_t& b, std::uint32_t& c, std::uint32_t& d) noexcept {
    a += b;
    d = std::rotl(d ^ a, 16);
    c += d;
    b = std::rotl(b ^ c, 12);
    a += b;
    d = std::rotl(d ^ a, 8);
    c += d;
    b = std::rotl(b ^ c, 7);
}

}  // namespace

Random::Random(const Seed& seed) noexcept : state_{}, block_{} {
    state_[0] = 0x61707865;
    state_[1] = 0x3320646e;
    state_[2] = 0x79622d32;
    state_[3] = 0x6b206574;
    for (unsigned i = 0; i < 8; ++i) {
        const std::uint8_t* word = seed.data() + 4 * i;
        state_[4 + i] = std::uint32_t{word[0]} | std::uint32_t{word[1]} << 8 |
                        std::uint32_t{word[2]} << 16 | std::uint32_t{word[3]} << 24;
    }
}

std::uint32_t Random::next32() noexcept {
    if (used_ == block_.size()) refill();
    return block_[used_++];
}

std::uint64_t Random::next64() noexcept {
    const std::uint64_t low = next32();
    return low | std::uint64_t{next32()} << 32;
}

std::uint64_t Random::below(std::uint64_t bound) noexcept {
    // Numbers in the last, incomplete run would favour small results: draw again.
    const std::uint64_t unfair = (0 - bound) % bound;
    for (;;) {
        const std::uint64_t drawn = next64();
        if (drawn >= unfair) return drawn % bound;
    }
}

std::string Random::nuid() {
    static constexpr char digits[] =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    std::string name(22, '0');
    for (char& digit : name) digit = digits[below(62)];
    return name;
}

void Random::refill() noexcept {
    block_ = state_;
    for (int round = 0; round < 10; ++round) {
        for (unsigned i = 0; i < 4; ++i) {
            quarter(block_[i], block_[4 + i], block_[8 + i], block_[12 + i]);
        }
        for (unsigned i = 0; i < 4; ++i) {
            quarter(block_[i], block_[4 + (i + 1) % 4], block_[8 + (i + 2) % 4],
                    block_[12 + (i + 3) % 4]);
        }
    }
    for (unsigned i = 0; i < 16; ++i) block_[i] += state_[i];
    if (++state_[12] == 0) ++state_[13];
    used_ = 0;
}

}  // namespace v0
}  // namespace anynats
