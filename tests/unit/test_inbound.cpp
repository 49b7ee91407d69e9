// How much memory messages keep alive beside their own bytes, when nobody takes them.
#include "core/inbound.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

using namespace anynats;

namespace {

TEST(Inbound, LeavesLittleOfAHeldChunkUnused) {
    for (const std::size_t piece : {100, 700, 3'000, 17'000, 50'000, 200'000}) {
        Inbound inbound(256 << 10);
        std::vector<ChunkRef> held;
        std::size_t bytes = 0, retained = 0;
        while (bytes < (8u << 20)) {
            const std::size_t n = std::min(piece, inbound.prepare(0).size());
            if (held.empty() || held.back().get() != inbound.chunk().get()) {
                retained += inbound.capacity();
            }
            held.push_back(inbound.share());  // each read is a message
            inbound.commit(n);
            inbound.consume(n);
            bytes += n;
        }
        EXPECT_LE(retained, bytes + bytes / 14 + inbound.capacity()) << piece << " bytes a read";
    }
}

}  // namespace
