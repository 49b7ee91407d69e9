// The coverage as text.
#include "coverage.hpp"

#include <cstdio>

namespace sim {

std::string Coverage::table() const {
    std::string text;
    for (const auto& [group, rows] : counts_) {
        for (const auto& [name, count] : rows) {
            char line[160];
            std::snprintf(line, sizeof line, "%-12.*s %-56.*s %14llu%s\n",
                          static_cast<int>(group.size()), group.data(),
                          static_cast<int>(name.size()), name.data(),
                          static_cast<unsigned long long>(count), count ? "" : "  NEVER");
            text += line;
        }
    }
    return text;
}

std::string Coverage::zeros() const {
    std::string text;
    for (const auto& [group, rows] : counts_) {
        for (const auto& [name, count] : rows) {
            if (count) continue;
            if (!text.empty()) text += ", ";
            text.append(group).append(" ").append(name);
        }
    }
    return text;
}

}  // namespace sim
