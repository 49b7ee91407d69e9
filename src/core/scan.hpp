// Looking at eight bytes at once: the end of a word, and bytes that may not stand in a subject.
// Pure functions over memory the caller owns; they never read beyond `end`.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace anynats {
inline namespace v0 {
namespace scan {

constexpr std::uint64_t repeated(unsigned char byte) noexcept {
    return 0x0101010101010101u * byte;
}

inline std::uint64_t load(const char* at) noexcept {
    std::uint64_t word;
    std::memcpy(&word, at, sizeof word);
    return word;
}

/// 0x80 in each byte of `word` that is below 0x21 (exact, also for bytes of 0x80 and more).
constexpr std::uint64_t blanks(std::uint64_t word) noexcept {
    return ~(((word & repeated(0x7F)) + repeated(0x80 - 0x21)) | word) & repeated(0x80);
}

/// 0x80 in each byte of `word` that equals `byte` (exact).
constexpr std::uint64_t equal(std::uint64_t word, unsigned char byte) noexcept {
    const std::uint64_t zero_where_equal = word ^ repeated(byte);
    return ~(((zero_where_equal & repeated(0x7F)) + repeated(0x7F)) | zero_where_equal) &
           repeated(0x80);
}

/// The first byte of [at, end) that is at most 0x20, or `end`.
inline const char* find_blank(const char* at, const char* end) noexcept {
    // Short words byte by byte: branch prediction then hides what eight at once would wait for.
    if (end - at >= 16) {
#if defined(__GNUC__) && !defined(__clang__)  // clang unrolls it unasked
#pragma GCC unroll 16
#endif
        for (int i = 0; i < 16; ++i) {
            if (static_cast<unsigned char>(at[i]) <= 0x20) return at + i;
        }
        at += 16;
    }
    if constexpr (std::endian::native == std::endian::little) {
        for (; end - at >= 8; at += 8) {
            if (const std::uint64_t hits = blanks(load(at))) {
                return at + std::countr_zero(hits) / 8;
            }
        }
    }
    while (at != end && static_cast<unsigned char>(*at) > 0x20) ++at;
    return at;
}

}  // namespace scan
}  // namespace v0
}  // namespace anynats
