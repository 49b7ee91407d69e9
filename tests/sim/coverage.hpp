// What the simulations have exercised: each fault, each action of a user, each change of state,
// each invariant, with its count. A zero means that something is not tested although it seems so.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "verdict.hpp"

namespace sim {

class Coverage {
public:
    /// Name what must occur, so that it is in the table with a zero.
    void expect(std::string_view group, std::string_view name) { counts_[group][name]; }
    void count(std::string_view group, std::string_view name, std::uint64_t more = 1) {
        counts_[group][name] += more;
    }
    void add(const Verdict& verdict) {
        for (const InvariantRow& row : invariants) {
            count("invariant", row.name, verdict.judged(row.id));
        }
    }
    /// The table as text, the zeros marked.
    std::string table() const;
    /// The names of what never occurred; empty when everything did.
    std::string zeros() const;

private:
    // The names are those of constant tables.
    std::map<std::string_view, std::map<std::string_view, std::uint64_t>> counts_;
};

}  // namespace sim
