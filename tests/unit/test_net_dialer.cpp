// Addresses, look-ups and staggered attempts: literals, names, dead and silent addresses, a
// resolver that hangs. System calls are replaced where the network would have to misbehave.
#include <signal.h>
#include <sys/wait.h>

#include <condition_variable>
#include <map>
#include <mutex>

#include "net/dialer.hpp"
#include "test_net_support.hpp"

namespace net_test {
namespace {

std::string literal(std::string_view host) {
    const std::optional<Address> address = parse_literal(host, 4222);
    return address ? address->text() : "none";
}

TEST(NetAddress, LiteralsAreRecognised) {
    EXPECT_EQ(literal("127.0.0.1"), "127.0.0.1:4222");
    EXPECT_EQ(literal("::1"), "[::1]:4222");
    EXPECT_EQ(literal("[::1]"), "[::1]:4222");
    EXPECT_EQ(literal("2001:db8::7"), "[2001:db8::7]:4222");
    EXPECT_EQ(literal("fe80::1%lo"), "[fe80::1%1]:4222");
    EXPECT_EQ(literal("[fe80::1%lo]"), "[fe80::1%1]:4222");
    EXPECT_EQ(literal("fe80::1%7"), "[fe80::1%7]:4222");
    for (const char* name : {"localhost", "127.1", "1.2.3.4.5", "", "[]", "::1%nosuchzone", "::1%",
                             "127.0.0.1%lo", "a:b", "[127.0.0.1"}) {
        EXPECT_EQ(literal(name), "none") << name;
    }
}

TEST(NetAddress, FamiliesAreTakenInTurn) {
    std::vector<Address> found;
    for (const char* host : {"::1", "::2", "::3", "10.0.0.1", "10.0.0.2"}) {
        found.push_back(*parse_literal(host, 1));
    }
    std::string order;
    for (const Address& address : interleave(found, 4)) order += address.text() + " ";
    EXPECT_EQ(order, "[::1]:1 10.0.0.1:1 [::2]:1 10.0.0.2:1 ");
    EXPECT_TRUE(interleave({}, 4).empty());
}

/// What the replaced system calls do.
struct World {
    std::mutex mutex;
    std::condition_variable changed;
    bool hang = false;     // getaddrinfo waits until this is false
    unsigned hanging = 0;  // calls of it that wait
    std::map<std::string, std::vector<Address>> names;
    std::vector<Address> silent;      // addresses that never answer
    std::vector<int> silent_sockets;  // sockets that were to connect to them
    std::string connects;             // addresses in the order of the attempts
    int thread_error = 0;
    sigset_t helper_mask{};  // of the thread that called getaddrinfo
};
World* world = nullptr;

int fake_getaddrinfo(const char* host, const char*, const addrinfo*, addrinfo** found) {
    std::unique_lock lock(world->mutex);
    ::pthread_sigmask(SIG_SETMASK, nullptr, &world->helper_mask);
    ++world->hanging;
    world->changed.notify_all();
    world->changed.wait(lock, [] { return !world->hang; });
    --world->hanging;
    world->changed.notify_all();
    const auto name = world->names.find(host);
    if (name == world->names.end()) return EAI_NONAME;
    addrinfo** next = found;
    for (const Address& address : name->second) {
        auto* const copy = new Address(address);
        *next = new addrinfo{};
        (*next)->ai_addr = &copy->any;
        (*next)->ai_family = copy->any.sa_family;
        next = &(*next)->ai_next;
    }
    return 0;
}

void fake_freeaddrinfo(addrinfo* found) {
    while (found) {
        addrinfo* const next = found->ai_next;
        delete reinterpret_cast<Address*>(found->ai_addr);
        delete found;
        found = next;
    }
}

int fake_connect(int fd, const sockaddr* address, socklen_t size) {
    const std::uint16_t port = ntohs(reinterpret_cast<const sockaddr_in*>(address)->sin_port);
    const Address where = *Address::of(address, port);
    world->connects += where.text() + " ";
    const auto end = world->silent.end();
    if (std::find(world->silent.begin(), end, where) == end) return ::connect(fd, address, size);
    world->silent_sockets.push_back(fd);
    errno = EINPROGRESS;
    return -1;
}

int fake_epoll_ctl(int fd, int operation, int target, epoll_event* event) {
    // An unconnected socket would be reported as hung up; one that waits for a SYN is not.
    const bool silent = std::erase(world->silent_sockets, target) != 0;
    if (silent && operation == EPOLL_CTL_ADD) {
        world->silent_sockets.push_back(target);
        return 0;
    }
    return silent ? 0 : ::epoll_ctl(fd, operation, target, event);
}

int fake_pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*),
                        void* argument) {
    if (world->thread_error) return world->thread_error;
    return ::pthread_create(thread, attributes, run, argument);
}

