// What the fuzz targets share: reading choices from the fuzzer's bytes, exact copies, and
// require(). A target owns nothing between two inputs: each input alone must show what is wrong.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fuzz {

/// End the process, which is what a fuzzer looks for, unless `holds`.
inline void require(bool holds, std::string_view what) {
    if (holds) return;
    std::fprintf(stderr, "fuzz: broken: %.*s\n", static_cast<int>(what.size()), what.data());
    std::abort();
}

/// The fuzzer's bytes, taken from the front; behind the end there are zeros and empty texts.
class Input {
public:
    Input(const std::uint8_t* data, std::size_t size)
        : rest_(reinterpret_cast<const char*>(data), size) {}

    bool empty() const { return rest_.empty(); }
    unsigned byte() {
        const std::string_view one = take(1);
        return one.empty() ? 0 : static_cast<unsigned char>(one[0]);
    }
    std::string_view take(std::size_t most) {
        const std::string_view part = rest_.substr(0, most);
        rest_.remove_prefix(part.size());
        return part;
    }
    /// A text behind a byte that says how long it is.
    std::string_view field() { return take(byte()); }
    /// All that is left.
    std::string_view rest() { return take(rest_.size()); }

private:
    std::string_view rest_;
};

/// A copy in memory of exactly its size, so that the address sanitizer sees each byte beyond it.
class Exact {
public:
    explicit Exact(std::string_view bytes) : bytes_(new char[bytes.size()]), size_(bytes.size()) {
        if (!bytes.empty()) std::memcpy(bytes_.get(), bytes.data(), bytes.size());
    }
    std::string_view view() const { return {bytes_.get(), size_}; }

private:
    std::unique_ptr<char[]> bytes_;
    std::size_t size_;
};

/// Whether no byte ends a line or does worse, as in JSON.
inline bool is_one_line(std::string_view text) {
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < 0x20) return false;
    }
    return true;
}

/// Whether every byte may stand in one line of a log.
inline bool is_printable(std::string_view text) {
    return is_one_line(text) && text.find('\x7F') == text.npos;
}

inline char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 0x20) : c;
}

/// Whether `text` begins with `start`, which is in lower case, in any case.
inline bool starts_with_in_any_case(std::string_view text, std::string_view start) {
    if (text.size() < start.size()) return false;
    for (std::size_t i = 0; i < start.size(); ++i) {
        if (lower(text[i]) != start[i]) return false;
    }
    return true;
}

}  // namespace fuzz
