// A target that any input breaks, for the tests of replay.cpp: a target's abort() must fail the
// test, and so must an empty corpus.
#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t*, std::size_t) {
    fuzz::require(false, "on purpose");
    return 0;
}
