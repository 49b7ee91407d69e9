// One client under test: drives a Session as a driver does (actions, bytes, timers, events), and
// lets the oracle see all of it. A planted bug works here, between the two.
#pragma once

#include <string>

#include "mutants.hpp"
#include "oracle.hpp"
#include "trace.hpp"

namespace sim {

class World;

class Client final : public ClientEnd {
public:
    Client(World& world, std::string its_name, const Options& options, const anynats::Seed& seed,
           std::size_t servers);

    /// Do what the session wishes until nothing is left to do, and judge.
    void turn();
    /// When its next timer is to be handled.
    Time due() const;
    void handle_timer();

    void opened(Wire& wire) override;
    void ended(Wire& wire, bool reset) override;
    void heard(Wire& wire, std::string_view bytes) override;

    /// Inputs that belong to no current connection.
    void stale_inputs();

    const std::string name;
    Session session;
    Oracle oracle;
    Spoiler spoiler;
    Hash outcome;  // what the user saw
    enum class Login { at_once, later, failed } login = Login::at_once;
    enum class Choice { at_once, later, never, beyond } choice = Choice::at_once;
    Wire* wire() { return wire_; }

private:
    void act();
    void authenticate(const anynats::Action& action);
    void choose(const anynats::Action& action);
    bool write();
    void events();

    World& world_;
    Wire* wire_ = nullptr;
    Duration late_{};  // by which the next timer is handled late
};

}  // namespace sim
