// Memory that runs out under a connected client: the n-th allocation of the library fails, and the
// next few with it, for n = 1, 2, 3, ..., whichever thread asks, the background thread included.
// What was asked for ends with a result or OutOfMemory; then everything works as before (design 7).
#include <anynats/anynats.hpp>

#include <cstdio>
#include <optional>

#include "../support/echo_server.hpp"
#include "../support/waiting.hpp"
#include "allocations.hpp"

namespace {

using namespace anynats;
using namespace process_test;
using namespace test_support;

/// Call the library; how it ended. Nothing but an Error may come out of it.
template <class Call>
bool ends(Call call) {
    try {
        const LibraryCall now;
        call();
        return true;
    } catch (const Error& error) {
        for (const Error* at = &error; at; at = at->cause()) {
            if (at->is(ErrorCode::out_of_memory)) return false;
        }
        // What memory it lacked ended the connection, and that ended this.
        EXPECT_TRUE(error.is(ErrorCode::disconnected) || error.is(ErrorCode::timeout_error))
            << error.what();
        return false;
    }
}

class ProcessMemory : public testing::Test {
protected:
    ProcessMemory() {
        exempt_this_thread();
        EXPECT_TRUE(becomes_true([&] { return server.tid() != 0; }));
        exempt_thread(server.tid());
        options.servers = {server.url()};
        options.retry_on_failed_connect = true;
        options.reconnect_wait_min = options.reconnect_wait_max = 1ms;
        options.connect_timeout = 200ms;
        options.request_timeout = 200ms;
        options.flush_timeout = 200ms;
        options.close_timeout = 100ms;
    }
    ~ProcessMemory() override { fail_allocations(0, 0); }

    void work(Client& nc) {
        std::optional<Subscription> sub;
        const std::string payload(20'000, 'x');
        const PublishOptions headers{.headers = {{"a", "b"}}};
        ends([&] { sub = nc.subscribe("some.subject.that.is.longer.than.short", {.queue = "q"}); });
        for (int i = 0; i < 5; ++i) {
            ends([&] { nc.publish("some.subject.that.is.longer.than.short", "payload"); });
        }
        ends([&] { nc.publish("nobody", payload, headers); });
        ends([&] { nc.request("echo.service", "question").get(); });
        ends([&] { nc.flush().get(); });
        if (sub) ends([&] { sub->next(20ms).get(); });
        server.cut();
        ends([&] { nc.publish("somewhere", "while it is disconnected, or before it knows"); });
        ends([&] { nc.request("slow.service", "question", 5ms).get(); });
        ends([&] { nc.flush().get(); });
        if (sub) ends([&] { sub->unsubscribe(); });
    }

    /// With memory again: connected, and of use.
    void recovers(Client& nc) {
        EXPECT_TRUE(becomes_true([&] {
            auto reply = nc.request("echo.service", "and now?").result();
            return reply.ok() && reply->payload() == "and now?";
        })) << nc.last_error()->what();
        Subscription sub = nc.subscribe("again");
        nc.publish("again", "x");
        EXPECT_EQ(sub.next(far_away).get().payload(), "x");
    }

    EchoServer server;
    Options options;
    const EndsWithin limit{250};
};

TEST_F(ProcessMemory, EachAllocationOfAConnectedClientMayFail) {
    {
        connect(options).get().flush().get();
    }  // whatever stays for ever is there now
    long runs = 0;
    for (const long width : {1L, 4L}) {
        const long step = sanitized ? 7 : 1;
        for (long n = 1; !HasFailure(); n += step) {
            SCOPED_TRACE("allocations from " + std::to_string(n) + ", " + std::to_string(width) +
                         " of them");
            std::optional<Client> nc;
            fail_allocations(n, n + width);
            Options mine = options;
            ends([&] { nc = connect(std::move(mine)).get(); });
            if (nc) work(*nc);
            const long hit = failed();
            fail_allocations(0, 0);
            if (nc) {
                recovers(*nc);
                ends([&] { nc->close().get(); });
            }
            if (!hit) break;
            ++runs;
        }
    }
    std::printf("[ failures ] a connected client: %ld runs\n", runs);
    EXPECT_GT(runs, sanitized ? 20 : 100);
}

/// The background thread alone is at work: nobody calls anything.
TEST_F(ProcessMemory, AnIdleClientRunsOutOfMemory) {
    options.ping_interval = 5ms;
    options.max_pings_outstanding = 1'000;
    for (long n = 1; n <= 40 && !HasFailure(); n += sanitized ? 5 : 1) {
        SCOPED_TRACE("allocations from " + std::to_string(n));
        Client nc = connect(options).get();
        Subscription sub = nc.subscribe("idle");
        nc.flush(far_away).get();
        fail_allocations(n, n + 3);
        for (int i = 0; i < 2; ++i) {
            const std::uint64_t before = server.connections();
            server.cut();
            EXPECT_TRUE(becomes_true([&] { return server.connections() > before; }));
            server.say("MSG idle 1 5\r\nhello\r\n");
        }
        fail_allocations(0, 0);
        recovers(nc);
    }
}

}  // namespace
