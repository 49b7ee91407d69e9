// sim_tests: the simulations, from the command line.
//   sim_tests SEED N        run seeds SEED..SEED+N-1; on failure the end of the trace
//   sim_tests hours H       run seeds from 1 until H hours were simulated
//   sim_tests hashes SEED N nothing but the hashes of the traces
//   sim_tests same SEED N   each seed twice, and with its input split otherwise (I25, I26)
//   sim_tests planted       each planted bug must be caught by its invariant
// Exit code 0 when all is well. From 200 seeds on the coverage may have no zero.
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>

#include "faults.hpp"
#include "world.hpp"

namespace {

using namespace sim;

constexpr std::uint64_t enough_for_coverage = 200;  // seeds

std::uint64_t number(const char* text) {
    return std::strtoull(text, nullptr, 10);
}

using Phase = anynats::Link::Phase;

// Those that can be seen between two calls; to `dialing` and `waiting` from every phase.
constexpr std::pair<Phase, Phase> phase_changes[] = {
    {Phase::waiting, Phase::dialing},
    {Phase::dialing, Phase::info},
    {Phase::info, Phase::authenticating},
    {Phase::authenticating, Phase::pong},
    {Phase::pong, Phase::up},
    {Phase::dialing, Phase::dialing},
    {Phase::info, Phase::dialing},
    {Phase::authenticating, Phase::dialing},
    {Phase::pong, Phase::dialing},
    {Phase::up, Phase::dialing},
    {Phase::dialing, Phase::waiting},
    {Phase::info, Phase::waiting},
    {Phase::authenticating, Phase::waiting},
    {Phase::pong, Phase::waiting},
    {Phase::up, Phase::waiting},
    {Phase::waiting, Phase::closed},
    {Phase::dialing, Phase::closed},
    {Phase::info, Phase::closed},
    {Phase::pong, Phase::closed},
    {Phase::up, Phase::closed},
};

Coverage expected_coverage() {
    Coverage coverage;
    for (std::size_t i = 0; i < fault_count; ++i) coverage.expect("fault", faults[i].name);
    for (const UserAction& action : user_actions) coverage.expect("action", action.name);
    for (const StateChange& change : state_changes) coverage.expect("state", change.name);
    for (const ErrorText& error : error_texts) coverage.expect("-ERR", error.text);
    for (const std::string_view text : other_errors) coverage.expect("-ERR", text);
    for (const auto& [from, to] : phase_changes) coverage.expect("phase", phase_change(from, to));
    for (const char* wish : {"connect", "authenticate", "close", "choose_server"}) {
        coverage.expect("wish", wish);
    }
    for (const char* how : {"at once", "later", "never", "beyond"}) coverage.expect("choice", how);
    for (const char* end : {"time", "pause", "number", "empty one", "nobody there", "refusal",
                            "disconnect", "close"}) {
        coverage.expect("replies end", end);
    }
    for (const char* event : {"connected", "disconnected", "reconnected", "discovered_servers",
                              "lame_duck", "slow_consumer", "error", "closed"}) {
        coverage.expect("event", event);
    }
    return coverage;
}

Outcome simulate(const Scenario& scenario, Coverage& coverage) {
    World world(scenario, coverage);
    Outcome outcome = world.run();
    coverage.add(outcome.verdict);
    return outcome;
}

/// The same once more, for the end of its trace.
void explain(Scenario scenario, const Verdict& verdict) {
    Coverage unused;
    const char* lines = std::getenv("SIM_LINES");  // how many; for a closer look
    scenario.trace_lines = lines ? number(lines) : 60;
    const Outcome again = simulate(scenario, unused);
    for (const std::string& line : again.tail) std::printf("%s\n", line.c_str());
    const auto& breach = *verdict.breach();
    const InvariantRow& row = invariants[static_cast<std::size_t>(breach.id)];
    std::printf("seed %llu breaks %.*s: %s\n    %.*s\n",
                static_cast<unsigned long long>(scenario.seed), static_cast<int>(row.name.size()),
                row.name.data(), breach.text.c_str(), static_cast<int>(row.sentence.size()),
                row.sentence.data());
}

/// Run a seed twice, and once with its input split in another way.
bool compare(const Scenario& scenario, Coverage& coverage) {
    Verdict verdict;
    const Outcome one = simulate(scenario, coverage);
    const Outcome two = simulate(scenario, coverage);
    verdict.require(Invariant::I25, one.trace == two.trace, "another trace", one.trace, two.trace);
    Scenario plain = scenario;
    plain.plain_writes = true;
    const Outcome whole = simulate(plain, coverage);
    plain.split_seed += 1'000'003;
    const Outcome split = simulate(plain, coverage);
    verdict.require(Invariant::I26, whole.outcome == split.outcome, "another outcome",
                    whole.outcome, split.outcome);
    coverage.add(verdict);
    for (const Outcome* outcome : {&one, &whole, &split}) {
        if (!outcome->verdict.broken()) continue;
        explain(outcome == &one ? scenario : plain, outcome->verdict);
        return false;
    }
    if (verdict.broken()) explain(scenario, verdict);
    return !verdict.broken();
}

struct Range {
    std::uint64_t first = 1, count = 0;
    Duration hours{};  // instead of a count
    bool quiet = false;
};

int run(const Range& range) {
    Coverage coverage = expected_coverage();
    const std::clock_t begin = std::clock();
    Duration simulated{};
    std::uint64_t done = 0;
    Hash all;
    while (range.count ? done < range.count : simulated < range.hours) {
        Scenario scenario;
        scenario.seed = scenario.split_seed = range.first + done++;
        if (scenario.seed % 32 == 0 && !compare(scenario, coverage)) return 1;
        const Outcome outcome = simulate(scenario, coverage);
        simulated += outcome.simulated;
        all.add(outcome.trace);
        if (!range.quiet || outcome.verdict.broken()) {
            std::printf("seed %llu trace %016llx\n", static_cast<unsigned long long>(scenario.seed),
                        static_cast<unsigned long long>(outcome.trace));
        }
        if (outcome.verdict.broken()) {
            explain(scenario, outcome.verdict);
            return 1;
        }
    }
    const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    const double hours = std::chrono::duration<double>(simulated).count() / 3600;
    std::printf("%s", coverage.table().c_str());
    std::printf("%llu seeds, all traces %016llx, %.1f simulated hours, %.1f hours per CPU second\n",
                static_cast<unsigned long long>(done), static_cast<unsigned long long>(all.value()),
                hours, hours / seconds);
    const std::string zeros = coverage.zeros();
    if (done >= enough_for_coverage && !zeros.empty()) {
        std::printf("never occurred: %s\n", zeros.c_str());
        return 1;
    }
    return 0;
}

int same(std::uint64_t first, std::uint64_t count) {
    Coverage coverage;
    for (std::uint64_t i = 0; i < count; ++i) {
        Scenario scenario;
        scenario.seed = scenario.split_seed = first + i;
        if (!compare(scenario, coverage)) return 1;
    }
    return 0;
}

int hashes(std::uint64_t first, std::uint64_t count) {
    Coverage coverage;
    for (std::uint64_t i = 0; i < count; ++i) {
        Scenario scenario;
        scenario.seed = scenario.split_seed = first + i;
        const Outcome outcome = simulate(scenario, coverage);
        std::printf("%016llx\n", static_cast<unsigned long long>(outcome.trace));
    }
    return 0;
}

int planted() {
    constexpr std::uint64_t most_seeds = 100;
    int missed = 0;
    for (const MutantRow& row : mutants) {
        Coverage coverage;
        Scenario scenario;
        scenario.mutant = row.id;
        Outcome outcome;
        for (scenario.seed = 1; scenario.seed <= most_seeds; ++scenario.seed) {
            outcome = simulate(scenario, coverage);
            if (outcome.verdict.broken()) break;
        }
        const auto& breach = outcome.verdict.breach();
        const bool caught = breach && breach->id == row.caught_by;
        missed += !caught;
        std::printf("%-44.*s %-6s seed %3llu  %.*s: %s\n", static_cast<int>(row.name.size()),
                    row.name.data(), caught ? "caught" : "MISSED",
                    static_cast<unsigned long long>(scenario.seed), 3,
                    breach ? invariants[static_cast<std::size_t>(breach->id)].name.data() : "---",
                    breach ? breach->text.c_str() : "");
    }
    return missed ? 1 : 0;
}

}  // namespace

int main(int count, char** words) {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);  // after a crash the last seed is known
    const std::string first = count > 1 ? words[1] : "";
    if (first == "planted") return planted();
    if (first == "same" && count == 4) return same(number(words[2]), number(words[3]));
    if (first == "hashes" && count == 4) return hashes(number(words[2]), number(words[3]));
    if (first == "hours" && count == 3) {
        return run({.hours = std::chrono::hours(number(words[2])), .quiet = true});
    }
    if (count == 3 && number(words[2]) > 0) {
        return run({.first = number(words[1]), .count = number(words[2])});
    }
    std::fprintf(stderr,
                 "usage: sim_tests SEED N | hours H | hashes SEED N | same SEED N | planted\n");
    return 2;
}
