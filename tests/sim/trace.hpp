// What happened in a simulation: a hash over all of it, and its end as text when somebody asks.
// A hash is enough to know whether two runs were the same; the text costs time, so a failed run is
// run again to have it.
#pragma once

#include <cstdint>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>

#include "clock.hpp"

namespace sim {

class Hash {
public:
    void add(std::uint64_t number) { value_ = mixed(value_ ^ number); }
    void add(std::string_view bytes) {
        add(bytes.size());
        for (; bytes.size() >= 8; bytes.remove_prefix(8)) add(word(bytes));
        if (!bytes.empty()) add(word(bytes));
    }
    std::uint64_t value() const { return value_; }

private:
    static std::uint64_t mixed(std::uint64_t z) {
        z = (z ^ (z >> 32)) * 0xD6E8FEB86659FD93u;
        return z ^ (z >> 29);
    }
    static std::uint64_t word(std::string_view bytes) {  // the same on either byte order
        std::uint64_t word = 0;
        for (std::size_t i = 0; i < bytes.size() && i < 8; ++i) {
            word |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
        }
        return word;
    }
    std::uint64_t value_ = 0x243F6A8885A308D3u;
};

class Trace {
public:
    Trace(const Clock& clock, std::size_t kept) : clock_(clock), kept_(kept) {}

    /// `who` did `what`; the rest explains.
    void note(std::string_view who, std::string_view what, std::string_view text = {},
              std::uint64_t number = 0) {
        const auto now = static_cast<std::uint64_t>(clock_.now().time_since_epoch().count());
        hash_.add(now);
        hash_.add(who);
        hash_.add(what);
        hash_.add(text);
        hash_.add(number);
        if (kept_) keep(who, what, text, number);
    }
    std::uint64_t hash() const { return hash_.value(); }
    const std::deque<std::string>& tail() const { return tail_; }

private:
    void keep(std::string_view who, std::string_view what, std::string_view text,
              std::uint64_t number);

    const Clock& clock_;
    std::size_t kept_;  // lines
    Hash hash_;
    std::deque<std::string> tail_;
};

}  // namespace sim
