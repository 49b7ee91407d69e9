// Randomness from a seed that the driver brings: ChaCha20 (RFC 8439) as a stream, so that what a
// peer sees (inbox names) tells nothing about what comes next (T22). Same seed, same numbers.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include <anynats/session.hpp>

namespace anynats {
inline namespace v0 {

class Random {
public:
    explicit Random(const Seed& seed) noexcept;
    std::uint32_t next32() noexcept;
    std::uint64_t next64() noexcept;
    /// A number below `bound` (> 0), every one equally likely.
    std::uint64_t below(std::uint64_t bound) noexcept;
    /// A 22-character name of base-62 digits (131 bits), as NUID has it (wire.md 4.3).
    std::string nuid();

private:
    void refill() noexcept;
    std::array<std::uint32_t, 16> state_;
    std::array<std::uint32_t, 16> block_;
    unsigned used_ = 16;
};

}  // namespace v0
}  // namespace anynats
