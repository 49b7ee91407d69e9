// Keep-alive: a link that is half open is noticed whatever else flows, and no ping counter survives
// its connection. I16; B22, B26, B27; T24.
#include "script.hpp"

using namespace script;

namespace {

Options pinging(Duration interval, std::uint32_t most) {
    Options options;
    options.ping_interval = interval;
    options.max_pings_outstanding = most;
    return options;
}

std::size_t pings(World& world) {
    std::size_t count = 0;
    for (const std::string& line : world.lines()) count += line == "PING" ? 1 : 0;
    return count;
}

/// How long it takes until a silent link counts as dead, while `traffic` runs every 100 ms.
Duration time_to_notice(World& world, const std::function<void(World&)>& traffic) {
    const Time start = world.now();
    while (world.count(Event::Kind::disconnected) == 0 && world.now() - start < 1h) {
        world.after(100ms);
        if (world.count(Event::Kind::disconnected) == 0) traffic(world);
    }
    return world.now() - start;
}

TEST(SessionPing, OneEachInterval) {
    World world(pinging(10s, 2));
    world.connect();
    world.after(10s - 1ns);
    EXPECT_EQ(pings(world), 0u);
    world.after(1ns);
    EXPECT_EQ(pings(world), 1u);
    for (int i = 0; i < 100; ++i) {
        world.server("PONG\r\n");
        world.after(10s);
        EXPECT_EQ(pings(world), 1u);
    }
    EXPECT_EQ(world.session().state(), ConnectionState::connected);
}

TEST(SessionPing, SilenceIsNoticedInTime) {
    for (const std::uint32_t most : {1u, 2u, 5u}) {
        World world(pinging(10s, most));
        world.connect();
        const Duration bound = 10s * (most + 1);
        const Duration took = time_to_notice(world, [](World&) {});
        EXPECT_LE(took, bound + bound / 10);
        EXPECT_GE(took, bound - 1s);
        EXPECT_EQ(world.events[1].error->code(), ErrorCode::stale_connection);
    }
}

TEST(SessionPing, OutgoingTrafficDoesNotHideSilence) {
    World world(pinging(10s, 2));
    world.connect();
    world.writing = true;
    EXPECT_LE(time_to_notice(world, [](World& w) { w.publish("a", "busy"); }), 33s);  // B26
}

TEST(SessionPing, IncomingTrafficDoesNotHideMissingPongs) {
    World world(pinging(10s, 2));
    world.connect();
    world.subscribe("a");
    const auto noise = [](World& w) { w.server(msg("a", 1, "noise") + "PING\r\n" + info); };
    EXPECT_LE(time_to_notice(world, noise), 33s);
}

TEST(SessionPing, ASocketThatTakesNothingIsNoticedToo) {
    World world(pinging(10s, 2));
    world.connect();
    world.writing = false;
    EXPECT_LE(time_to_notice(world, [](World&) {}), 33s);
}

TEST(SessionPing, TheCounterDiesWithTheConnection) {
    World world(pinging(10s, 2));
    world.connect();
    world.after(20s);  // two pings are out
    EXPECT_EQ(pings(world), 2u);
    world.eof();
    world.connect();
    world.after(10s);  // B27: with the old counter this would be the third
    EXPECT_EQ(pings(world), 1u);
    EXPECT_EQ(world.session().state(), ConnectionState::connected);
    world.server("PONG\r\n");
    world.after(10s);
    world.after(9s);
    EXPECT_EQ(world.session().state(), ConnectionState::connected);
}

TEST(SessionPing, APongOfTheOldConnectionIsNotOurs) {
    World world(pinging(10s, 2));
    world.connect();
    world.after(2s);
    const auto flushed = world.flush(60s);
    world.eof();
    EXPECT_TRUE(flushed->done());
    world.lines();
    world.connect();
    const auto next = world.flush(60s);
    EXPECT_FALSE(next->done());
    world.server("PONG\r\n");
    EXPECT_TRUE(next->done() && next->result->ok());
}

TEST(SessionPing, PongsInTimeKeepAQuietLinkForever) {
    World world(pinging(10s, 1));
    world.connect();
    world.model = true;
    world.settle();
    world.wire()->answered = world.wire()->reader.frames.size();
    world.after(3h);
    EXPECT_EQ(world.session().state(), ConnectionState::connected);
    EXPECT_EQ(world.count(Event::Kind::disconnected), 0u);
}

TEST(SessionPing, ALateTimeoutSendsOnePingNotMany) {
    World world(pinging(10s, 3));
    world.connect();
    world.session().handle_timeout(world.now() + 1h);  // the machine slept
    world.settle();
    EXPECT_EQ(pings(world), 1u);
}

TEST(SessionPing, TheServersPingsAreAnswered) {
    World world;
    world.connect();
    world.writing = false;
    while (!world.publish("a", std::string(1'000'000, 'x'))) {
    }
    world.writing = true;
    world.server("PING\r\nPING\r\n");  // also when pending_limit is reached
    std::size_t pongs = 0;
    for (const std::string& line : world.lines()) pongs += line == "PONG" ? 1 : 0;
    EXPECT_EQ(pongs, 2u);
}

TEST(SessionPing, APeerThatPingsAndNeverReadsIsLetGo) {
    Options options;
    options.pending_limit = 100'000;
    World world(options);
    world.connect();
    world.writing = false;
    std::string many;
    for (int i = 0; i < 10'000; ++i) many += "PING\r\n";
    for (int i = 0; i < 100 && world.count(Event::Kind::disconnected) == 0; ++i) {
        world.server(many);
        EXPECT_LE(world.session().size_to_send(), 1'200'000u);
    }
    EXPECT_EQ(world.count(Event::Kind::disconnected), 1u);
}

TEST(SessionPing, Script) {
    Script("keep-alive", pinging(10s, 2))
        .handshake()
        .after(10s)
        .client({"PING"})
        .call([](World& world) { world.flush(5s); })
        .client({"PING"})
        .server("PONG\r\nPONG\r\n")
        .after(10s)
        .client({"PING"})
        .after(10s)
        .client({"PING"})
        .after(9s)
        .server("PONG\r\n")
        .after(5s)
        .run();
}

}  // namespace
