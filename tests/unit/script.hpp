// Scripted conversations with a server: a Session under a virtual clock, a transport in memory that
// can be cut at any byte, and a small model of a server for what comes after the script is cut.
// Invariants of reliability.md 4.1 are checked after every step: I01, I05-I08, I13, I17, I21 and
// Session::check(). Nothing here sleeps or reads a clock.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/session_state.hpp"
#include "ops/core_ops.hpp"
#include "ops/drain.hpp"
#include "ops/start.hpp"
#include "script_frames.hpp"

namespace script {

using namespace anynats;
using namespace std::chrono_literals;

inline constexpr std::size_t no_limit = static_cast<std::size_t>(-1);
inline const std::string info =
    R"(INFO {"server_id":"S","version":"2.15.2","proto":1,"headers":true,"max_payload":1048576})"
    "\r\n";

/// The INFO line above with more members, given as `"name":value,...`.
std::string info_with(const std::string& members);

/// One connection as the server sees it.
struct Wire {
    std::uint64_t epoch = 0;
    std::string host;
    std::uint16_t port = 0;
    std::string sent;  // every byte the client handed to the socket
    ClientReader reader;
    std::size_t shown = 0;     // frames already returned by client()
    std::size_t answered = 0;  // frames already answered by the model
    bool open = true;
    Interest interest;
};

/// Around every call into a session, for the tests that let memory run out there: told true when
/// one begins, false when it ends. A driver's calls are repeated when they throw std::bad_alloc,
/// a user's are not.
inline std::function<void(bool)> inside;

inline Options one_server() {
    Options options;
    options.servers = {"nats://s1:4001"};
    return options;
}

class World {
public:
    enum class Dial { accept, hold, refuse };

    explicit World(Options options = {}, std::uint64_t seed = 1);
    ~World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    // --- knobs
    Dial dial = Dial::accept;
    bool model = false;                   // answer as a server would, from now on
    bool answer_authenticate = true;      // give own_credentials() when asked
    bool writing = true;                  // take output by itself
    std::size_t write_budget = no_limit;  // bytes the socket still takes
    std::size_t write_piece = no_limit;   // largest single write
    std::size_t read_piece = no_limit;    // largest single read
    std::string model_info = info;
    bool strict = true;  // check what only holds while memory suffices

    // --- the transport
    /// Bytes from the server, on the current connection.
    void server(std::string_view bytes);
    /// The first words of the frames written since the last call, on any connection.
    std::vector<ClientFrame> client();
    /// The same as lines.
    std::vector<std::string> lines();
    /// Perform actions and writes until nothing is left to do; check the invariants.
    void settle();
    void eof();
    void fail_transport();
    /// Let `time` pass; every timeout on the way is handled when it is due.
    void after(Duration time);
    /// The same up to an absolute time.
    void until(Time time);
    /// INFO, CONNECT, PING, PONG.
    void connect();
    /// Let the model take over and see that everything ends well: connected, replayed, resolved.
    void recover();

    // --- the user
    std::shared_ptr<SubscriptionState> subscribe(std::string_view subject,
                                                 const SubscribeOptions& options = {});
    void unsubscribe(const std::shared_ptr<SubscriptionState>& sub, std::uint64_t limit = 0);
    std::optional<Error> publish(std::string_view subject, std::string_view payload,
                                 std::string_view reply = {}, std::string_view headers = {});
    std::shared_ptr<ResultState<Message>> request(std::string_view subject,
                                                  std::string_view payload, Duration timeout = 1s);
    std::shared_ptr<ResultState<Done>> flush(Duration timeout = 1s);
    std::shared_ptr<ResultState<Done>> drain(Duration timeout = 30s);
    std::shared_ptr<ResultState<Done>> drain(const std::shared_ptr<SubscriptionState>& sub,
                                             Duration timeout = 30s);
    std::shared_ptr<ResultState<Duration>> rtt(Duration timeout = 1s);
    std::shared_ptr<SubscriptionState> request_many(std::string_view subject,
                                                    const RequestManyOptions& options = {});
    std::shared_ptr<ResultState<Done>> connect_op();
    std::shared_ptr<ResultState<Done>> close_op(Duration timeout = 2s);
    /// Payloads of what the subscription holds.
    std::vector<std::string> take(const std::shared_ptr<SubscriptionState>& sub,
                                  std::size_t most = no_limit);
    void close();

