// The operations of asio.hpp over a real nats-server, with every kind of completion token.
#include <cstddef>
#include <memory_resource>

#include "asio_support.hpp"

namespace {

using namespace test_support;
using Nothing = net::awaitable<void>;

class Asio : public AsioTest {};

Nothing serve(AsioClient nc, AsioSubscription jobs) {
    for (;;) {
        auto [failure, job] = co_await jobs.async_next(Duration::max(), as_tuple(AsioToken()));
        if (failure) co_return;
        nc->publish(job.reply(), "done: " + std::string(job.payload()));
    }
}

TEST_F(Asio, DoesEveryOperation) {
    run([&]() -> Nothing {
        AsioClient nc(io, options());
        co_await nc.async_connect();
        EXPECT_EQ(nc->state(), ConnectionState::connected);

        auto sub = nc.subscribe("greet.*");
        co_await nc.async_publish("greet.a", "one");
        Headers headers{{"unit", "C"}};
        co_await nc.async_publish("greet.b", "two", "answers", headers, AsioToken());
        nc->publish("greet.c", "three");
        Message one = co_await sub.async_next();
        EXPECT_EQ(one.subject(), "greet.a");
        Message two = co_await sub.async_next(far_away);
        EXPECT_EQ(two.reply(), "answers");
        EXPECT_EQ(two.headers(), headers);
        Message three = co_await sub.async_next(far_away);
        EXPECT_EQ(three.payload(), "three");

        auto jobs = nc.subscribe("jobs");
        net::co_spawn(io, serve(nc, jobs), net::detached);
        Message reply = co_await nc.async_request("jobs", "a");
        EXPECT_EQ(reply.payload(), "done: a");
        reply = co_await nc.async_request("jobs", "b", far_away, headers, AsioToken());
        EXPECT_EQ(reply.payload(), "done: b");
        RequestManyOptions two_replies;
        two_replies.max_messages = 2;
        auto more_jobs = nc.subscribe("jobs");
        net::co_spawn(io, serve(nc, more_jobs), net::detached);
        auto replies = nc.request_many("jobs", "c", two_replies);
        for (int i = 0; i < 2; ++i) {
            reply = co_await replies.async_next(far_away);
            EXPECT_EQ(reply.payload(), "done: c");
        }
        auto [over, none] = co_await replies.async_next(far_away, as_tuple(AsioToken()));
        EXPECT_EQ(code_of(over), ErrorCode::closed);

        co_await nc.async_flush();
        const Duration took = co_await nc.async_rtt();
        EXPECT_GT(took, 0s);
        co_await jobs.async_drain();
        more_jobs->unsubscribe();
        co_await nc.async_drain();
        EXPECT_EQ(nc->state(), ConnectionState::closed);
        AsioClient other(io, options());
        co_await other.async_connect();
        co_await other.async_close();
        EXPECT_EQ(other->state(), ConnectionState::closed);
    });
    io.run();  // nothing keeps it
}

TEST_F(Asio, TellsErrorsByTheirClass) {
    run([&]() -> Nothing {
        AsioClient nc(io, options());
        auto sub = nc.subscribe("quiet");
        const auto thrown_by = [](auto operation) -> net::awaitable<std::string> {
            try {
                co_await std::move(operation);
                co_return "nothing";
            } catch (const Error& error) {
                co_return std::string(to_string(error.code())) + ": " + error.what();
            }
        };
        std::string what = co_await thrown_by(nc.async_request("nobody.here", "?"));
        EXPECT_TRUE(what.starts_with("NoResponders: request on \"nobody.here\" (nats://")) << what;
        what = co_await thrown_by(sub.async_next(1ms));
        EXPECT_TRUE(what.starts_with("TimeoutError: no message on \"quiet\"")) << what;
        what = co_await thrown_by(nc.async_publish("two words", ""));
        EXPECT_TRUE(what.starts_with("UsageError: ")) << what;
        what = co_await thrown_by(nc.async_request("", ""));
        EXPECT_TRUE(what.starts_with("UsageError: ")) << what;
        what = co_await thrown_by(nc.async_publish("large", std::string(2 << 20, 'x')));
        EXPECT_TRUE(what.starts_with("MaxPayload: ")) << what;
        sub->unsubscribe();
        what = co_await thrown_by(sub.async_next());
        EXPECT_TRUE(what.starts_with("Closed: the subscription on \"quiet\"")) << what;
        co_await nc.async_close();
        what = co_await thrown_by(nc.async_flush());
        EXPECT_TRUE(what.starts_with("Closed: ")) << what;
        Options nowhere;
        nowhere.servers = {"nats://127.0.0.1:1"};
        AsioClient lost(io, nowhere);
        what = co_await thrown_by(lost.async_connect());
        EXPECT_TRUE(what.starts_with("ConnectFailed: ") || what.starts_with("NoServers: ")) << what;
        nowhere.max_pings_outstanding = 0;
        EXPECT_THROW(AsioClient(io, nowhere), UsageError);
    });
}

// --- tokens -------------------------------------------------------------------------------------

TEST_F(Asio, CallsBackButNeverAtOnce) {
    AsioClient nc(io, options());
    auto sub = nc.subscribe("x");
    int connected = 0;
    nc.async_connect([&](std::exception_ptr failure) { connected += !failure; });
    ASSERT_TRUE(run_until([&] { return connected == 1; }));
    nc->publish("x", "here");
    ASSERT_TRUE(run_until([&] { return sub->pending() == 1; }));
    Told<Message> told;
    sub.async_next(far_away, told.handler());  // the message is here
    EXPECT_EQ(told.times, 0);
    ASSERT_TRUE(run_until([&] { return told.times == 1; }));
    EXPECT_EQ(told.value.payload(), "here");
    Told<Message> refused;
    nc.async_request("two words", "?", {}, refused.handler());
    EXPECT_EQ(refused.times, 0);
    ASSERT_TRUE(run_until([&] { return refused.times == 1; }));
    EXPECT_EQ(refused.code, ErrorCode::usage_error);
}

TEST_F(Asio, GivesFutures) {
    AsioClient nc(io, options());
    auto sub = nc.subscribe("x");
    std::future<void> connected = nc.async_connect(net::use_future);
    std::future<Message> message = sub.async_next(far_away, net::use_future);
    std::future<Message> nothing = nc.async_request("nobody.here", "?", far_away, net::use_future);
    nc->publish("x", "in time");
    std::thread loop([&] { io.run(); });
    connected.get();
    EXPECT_EQ(message.get().payload(), "in time");
    EXPECT_THROW(nothing.get(), NoResponders);
    // From another thread than the loop's one asks the loop.
    auto rtt = net::co_spawn(
        io, [&]() -> net::awaitable<Duration> { return nc.async_rtt(); }, net::use_future);
    EXPECT_GT(rtt.get(), 0s);
    net::post(io, [&] { nc.async_close(net::detached); });
    loop.join();
}

TEST_F(Asio, IsDeferred) {
    AsioClient nc(io, options());
    auto sub = nc.subscribe("x");
    auto publish = nc.async_publish(std::string("x"), std::string(1000, '.'), deferred);
    auto next = sub.async_next(far_away, deferred);  // nothing has begun
    EXPECT_EQ(nc->counters().out_messages, 0u);
    Told<Message> told;
    std::move(next)(told.handler());
    std::move(publish)([](std::exception_ptr failure) { EXPECT_FALSE(failure); });
    ASSERT_TRUE(run_until([&] { return told.times == 1; }));
    EXPECT_EQ(told.value.payload().size(), 1000u);
}

TEST_F(Asio, CompletesOnTheAssociatedExecutor) {
    AsioClient nc(io, options());
    net::io_context other;
    Told<Duration> told;
    nc.async_rtt(net::bind_executor(other, told.handler()));
    std::thread loop([&] { io.run(); });
    EXPECT_EQ(other.run_one(), 1u);  // it has work, and waits for what the other thread does
    EXPECT_EQ(told.times, 1);
    EXPECT_FALSE(told.code);
    net::post(io, [&] { nc.async_close(net::detached); });
    loop.join();
}

/// Counts what is taken of it.
struct Counting : std::pmr::memory_resource {
    void* do_allocate(std::size_t size, std::size_t align) override {
        ++taken, ++held;
        return std::pmr::new_delete_resource()->allocate(size, align);
    }
    void do_deallocate(void* memory, std::size_t size, std::size_t align) override {
        --held;
        std::pmr::new_delete_resource()->deallocate(memory, size, align);
    }
    bool do_is_equal(const memory_resource& other) const noexcept override {
        return this == &other;
    }
    int taken = 0, held = 0;
};

struct WithAllocator {
    using allocator_type = std::pmr::polymorphic_allocator<std::byte>;
    allocator_type get_allocator() const noexcept { return memory; }
    void operator()(std::exception_ptr failure, Message) {
        code = code_of(failure);
        held_then = memory->held;
    }
    Counting* memory;
    std::optional<ErrorCode>& code;
    int& held_then;
};

TEST_F(Asio, TakesMemoryOfTheAssociatedAllocator) {
    AsioClient nc(io, options());
    auto sub = nc.subscribe("x");
    Counting memory;
    std::optional<ErrorCode> code = ErrorCode::error;
    int held_then = -1;
    sub.async_next(far_away, WithAllocator{&memory, code, held_then});
    EXPECT_GE(memory.held, 1);
    nc->publish("x", "");
    ASSERT_TRUE(run_until([&] { return held_then >= 0; }));
    EXPECT_FALSE(code);
    EXPECT_EQ(held_then, 0);  // given back before the handler was called
    EXPECT_GE(memory.taken, 1);
}

// --- publishing ---------------------------------------------------------------------------------

TEST_F(Asio, WaitsForRoom) {
    constexpr int many = 2000;
    Options small = options();
    small.pending_limit = 1 << 20;
    AsioClient nc(io, small);
    Client other = connect(server->url()).get();
    Subscription sub = other.subscribe("room", {.pending_messages = many + 1});
    other.flush().get();
    int published = 0, cancelled = 0;
    net::cancellation_signal cancel;
    run([&]() -> Nothing { return nc.async_connect(); });
    server->signal(SIGSTOP);
    const std::string payload(32 << 10, '.');
    for (int i = 0; i < many; ++i) {  // 64 MB, more than the sockets hold
        nc.async_publish("room", payload, [&](std::exception_ptr e) { published += !e; });
    }
    EXPECT_THROW(
        {
            for (;;) nc->publish("room", payload);
        },
        WouldBlock);
    nc.async_publish("room", "never" + payload,
                     net::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr e) {
                         cancelled += code_of(e) == ErrorCode::cancelled;
                     }));
    io.poll();
    EXPECT_LT(published, many);
    EXPECT_LT(nc->counters().out_messages, std::size_t(many));
    cancel.emit(net::cancellation_type::terminal);
    ASSERT_TRUE(run_until([&] { return cancelled == 1; }));
    server->signal(SIGCONT);
    ASSERT_TRUE(run_until([&] { return published == many; }));
    run([&]() -> Nothing { return nc.async_flush(); });
    other.flush(far_away).get();
    EXPECT_EQ(sub.pending(), nc->counters().out_messages);
    while (const auto message = sub.try_next()) EXPECT_EQ(message->payload(), payload);
}

}  // namespace
