// Descriptors and threads that run out: when a client is made, when it connects again, when a
// thread waits for the first time. The error names what is missing; when there is some again,
// everything works. Each in a child, whose limits and whose Background are its own.
#include <fcntl.h>
#include <sys/select.h>

#include <thread>
#include <vector>

#include "../support/echo_server.hpp"
#include "net/sys.hpp"
#include "support.hpp"

namespace process_test {
namespace {

Options options_for(const EchoServer& server) {
    Options options;
    options.servers = {server.url()};
    options.reconnect_wait_min = options.reconnect_wait_max = 1ms;
    return options;
}

/// The chain of causes as one text.
std::string text(const Error& error) {
    return std::string(to_string(error.code())) + ": " + error.what();
}

void works(Client& nc) {
    auto reply = nc.request("echo.x", "still here", far_away).get();
    EXPECT_EQ(reply.payload(), "still here");
    nc.publish("somebody", "sent by the background thread, or at the end");
}

/// Take every descriptor below `number`, so that the next one is at least that.
std::vector<int> fill_up_to(int number) {
    std::vector<int> taken;
    for (int fd = 0; fd < number;) {
        fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
        taken.push_back(fd);
    }
    return taken;
}

class Descriptors : public testing::Test {
protected:
    const EndsWithin limit{120};
    EchoServer server;
};

TEST_F(Descriptors, MayHaveLargeNumbers) {
    const auto body = [&] {
        const FileLimit files(4'096);
        ASSERT_GE(files.files(), 4'096u);
        fill_up_to(2'000);
        Client nc = connect(options_for(server)).get();
        works(nc);
        Subscription sub = nc.subscribe("x");
        std::thread other([&] { EXPECT_EQ(sub.next(far_away).get().payload(), "y"); });
        nc.publish("x", "y");
        other.join();
        nc.reconnect();
        works(nc);
        EXPECT_EQ(nc.counters().reconnects, 1u);
    };
    EXPECT_EQ(in_child(body), well);
}

/// With 0, 1, 2, ... descriptors left: whichever is the first that is missing.
TEST_F(Descriptors, MayBeMissingForANewClient) {
    if (sanitized) GTEST_SKIP() << "UBSan opens pipes to look at memory";
    std::vector<std::string> refusals;
    const auto body = [&](int left) {
        const int next = ::dup(0);
        // The server's thread may have had connections open when it was copied.
        for (int fd = next + 1; fd < next + 100; ++fd) ::close(fd);
        std::string refusal;
        bool waited = false;
        {
            const FileLimit files(static_cast<rlim_t>(next + left));
            std::thread([&] {  // one that has no wake-up descriptor yet
                auto made = [&]() -> Result<Client> {
                    try {
                        return connect(options_for(server)).result();
                    } catch (const Error& error) {
                        return error;
                    }
                }();
                if (!made.ok()) refusal = text(made.error());
                if (made.ok()) works(*made);
                waited = made.ok();
            })
                .join();
        }
        if (!waited) {
            EXPECT_NE(refusal.find("Too many open files"), std::string::npos) << refusal;
            std::printf("[ refusals ] with %d descriptors: %s\n", left, refusal.c_str());
            std::fflush(stdout);
        }
        Client nc = connect(options_for(server)).get();
        works(nc);
        if (waited && !testing::Test::HasFailure()) ::_exit(7);
    };
    int left = 0;
    for (int code = well; code == well && left < 20; ++left) {
        code = in_child([&] { body(left); });
        ASSERT_TRUE(code == well || code == 7) << code;
    }
    EXPECT_EQ(left, 6) << "two of the background thread's, one of the connection's, a socket, and "
                          "then it goes without a wake-up descriptor";
}

TEST_F(Descriptors, MayBeMissingForTheNextConnection) {
    if (sanitized) GTEST_SKIP() << "UBSan opens pipes to look at memory";
    const auto body = [&] {
        Client nc = connect(options_for(server)).get();
        works(nc);
        {
            const FileLimit files(3);  // less than there are
            nc.reconnect();
            EXPECT_TRUE(becomes_true([&] {
                const auto error = nc.last_error();
                return error && text(*error).find("Too many open files") != std::string::npos;
            }));
            EXPECT_EQ(nc.state(), ConnectionState::reconnecting);
        }
        works(nc);
        EXPECT_EQ(nc.counters().reconnects, 1u);
    };
    EXPECT_EQ(in_child(body), well);
}

// --- threads ------------------------------------------------------------------------------------

int no_thread(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*) {
    return EAGAIN;
}

/// No thread can be made while this lives.
class NoThreads {
public:
    NoThreads() {
        static const SysOps table = [] {
            SysOps without = real_sys();
            without.pthread_create = no_thread;
            return without;
        }();
        replace_sys(table);
    }
    ~NoThreads() { replace_sys(real_sys()); }
};

TEST_F(Descriptors, ThreadsMayBeMissingForANewClient) {
    const auto body = [&] {
        {
            const NoThreads now;
            try {
                auto nc = connect(options_for(server)).get();
                ADD_FAILURE() << "it needs the background thread";
            } catch (const Error& error) {
                EXPECT_EQ(text(error),
                          "ConnectionError: connect: no background thread: Resource temporarily "
                          "unavailable");
            }
        }
        Client nc = connect(options_for(server)).get();
        works(nc);
        const NoThreads now;  // the one that runs does for all
        Client other = connect(options_for(server)).get();
        works(other);
        Options by_name = options_for(server);
        by_name.servers[0].replace(by_name.servers[0].find("127.0.0.1"), 9, "localhost");
        const auto named = connect(by_name).result();
        EXPECT_FALSE(named.ok());
        EXPECT_NE(text(named.error()).find("no thread for it: Resource temporarily unavailable"),
                  std::string::npos)
            << text(named.error());
    };
    EXPECT_EQ(in_child(body), well);
}

TEST_F(Descriptors, ThreadsMayBeMissingForCallbacks) {
    const auto body = [&] {
        Client nc = connect(options_for(server)).get();
        std::atomic<int> called{0};
        const auto handler = [&](Message) { ++called; };
        {
            const NoThreads now;
            const auto none = nc.try_subscribe("x", handler);
            ASSERT_FALSE(none.ok());
            EXPECT_EQ(text(none.error()),
                      "OutOfMemory: no thread for callbacks: Resource temporarily unavailable");
        }
        works(nc);
        const Subscription sub = nc.subscribe("x", handler);
        nc.publish("x", "");
        EXPECT_TRUE(becomes_true([&] { return called == 1; }));
        nc.close().get();
    };
    EXPECT_EQ(in_child(body), well);
}

TEST_F(Descriptors, ThreadsMayBeMissingAfterAFork) {
    const auto body = [&] {
        Client nc = connect(options_for(server)).get();
        works(nc);
        ASSERT_EQ(threads(), 2u + 2u);  // with . and ..
        {
            const NoThreads now;
            EXPECT_EQ(in_child([] {}), well);
            EXPECT_EQ(threads(), 1u + 2u);
            for (int i = 0; i < 100; ++i) nc.publish("x", "nobody else would send it");
            EXPECT_TRUE(becomes_true([&] { return nc.counters().out_bytes >= 100 * 38; }));
            EXPECT_EQ(threads(), 1u + 2u);
        }
        works(nc);
        EXPECT_EQ(threads(), 2u + 2u);
    };
    EXPECT_EQ(in_child(body), well);
}

}  // namespace
}  // namespace process_test