SysOps fake_table() {
    SysOps table = real_sys();
    table.getaddrinfo = fake_getaddrinfo;
    table.freeaddrinfo = fake_freeaddrinfo;
    table.connect = fake_connect;
    table.epoll_ctl = fake_epoll_ctl;
    table.pthread_create = fake_pthread_create;
    return table;
}

class NetDialer : public ::testing::Test {
protected:
    NetDialer() {
        world = &world_;
        replace_sys(table_);
    }
    ~NetDialer() override { replace_sys(real_sys()); }

    World world_;
    static const SysOps table_;
};
const SysOps NetDialer::table_ = fake_table();

Address address_of(const Server& server) {
    return *parse_literal("127.0.0.1", server.port());
}

/// Hangs up to the fake getaddrinfo being let go, and sees every call of it out.
class Hang {
public:
    explicit Hang(World& in) : world_(in) {
        const std::lock_guard lock(world_.mutex);
        world_.hang = true;
    }
    ~Hang() { release(); }
    bool wait_until_hanging() {
        std::unique_lock lock(world_.mutex);
        return world_.changed.wait_for(lock, 20s, [this] { return world_.hanging == 1; });
    }
    void release() {
        std::unique_lock lock(world_.mutex);
        world_.hang = false;
        world_.changed.notify_all();
        world_.changed.wait_for(lock, 20s, [this] { return world_.hanging == 0; });
    }

private:
    World& world_;
};

/// Runs `body` in a forked child, which has no helper thread yet; whether it returned true.
bool in_child(const std::function<bool()>& body) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(body() ? 0 : 1);
    int status = -1;
    return ::waitpid(child, &status, 0) == child && status == 0;
}

TEST_F(NetDialer, AMissingThreadIsAFailedConnect) {
    world_.thread_error = EAGAIN;
    EXPECT_TRUE(in_child([] {
        Connection connection(options_for({"nats://first.test:4222"}), monotonic_now());
        return run_to_state(connection, {}, ConnectionState::closed) &&
               last_error(connection) ==
                   "ConnectFailed nats://first.test:4222: looking up \"first.test\": no thread "
                   "for it: Resource temporarily unavailable";
    }));
}

TEST(NetResolver, LocalhostIsLookedUpForReal) {
    Server server;
    Connection connection(options_for({url(server, "localhost")}), monotonic_now());
    ASSERT_TRUE(run_to_state(connection, {&server}, ConnectionState::connected));
}

TEST_F(NetDialer, AnUnknownNameSaysSo) {
    Connection connection(options_for({"nats://nowhere.test:4222"}), monotonic_now());
    ASSERT_TRUE(run_to_state(connection, {}, ConnectionState::closed));
    EXPECT_EQ(
        last_error(connection),
        "ConnectFailed nats://nowhere.test:4222: looking up \"nowhere.test\": Name or service "
        "not known");
}

