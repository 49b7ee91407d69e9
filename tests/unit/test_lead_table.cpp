// Every interleaving of the hand-over of reading, searched breadth first in
// ../support/lead_model.hpp, which is read beside src/drive/driver.cpp. When the world rests,
// everything that can be done must get done by the threads alone: what has arrived is read, whoever
// is done or late returns. And there is never more than one reader. Planted faults show that the
// search finds such mistakes.
#include <algorithm>
#include <cstring>
#include <iostream>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include <gtest/gtest.h>

#include "../support/lead_model.hpp"
#include "../support/watch.hpp"

namespace {

using namespace lead_model;

/// Look at every state that can be reached from `start`, nearest first. Tells how many, and what is
/// wrong with one, if any is, with the steps that lead to it.
std::pair<std::size_t, std::string> search(int callers, Fault fault, const State& start) {
    struct Seen {
        State state;
        std::size_t from;
        std::string what;
    };
    const auto key = [](State s) {  // callers are alike: their order does not matter
        std::sort(s.callers, s.callers + most_callers,
                  [](const auto& a, const auto& b) { return std::memcmp(&a, &b, sizeof a) < 0; });
        static_assert(std::has_unique_object_representations_v<State>);
        return std::string(reinterpret_cast<const char*>(&s), sizeof s);
    };
    std::vector<Seen> seen{{start, 0, "start"}};
    std::unordered_map<std::string, std::size_t> known{{key(start), 0}};
    Model model(callers, fault);
    for (std::size_t at = 0; at < seen.size(); ++at) {
        bool at_rest = true;
        const State state = seen[at].state;
        model.steps(state, [&](std::string what, const State& to, bool of_the_world) {
            at_rest = at_rest && of_the_world;
            if (!known.emplace(key(to), seen.size()).second) return;
            seen.push_back({to, at, std::move(what)});
        });
        std::string flaw = model.flaw.empty() ? model.judge(state, at_rest) : model.flaw;
        if (flaw.empty()) continue;
        std::string steps;
        for (std::size_t i = at; i != 0; i = seen[i].from) steps = "\n  " + seen[i].what + steps;
        return {at + 1, flaw + " after" + steps};
    }
    return {seen.size(), {}};
}

/// Each caller may be told to stop; the first may also get a signal and be woken in vain.
State start_with(bool ends, bool disturbed) {
    State start;
    start.noise = disturbed;
    start.callers[0].signals = start.callers[0].false_wakes = disturbed;
    for (State::Caller& c : start.callers) c.ends = ends;
    return start;
}

TEST(LeadTable, NothingIsLostInAnyOrder) {
    using Case = std::tuple<int, bool, bool>;
    for (const auto& [callers, ends, disturbed] :
         {Case{2, true, true}, Case{3, false, true}, Case{3, true, false}}) {
        if (test_support::sanitized && callers == 3)
            continue;  // a table has neither threads nor memory of its own
        const auto start = start_with(ends, disturbed && !test_support::sanitized);
        const auto [states, flaw] = search(callers, correct, start);
        EXPECT_EQ(flaw, "");
        std::cout << callers << " callers: " << states << " states\n";
    }
}

TEST(LeadTable, PlantedFaultsAreFound) {
    for (int fault = leave_does_not_arm; fault <= look_outside_the_lock; ++fault) {
        const std::string flaw =
            search(2, static_cast<Fault>(fault), start_with(true, true)).second;
        EXPECT_NE(flaw, "") << "not found: " << planted[fault];
        std::cout << planted[fault] << ": found as: " << flaw << '\n';
    }
}

}  // namespace
