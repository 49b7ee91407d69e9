// One simulation: a clock, a network, model servers, clients with their users, faults. All of it
// from one seed; nothing here reads a clock, a file or a random device.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "client.hpp"
#include "mutants.hpp"
#include "server.hpp"
#include "user.hpp"

namespace sim {

/// What one seed means: who takes part, and which of the faults and actions (swarm testing).
struct Scenario {
    std::uint64_t seed = 1;
    std::uint64_t split_seed = 1;  // how input is split; the outcome must not depend on it
    Duration length = 10min;
    bool plain_writes = false;  // without what makes the outcome depend on the splits
    Mutant mutant = Mutant::none;
    std::size_t trace_lines = 0;  // kept as text
};

/// What came of it.
struct Outcome {
    std::uint64_t trace = 0;    // hash of everything that happened
    std::uint64_t outcome = 0;  // hash of what users saw, however the input was split
    Duration simulated{};
    Verdict verdict;
    std::deque<std::string> tail;
};

class World {
public:
    World(const Scenario& scenario, Coverage& coverage);

    Outcome run();

    const Scenario scenario;
    Dice dice;
    Dice split_dice;
    Clock clock;
    Verdict verdict;
    Coverage& coverage;
    Trace trace;
    Cluster cluster;
    std::deque<Wire> wires;  // stay where they are
    std::vector<std::unique_ptr<Client>> clients;
    std::vector<std::unique_ptr<User>> users;  // one for each client
    Weather weather;                           // of new connections
    Duration lateness{};                       // of timers
    bool faulty = true;                        // until it is time to come to rest

    Wire& dial(Client& client, const anynats::Action& action);
    /// The connection that a client is using, if it is in use at both ends.
    Wire* used_by(const Client& client);

private:
    anynats::Options options();
    void add_client(std::size_t slot);
    void choose_actions();
    void user_turn(std::size_t slot);
    void fault_turn();
    void advance(Time until);
    void heal();
    void finish();

    std::vector<bool> allowed_faults_, allowed_actions_;
    std::vector<std::unique_ptr<Client>> old_clients_;
    std::vector<std::unique_ptr<User>> old_users_;
    Duration patience_{};  // after which everything is at rest
    Hash outcome_;
};

}  // namespace sim
