// Random choices of a simulation: the same numbers from the same seed, on every platform.
// No floating point, and nothing of <random>, whose distributions differ between libraries.
#pragma once

#include <cstddef>
#include <cstdint>

#include <anynats/time.hpp>

namespace sim {

class Dice {
public:
    explicit Dice(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {  // SplitMix64
        std::uint64_t z = state_ += 0x9E3779B97F4A7C15u;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        return z ^ (z >> 31);
    }
    std::uint64_t below(std::uint64_t bound) { return next() % bound; }
    std::uint64_t between(std::uint64_t least, std::uint64_t most) {
        return least + below(most - least + 1);
    }
    bool one_in(std::uint64_t n) { return below(n) == 0; }
    bool percent(std::uint64_t chance) { return below(100) < chance; }
    template <class Range>
    auto& pick(Range& range) {
        return range[below(std::size(range))];
    }
    /// Between the two, each order of magnitude as likely as another.
    anynats::Duration duration(anynats::Duration least, anynats::Duration most) {
        unsigned doublings = 0;
        for (auto d = least; d < most; d *= 2) ++doublings;
        const auto low = least * (std::int64_t{1} << below(doublings ? doublings : 1));
        const auto above = below(static_cast<std::uint64_t>(low.count()));
        const auto drawn = low + anynats::Duration(static_cast<std::int64_t>(above));
        return drawn < most ? drawn : most;
    }
    /// A source of its own, which does not disturb this one.
    Dice fork() { return Dice(next()); }

private:
    std::uint64_t state_;
};

}  // namespace sim
