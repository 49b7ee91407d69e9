// The heap of deadlines against a sorted list, under random use; and timers that die in it.
#include "core/timers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>

using namespace anynats;
using namespace std::chrono_literals;

namespace {

struct Counting : Timer {
    int expirations = 0;
    std::function<void()> also;
    void expired() noexcept override {
        ++expirations;
        if (also) also();
    }
};

Time at(std::int64_t n) {
    return Time() + Duration(n);
}

TEST(Timers, ExpireInOrderAndOnce) {
    Timers timers;
    Counting one, two, three;
    timers.arm(two, at(20));
    timers.arm(one, at(10));
    timers.arm(three, at(30));
    EXPECT_EQ(timers.next(), at(10));
    timers.expire(at(9));
    EXPECT_EQ(one.expirations, 0);
    timers.expire(at(20));
    EXPECT_EQ(one.expirations, 1);
    EXPECT_EQ(two.expirations, 1);
    EXPECT_EQ(three.expirations, 0);
    EXPECT_FALSE(one.armed());
    EXPECT_EQ(timers.next(), at(30));
    three.disarm();
    three.disarm();
    EXPECT_EQ(timers.next(), never);
    timers.expire(at(100));
    EXPECT_EQ(three.expirations, 0);
}

TEST(Timers, NeverIsNotArmedAndArmingAgainMoves) {
    Timers timers;
    Counting timer;
    timers.arm(timer, never);
    EXPECT_FALSE(timer.armed());
    timers.arm(timer, at(10));
    timers.arm(timer, at(5));
    EXPECT_EQ(timers.size(), 1u);
    EXPECT_EQ(timers.next(), at(5));
    timers.arm(timer, never);
    EXPECT_EQ(timers.size(), 0u);
}

TEST(Timers, OneThatExpiresMayArmAndEndOthers) {
    Timers timers;
    Counting first, again;
    auto doomed = std::make_unique<Counting>();
    timers.arm(first, at(1));
    timers.arm(*doomed, at(2));
    first.also = [&] {
        doomed.reset();
        timers.arm(again, at(3));
    };
    timers.expire(at(10));
    EXPECT_EQ(first.expirations, 1);
    EXPECT_EQ(again.expirations, 1);
    EXPECT_EQ(timers.size(), 0u);
}

TEST(Timers, EitherMayDieFirst) {
    Counting survivor;
    {
        Timers timers;
        timers.arm(survivor, at(1));
        Counting mortal;
        timers.arm(mortal, at(2));
    }
    EXPECT_FALSE(survivor.armed());
    survivor.disarm();
}

TEST(Timers, RandomUseAgainstAList) {
    for (unsigned seed = 0; seed < 20; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        std::mt19937 random(seed);
        Timers timers;
        std::vector<std::unique_ptr<Counting>> all(60);
        std::map<Counting*, Time> model;
        std::int64_t now = 0;
        for (int step = 0; step < 3'000; ++step) {
            auto& slot = all[random() % all.size()];
            switch (random() % 5) {
                case 0:
                    model.erase(slot.get());
                    slot.reset();
                    break;
                case 1:
                    if (slot) slot->disarm();
                    model.erase(slot.get());
                    break;
                case 2: {
                    now += random() % 20;
                    std::map<Counting*, int> before;
                    for (auto& [timer, due] : model) before[timer] = timer->expirations;
                    timers.expire(at(now));
                    for (auto it = model.begin(); it != model.end();) {
                        const bool due = it->second <= at(now);
                        ASSERT_EQ(it->first->expirations, before[it->first] + (due ? 1 : 0));
                        ASSERT_EQ(it->first->armed(), !due);
                        it = due ? model.erase(it) : std::next(it);
                    }
                    break;
                }
                default:
                    if (!slot) slot = std::make_unique<Counting>();
                    timers.arm(*slot, at(now + static_cast<std::int64_t>(random() % 100)));
                    model[slot.get()] = slot->due();
            }
            ASSERT_TRUE(timers.check());
            ASSERT_EQ(timers.size(), model.size());
            Time next = never;
            for (auto& [timer, due] : model) next = std::min(next, due);
            ASSERT_EQ(timers.next(), next);
        }
    }
}

TEST(Time, AfterSaturates) {
    EXPECT_EQ(after(at(5), 10ns), at(15));
    EXPECT_EQ(after(at(5), Duration::max()), never);
    EXPECT_EQ(after(never, 1ns), never);
    EXPECT_EQ(after(never, 0ns), never);
}

}  // namespace
