// The lives of clients on Asio: several on one io_context, loops that stop and begin again, servers
// that go, clients and io_contexts that end while something waits, and threads that must not.
#include "asio_support.hpp"

namespace {

using namespace test_support;
using Nothing = net::awaitable<void>;

class AsioLife : public AsioTest {};

/// Counts those that live.
struct Alive {
    explicit Alive(int& count_) : count(&count_) { ++*count; }
    Alive(const Alive& other) : count(other.count) { ++*count; }
    Alive& operator=(const Alive&) = delete;
    ~Alive() { --*count; }
    int* count;
};

Nothing answer(AsioClient nc, AsioSubscription balls) {
    for (;;) {
        auto [failure, ball] = co_await balls.async_next(Duration::max(), as_tuple(AsioToken()));
        if (failure) co_return;
        co_await nc.async_publish(std::string(ball.reply()), std::string(ball.payload()) + "!");
    }
}

TEST_F(AsioLife, TwoClientsShareAnIoContext) {
    const std::size_t threads_before = threads();
    AsioClient one(io, options()), two(io, options());
    auto balls = two.subscribe("balls");
    net::co_spawn(io, answer(two, balls), net::detached);
    run([&]() -> Nothing {
        co_await two.async_flush();
        for (int i = 0; i < 200; ++i) {
            Message back = co_await one.async_request("balls", std::to_string(i), far_away);
            EXPECT_EQ(back.payload(), std::to_string(i) + "!");
        }
        co_await one.async_close();
        co_await two.async_close();
    });
    EXPECT_EQ(threads(), threads_before);
    io.run();
}

TEST_F(AsioLife, OutlivesAStopOfItsIoContext) {
    AsioClient nc(io, options());
    auto sub = nc.subscribe("x");
    Told<Message> told;
    sub.async_next(far_away, told.handler());
    run([&]() -> Nothing { return nc.async_flush(); });
    io.stop();
    EXPECT_EQ(io.run(), 0u);
    nc->publish("x", "said meanwhile");
    EXPECT_EQ(told.times, 0);
    ASSERT_TRUE(run_until([&] { return told.times == 1; }));
    EXPECT_EQ(told.value.payload(), "said meanwhile");
}

TEST_F(AsioLife, OutlivesARestartOfTheServer) {
    NatsServer own;
    Options with_events = options();
    with_events.servers = {own.url()};
    std::vector<std::string> told;
    with_events.on_event = [&](const Event& event) {  // but not of each attempt that fails
        if (event.kind != Event::Kind::error) told.emplace_back(to_string(event.kind));
    };
    AsioClient nc(io, with_events);
    auto sub = nc.subscribe("x"), silent = nc.subscribe("silent");
    run([&]() -> Nothing { return nc.async_flush(); });
    Told<Message> request, next;
    nc.async_request("silent", "", far_away, request.handler());
    sub.async_next(far_away, next.handler());
    run([&]() -> Nothing { return nc.async_flush(); });
    own.kill();
    ASSERT_TRUE(run_until([&] { return request.times == 1; }));
    EXPECT_EQ(request.code, ErrorCode::disconnected);
    nc->publish("x", "while nobody is there");
    own.start();
    ASSERT_TRUE(run_until([&] { return next.times == 1; }));
    EXPECT_EQ(next.value.payload(), "while nobody is there");
    run([&]() -> Nothing { return nc.async_close(); });
    io.run();
    EXPECT_EQ(told,
              (std::vector<std::string>{"connected", "disconnected", "reconnected", "closed"}));
}

TEST_F(AsioLife, EndsItsWaitsWhenItsLastHandleGoes) {
    Told<Message> next, request;
    int connected = 0;
    {
        AsioClient nc(io, options());
        auto silent = nc.subscribe("silent");
        run([&]() -> Nothing { return nc.async_flush(); });
        silent.async_next(far_away, next.handler());
        nc.async_request("silent", "?", far_away, request.handler());
        AsioClient early(io, options());
        early.async_connect([&](std::exception_ptr failure) {
            EXPECT_EQ(code_of(failure), ErrorCode::closed);
            ++connected;
        });
    }
    EXPECT_EQ(next.times + request.times, 0);
    io.run();
    EXPECT_EQ(next.times, 1);
    EXPECT_EQ(next.code, ErrorCode::closed);
    EXPECT_EQ(request.code, ErrorCode::closed);
    EXPECT_EQ(connected, 1);
}

Nothing wait_for_ever(AsioClient nc, AsioSubscription quiet, Alive) {
    co_await quiet.async_next();
    static_cast<void>(nc);
}

TEST_F(AsioLife, GoesWithItsIoContext) {
    const std::size_t descriptors = open_descriptors();
    int alive = 0;
    {
        net::io_context short_lived;
        {  // from here on only coroutines hold it
            AsioClient nc(short_lived, options());
            for (int i = 0; i < 3; ++i) {
                auto wait = wait_for_ever(nc, nc.subscribe("quiet"), Alive(alive));
                net::co_spawn(short_lived, std::move(wait), net::detached);
            }
            bool flushed = false;
            nc.async_flush([&](std::exception_ptr) { flushed = true; });
            while (!flushed) short_lived.run_one();
        }
        short_lived.poll();
        EXPECT_EQ(alive, 3);
    }
    EXPECT_EQ(alive, 0);
    EXPECT_EQ(open_descriptors(), descriptors);
}

TEST_F(AsioLife, ATurnMayEndTheClient) {
    int called = 0;
    Options with_events = options();
    std::optional<AsioClient> nc;
    with_events.on_event = [&](const Event&) { nc.reset(), ++called; };
    nc.emplace(io, with_events);
    io.run();
    EXPECT_GE(called, 1);
}

// --- threads ------------------------------------------------------------------------------------

TEST_F(AsioLife, IsRefusedToOtherThreadsButEndsOnAny) {
    auto nc = std::make_optional<AsioClient>(io, options());
    auto sub = std::make_optional(nc->subscribe("x"));
    auto work = net::make_work_guard(io);
    std::thread loop([&] { io.run(); });
    net::co_spawn(io, [&]() -> Nothing { return nc->async_flush(); }, net::use_future).get();
    EXPECT_THROW((*nc)->publish("x", ""), UsageError);
    EXPECT_THROW(nc->subscribe("y"), UsageError);
    EXPECT_THROW(nc->async_flush(net::use_future).get(), UsageError);
    EXPECT_THROW(sub->async_next(1ms, net::use_future).get(), UsageError);
    sub.reset();
    nc.reset();
    work.reset();
    loop.join();  // nothing keeps it
}

TEST_F(AsioLife, MayGoAfterItsThread) {
    AsioClient nc(io, options());
    auto sub = nc.subscribe("x");
    std::thread([&] { run([&]() -> Nothing { return nc.async_flush(); }); }).join();
    EXPECT_THROW(nc->publish("x", ""), UsageError);
}

TEST_F(AsioLife, LivesOnAStrandOfManyThreads) {
    constexpr int many = 2'000;
    net::thread_pool pool(3);
    const auto strand = net::make_strand(pool.get_executor());
    const net::any_io_executor erased = strand;
    AsioClient nc(strand, options()), other(erased, options());
    const auto body = [&]() -> net::awaitable<int> {
        auto sub = nc.subscribe("strand");
        co_await nc.async_flush();
        co_await other.async_connect();
        int right = 0;
        for (int i = 0; i < many; ++i) {
            co_await other.async_publish("strand", std::to_string(i));
            Message message = co_await sub.async_next(far_away);
            right += message.payload() == std::to_string(i);
        }
        co_await nc.async_close();
        co_await other.async_close();
        co_return right;
    };
    auto right = net::co_spawn(strand, body(), net::use_future);
    EXPECT_EQ(right.get(), many);
    pool.join();
}

}  // namespace
