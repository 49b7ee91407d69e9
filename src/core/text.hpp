// What the protocol's texts have in common: blanks and letters of ASCII. The C library's functions
// of these names ask for the locale.
#pragma once

#include <algorithm>
#include <string_view>

namespace anynats {
inline namespace v0 {

constexpr bool is_blank(char c) noexcept {
    return c == ' ' || c == '\t';
}

constexpr std::string_view trimmed(std::string_view text) noexcept {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    return text;
}

constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 0x20) : c;
}

constexpr bool same_in_any_case(std::string_view a, std::string_view b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace v0
}  // namespace anynats