TEST_F(NetDialer, ANameWithoutAddressesSaysSo) {
    world_.names["empty.test"] = {};
    Connection connection(options_for({"nats://empty.test:4222"}), monotonic_now());
    ASSERT_TRUE(run_to_state(connection, {}, ConnectionState::closed));
    EXPECT_TRUE(last_error(connection).ends_with("it has no IP address"));
}

TEST_F(NetDialer, DeadAddressesAreSkippedAtOnce) {
    Server server;
    std::vector<Address>& addresses = world_.names["many.test"];
    for (const char* dead : {"127.0.0.2", "127.0.0.3"}) {
        addresses.push_back(*parse_literal(dead, 0));
    }
    addresses.push_back(address_of(server));
    Connection connection(options_for({url(server, "many.test")}), monotonic_now());
    const Time begun = monotonic_now();
    ASSERT_TRUE(run_to_state(connection, {&server}, ConnectionState::connected));
    const std::string port = ":" + std::to_string(server.port()) + " ";
    EXPECT_EQ(world_.connects, "127.0.0.2" + port + "127.0.0.3" + port + "127.0.0.1" + port);
    EXPECT_LT(monotonic_now() - begun, 20s);
}

TEST_F(NetDialer, AFailureListsWhatEachAddressSaid) {
    Server dead;
    dead.stop();
    world_.names["dead.test"] = {*parse_literal("127.0.0.1", 0), *parse_literal("127.0.0.2", 0)};
    Connection connection(options_for({url(dead, "dead.test")}), monotonic_now());
    ASSERT_TRUE(run_to_state(connection, {}, ConnectionState::closed));
    const std::string port = ":" + std::to_string(dead.port());
    EXPECT_EQ(last_error(connection), "ConnectFailed nats://dead.test" + port + ": 127.0.0.1" +
                                          port + ": Connection refused; 127.0.0.2" + port +
                                          ": Connection refused");
}

TEST_F(NetDialer, TheNextAddressIsTriedAfterAQuarterOfASecond) {
    Server server;
    const std::size_t before = open_descriptors();
    {
        world_.silent = {*parse_literal("127.0.0.2", server.port())};
        world_.names["slow.test"] = {world_.silent[0], address_of(server)};
        Connection connection(options_for({url(server, "slow.test")}), Time());
        const Time start = Time() + 1s;
        ASSERT_TRUE(run_until(
            connection, {}, [&] { return !world_.connects.empty(); }, 20s,
            [&](Time) { return connection.drive(start); }));
        EXPECT_EQ(connection.next_timeout(), start + Dialer::stagger);
        connection.drive(start + Dialer::stagger - 1ns);
        const std::string port = ":" + std::to_string(server.port()) + " ";
        EXPECT_EQ(world_.connects, "127.0.0.2" + port);
        ASSERT_TRUE(run_until(
            connection, {&server},
            [&] { return connection.session().state() == ConnectionState::connected; }, 20s,
            [&](Time) { return connection.drive(start + Dialer::stagger); }));
        EXPECT_EQ(world_.connects, "127.0.0.2" + port + "127.0.0.1" + port);
    }
    server.peers.clear();
    EXPECT_EQ(open_descriptors(), before) << "the silent attempt was closed";
}

TEST_F(NetDialer, TheDeadlineEndsAttemptsThatHang) {
    Server server;
    const std::size_t before = open_descriptors();
    world_.silent = {address_of(server)};
    {
        Connection connection(options_for({url(server)}), Time());
        connection.drive(Time());
        EXPECT_EQ(connection.next_timeout(), Time() + 5s);
        connection.drive(Time() + 5s);
        EXPECT_EQ(connection.session().state(), ConnectionState::closed);
        const std::string place = "127.0.0.1:" + std::to_string(server.port());
        EXPECT_EQ(last_error(connection), "ConnectTimeout nats://" + place +
                                              ": no connection within connect_timeout: " + place +
                                              ": no answer");
        EXPECT_EQ(connection.next_timeout(), never);
    }
    EXPECT_EQ(open_descriptors(), before);
}

