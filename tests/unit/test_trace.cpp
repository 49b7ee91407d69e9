// The trace is a function of the seed and the inputs (I25), and does not depend on how the inbound
// bytes were cut (I26): received and sent bytes are compared joined. Requirement Q5.
#include <random>

#include "../support/watch.hpp"
#include "script.hpp"

using namespace script;

namespace {

/// A life with everything in it; the inputs come from `seed`, the cuts from elsewhere.
std::uint64_t live(std::uint64_t seed, std::size_t read_piece, std::size_t write_piece) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    Options options;
    options.servers = {"a:1,b:2,c:3"};
    options.ping_interval = 20s;
    options.sub_pending_messages = 20;
    World world(options, seed);
    world.read_piece = read_piece;
    world.write_piece = write_piece;
    world.model = true;
    world.model_info = info_with(R"("connect_urls":["d:4","e:5"])");
    world.settle();
    std::vector<std::shared_ptr<SubscriptionState>> subs;
    std::vector<std::shared_ptr<OperationState>> operations;
    for (int step = 0; step < 300; ++step) {
        const std::string name = "s." + std::to_string(random() % 8);
        switch (random() % 12) {
            case 0:
                if (const auto sub = world.subscribe(name)) subs.push_back(sub);
                break;
            case 1:
                if (!subs.empty()) world.unsubscribe(subs[random() % subs.size()]);
                break;
            case 2:
                if (!subs.empty()) {
                    const auto& sub = subs[random() % subs.size()];
                    world.unsubscribe(sub, sub->received + 1 + random() % 4);
                }
                break;
            case 3:
                operations.push_back(world.request("svc", std::to_string(step), 2s));
                break;
            case 4:
                operations.push_back(world.flush(3s));
                break;
            case 5:
                if (!subs.empty()) world.take(subs[random() % subs.size()], random() % 5);
                break;
            case 6:
                if (random() % 3 == 0) world.eof();
                break;
            case 7:
                if (random() % 4 == 0) world.server("-ERR 'Permissions Violation for \"x\"'\r\n");
                break;
            case 8:
                if (!operations.empty()) operations[random() % operations.size()]->cancel();
                break;
            case 9:
                world.after(std::chrono::milliseconds(random() % 5'000));
                break;
            default:
                world.publish(name, std::to_string(seed) + "/" + std::to_string(step));
        }
    }
    world.recover();
    EXPECT_EQ(world.session().state(), ConnectionState::connected);
    return world.trace_hash();
}

TEST(Trace, TheSameSeedGivesTheSameTrace) {
    std::vector<std::uint64_t> hashes;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        const std::uint64_t hash = live(seed, no_limit, no_limit);
        EXPECT_EQ(hash, live(seed, no_limit, no_limit)) << "seed " << seed;
        hashes.push_back(hash);
        ASSERT_FALSE(HasFailure());
    }
    std::sort(hashes.begin(), hashes.end());
    EXPECT_EQ(std::unique(hashes.begin(), hashes.end()), hashes.end());
}

TEST(Trace, IsTheSameHoweverTheBytesAreCut) {
    for (std::uint64_t seed = 100; seed < (test_support::sanitized ? 108 : 130); ++seed) {
        const std::uint64_t hash = live(seed, no_limit, no_limit);
        for (const std::size_t piece : {1, 2, 7, 100, 4'096}) {
            EXPECT_EQ(hash, live(seed, piece, no_limit)) << "seed " << seed << ", " << piece;
            EXPECT_EQ(hash, live(seed, no_limit, piece)) << "seed " << seed << ", " << piece;
        }
        ASSERT_FALSE(HasFailure());
    }
}

}  // namespace
