// The text of a trace: one line for each note, its bytes printable and short.
#include "trace.hpp"

#include <cstdio>

namespace sim {

void Trace::keep(std::string_view who, std::string_view what, std::string_view text,
                 std::uint64_t number) {
    constexpr std::size_t most_text = 260;
    const auto since = clock_.now() - (Time() + 1'000s);
    char start[64];
    std::snprintf(start, sizeof start, "%14.6f s  ", std::chrono::duration<double>(since).count());
    std::string line = start;
    line.append(who).append("  ").append(what);
    if (number) line.append(" ").append(std::to_string(number));
    if (!text.empty()) line += "  ";
    for (const char c : text.substr(0, most_text)) {
        if (c == '\r') {
            line += "\\r";
        } else if (c == '\n') {
            line += "\\n";
        } else {
            line += c >= ' ' && c <= '~' ? c : '?';
        }
    }
    if (text.size() > most_text) line += "... (" + std::to_string(text.size()) + " bytes)";
    tail_.push_back(std::move(line));
    if (tail_.size() > kept_) tail_.pop_front();
}

}  // namespace sim
