// What goes wrong in a simulation, one row for each kind: in the network, at the servers, in what
// they say, and in the driver.
#pragma once

#include <string_view>

namespace sim {

class World;

struct Fault {
    std::string_view name;
    unsigned weight;
    bool plain;              // the outcome does not depend on how input is split (I26)
    bool (*strike)(World&);  // false when there was nobody to strike
};

extern const Fault faults[];
extern const std::size_t fault_count;

}  // namespace sim