TEST_F(NetDialer, AHangingLookUpBlocksNobody) {
    Server server;
    world_.names["late.test"] = {address_of(server)};
    const std::size_t before = open_descriptors();
    Hang hang(world_);
    {
        Connection waits(options_for({url(server, "late.test")}), Time());
        waits.drive(Time());
        ASSERT_TRUE(hang.wait_until_hanging());
        waits.drive(Time() + 4s);
        EXPECT_EQ(waits.session().state(), ConnectionState::connecting);
        // Queued behind the one that hangs: each has its own deadline, dropping it is safe, and
        // those that need no look-up do not notice.
        Connection queued(options_for({url(server, "late.test")}), Time());
        queued.drive(Time());
        queued.drive(Time() + 5s);
        EXPECT_TRUE(last_error(queued).starts_with("ConnectTimeout")) << last_error(queued);
        Connection other(options_for({url(server)}), monotonic_now());
        ASSERT_TRUE(run_to_state(other, {&server}, ConnectionState::connected));
        waits.drive(Time() + 5s);
        EXPECT_TRUE(last_error(waits).starts_with("ConnectTimeout")) << last_error(waits);
    }
    server.peers.clear();
    EXPECT_EQ(open_descriptors(), before);
    hang.release();
    Connection later(options_for({url(server, "late.test")}), monotonic_now());
    ASSERT_TRUE(run_to_state(later, {&server}, ConnectionState::connected));
}

TEST_F(NetDialer, LookUpsBeyondTheLimitFailAtOnce) {
    Hang hang(world_);
    std::string why;
    std::vector<std::unique_ptr<Lookup>> lookups;
    lookups.push_back(Lookup::start("a.test", 1, why));
    ASSERT_TRUE(hang.wait_until_hanging());
    for (std::size_t i = 0; i < most_waiting_lookups; ++i) {
        lookups.push_back(Lookup::start("b.test", 1, why));
        if (!lookups.back()) break;  // this process may not have so many descriptors
    }
    if (!lookups.back()) GTEST_SKIP() << why;
    EXPECT_EQ(Lookup::start("c.test", 1, why), nullptr);
    EXPECT_EQ(why, "looking up \"c.test\": too many look-ups are waiting");
    lookups.pop_back();
    EXPECT_NE(Lookup::start("d.test", 1, why), nullptr) << "a dropped one makes room";
}

TEST_F(NetDialer, TheHelperTakesNoSignals) {
    Connection connection(options_for({"nats://nowhere.test:4222"}), monotonic_now());
    ASSERT_TRUE(run_to_state(connection, {}, ConnectionState::closed));
    for (const int signal : {SIGINT, SIGTERM, SIGCHLD, SIGUSR1}) {
        EXPECT_EQ(sigismember(&world_.helper_mask, signal), 1) << signal;
    }
    sigset_t mine;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mine);
    EXPECT_EQ(sigismember(&mine, SIGINT), 0) << "the caller's mask is as it was";
}

TEST_F(NetDialer, AForkedChildLooksUpWithAHelperOfItsOwn) {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "this sanitizer allows no thread in the child of a process with threads";
#endif
    Server server;
    world_.names["fork.test"] = {address_of(server)};
    Hang hang(world_);
    std::string why;
    const auto hanging = Lookup::start("hangs.test", 1, why);
    ASSERT_TRUE(hang.wait_until_hanging());
    EXPECT_TRUE(in_child([] {
        replace_sys(real_sys());  // the locks of the fake world are not for the child
        Connection connection(options_for({"nats://localhost:1"}), monotonic_now());
        return run_to_state(connection, {}, ConnectionState::closed) &&
               last_error(connection).find("refused") != std::string::npos;
    }));
}

}  // namespace
}  // namespace net_test
