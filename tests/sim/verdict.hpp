// The invariants by name, each with the sentence of what it means (reliability.md 4.1), how often
// each was judged, and the first breach. The judges are in invariants.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sim {

enum class Invariant {
    I01,
    I02,
    I03,
    I04,
    I05,
    I06,
    I07,
    I08,
    I09,
    I10,
    I11,
    I12,
    I13,
    I14,
    I15,
    I16,
    I17,
    I18,
    I21,
    I22,
    I23,
    I24,
    I25,
    I26,
    I27,
    Q4,
    Q6,
    S24,
};

struct InvariantRow {
    Invariant id;
    std::string_view name, sentence;
};

/// In the order of the enumeration. I19 and I20 come with TLS and nonces.
inline constexpr InvariantRow invariants[] = {
    {Invariant::I01, "I01", "a connection carries whole valid frames: CONNECT, PING, the rest"},
    {Invariant::I02, "I02", "publishes keep their order; SUB precedes what depends on it"},
    {Invariant::I03, "I03", "no byte and no parser state crosses to another connection"},
    {Invariant::I04, "I04", "what belongs to an old connection changes nothing but a counter"},
    {Invariant::I05, "I05", "a publish that was begun on a socket is never written again"},
    {Invariant::I06, "I06", "accepted publishes = written + waiting + reported as lost"},
    {Invariant::I07, "I07", "what waits stays within pending_limit; a refusal is whole"},
    {Invariant::I08, "I08", "at rest the server's subscriptions are ours, each once"},
    {Invariant::I09, "I09", "sids are never used again"},
    {Invariant::I10, "I10", "received = delivered + dropped + held, in order, none twice"},
    {Invariant::I11, "I11", "subject, reply, headers and payload are identical bytes"},
    {Invariant::I12, "I12", "auto-unsubscribe is exact in total, across reconnects"},
    {Invariant::I13, "I13", "nothing comes after an end; closed is told once, and last"},
    {Invariant::I14, "I14", "each request ends once, by its own reply or a true reason"},
    {Invariant::I15, "I15", "a flush ends when the server has it all; each PING has one PONG"},
    {Invariant::I16, "I16", "a silent link is dead within (max_pings + 1) x interval + 10 %"},
    {Invariant::I17, "I17", "no wait ends early or late by more than a late timer; no spinning"},
    {Invariant::I18, "I18", "back-off within its bounds; every server has its turn; true limits"},
    {Invariant::I21, "I21", "only legal changes of state; events alternate and agree with it"},
    {Invariant::I22, "I22", "a harmless -ERR never disconnects, a fatal one does; no other end"},
    {Invariant::I23, "I23", "drain loses nothing that had been sent, and ends by its deadline"},
    {Invariant::I24, "I24", "memory within the limits; nothing is left after close"},
    {Invariant::I25, "I25", "the same seed gives the same trace"},
    {Invariant::I26, "I26", "how the input is split changes nothing"},
    {Invariant::I27, "I27", "lost framing costs the connection, bad content that message only"},
    {Invariant::Q4, "Q4", "the session's own check() finds nothing"},
    {Invariant::Q6, "Q6", "the counters agree with the wire"},
    {Invariant::S24, "S24", "once all faults stop, everything connects, ends and is sent"},
};

inline constexpr std::size_t invariant_count = std::size(invariants);

/// What the judges of one run found.
class Verdict {
public:
    struct Breach {
        Invariant id;
        std::string text;
    };

    /// Judge once. `a` and `b` go into the text of a breach: what is, and what ought to be.
    void require(Invariant id, bool holds, std::string_view text, std::uint64_t a = 0,
                 std::uint64_t b = 0) {
        ++judged_[static_cast<std::size_t>(id)];
        if (!holds && !breach_) fail(id, text, a, b);
    }
    bool broken() const { return breach_.has_value(); }
    const std::optional<Breach>& breach() const { return breach_; }
    std::uint64_t judged(Invariant id) const { return judged_[static_cast<std::size_t>(id)]; }

private:
    void fail(Invariant id, std::string_view text, std::uint64_t a, std::uint64_t b) {
        breach_ = Breach{id, std::string(text)};
        if (a || b) breach_->text += " (" + std::to_string(a) + ", " + std::to_string(b) + ")";
    }
    std::array<std::uint64_t, invariant_count> judged_{};
    std::optional<Breach> breach_;
};

}  // namespace sim