    // --- what happened
    Session& session() { return *session_; }
    Session::State& inner() { return session_->inner(); }
    Time now() const { return now_; }
    Wire* wire() { return current_; }
    std::deque<std::unique_ptr<Wire>> wires;
    std::vector<Event> events;
    std::size_t count(Event::Kind kind) const;
    /// Names of the events since the last call, in order.
    std::vector<std::string> new_events();
    std::uint64_t actions_done = 0;
    std::vector<Time> dialed;  // when each attempt began
    std::vector<Action> authentications;
    std::vector<Action> choices;  // choose_server, for the test to answer
    /// FNV-1a of the trace; received and sent bytes are joined, however they were split.
    std::uint64_t trace_hash() const;
    std::vector<std::string> flaws;  // what a record-only world found (see record_flaws)
    bool record_flaws = false;       // instead of failing the test
    void check();

private:
    template <class F>
    bool user(F call);
    template <class F>
    void driver(F call);
    template <class Make>
    auto run(const std::string& name, Time deadline, Make make);
    void feed(std::uint64_t epoch, std::string_view bytes);
    void act();
    void write();
    void answer();
    void route(const ClientFrame& frame);
    void note_events();
    void track(std::string name, std::shared_ptr<OperationState> operation, Time deadline);
    void flaw(const std::string& text);

    struct Tracked {
        std::string name;
        std::shared_ptr<OperationState> operation;
        Time deadline;
    };

    Time now_;
    std::unique_ptr<Session> session_;
    Wire* current_ = nullptr;
    std::vector<Tracked> tracked_;
    std::map<std::string, int> accepted_, written_;
    std::uint64_t published_ = 0;  // complete frames on all wires
    std::size_t events_shown_ = 0, events_checked_ = 0;
    bool up_told_ = false, closed_told_ = false;
    std::string to_client_;
    struct Traced {
        std::uint64_t hash = 14695981039346656037u;
        void add(std::string_view bytes);
        void add(std::uint64_t number);
    };
    Traced traced_[3];  // received, sent, the rest
};

/// A conversation, step by step. run() plays it whole, then again and again with the transport cut:
/// before each step, after each byte of each server chunk and after each byte the client writes;
/// by the end of the stream and by an error. After a cut the model server is there.
class Script {
public:
    explicit Script(std::string name, Options options = {})
        : name_(std::move(name)), options_(std::move(options)) {}

    Script& server(std::string bytes);
    /// What the client wrote since the last such step: each frame's line begins with this.
    Script& client(std::vector<std::string> lines);
    /// Something the user does; also after a cut, so it must not assume that it succeeds.
    Script& call(std::function<void(World&)> what);
    /// Something to look at, in the whole run only.
    Script& expect(std::function<void(World&)> what);
    Script& after(Duration time);
    Script& eof();
    /// INFO, CONNECT, PING, PONG.
    Script& handshake();

    /// Returns the number of re-runs, and prints it.
    std::size_t run();

private:
    enum class Kind { server, client, call, expect, after, eof };
    struct Step {
        Kind kind;
        std::string bytes;
        std::vector<std::string> lines;
        std::function<void(World&)> what;
        Duration time{};
    };
    struct Cut {
        std::size_t step = no_limit, byte = 0;
        std::size_t written = no_limit;  // of the client's bytes, instead of a step
        bool by_error = false;
    };
    void play(World& world, const Cut& cut);
    void one(World& world, const Step& step, bool cut_before);
    std::size_t again(const Cut& cut);

    std::string name_;
    Options options_;
    std::vector<Step> steps_;
    std::size_t written_ = 0;  // by the client in the whole run
};

}  // namespace script
