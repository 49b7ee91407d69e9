// One NATS client without I/O: bytes, the time and random bits go in; bytes, the next deadline,
// wishes to the driver and finished operations come out. It spans reconnects.
// One thread at a time; the caller locks. It must never read a clock, a socket or a random device.
// Answers may change after one of these calls and after nothing else (design: sans-IO core).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <anynats/error.hpp>
#include <anynats/export.hpp>
#include <anynats/message.hpp>
#include <anynats/options.hpp>
#include <anynats/time.hpp>

namespace anynats {
inline namespace v0 {

enum class ConnectionState { disconnected, connecting, connected, reconnecting, draining, closed };

ANYNATS_API std::string_view to_string(ConnectionState state) noexcept;

/// A server of the pool, for whoever chooses the next one.
struct ServerCandidate {
    std::string url;  // shown without credentials
    bool discovered = false;
    std::uint64_t attempts = 0;  // in all
    std::uint32_t failures = 0;  // in a row
    Duration wait{};             // what its back-off still asks for
};

/// What the driver must do now. Each wish is told once.
struct Action {
    enum class Kind {
        none,
        choose_server,  // with Options::ask_for_server: say which one is next, server_chosen()
        connect,        // open a transport to host:port, then transport_up or transport_down
        start_tls,      // upgrade the transport, then transport_up (with the issue on trust)
        authenticate,   // find out the credentials, then credentials() or auth_failed()
        close,          // close the transport of `epoch`; nothing needs to be told
    };
    Kind kind = Kind::none;
    std::uint64_t epoch = 0;  // the attempt it belongs to
    std::string host;
    std::uint16_t port = 0;
    Time deadline = never;  // of the whole attempt
    std::string nonce;
    std::vector<ServerCandidate> servers = {};  // choose_server: the pool, in its order
};

ANYNATS_API std::string_view to_string(Action::Kind kind) noexcept;

/// What became known since; told once, in order.
struct Event {
    enum class Kind {
        connected,
        disconnected,
        reconnected,
        discovered_servers,
        lame_duck,
        slow_consumer,
        error,
        closed,
    };
    Kind kind;
    std::string server;          // shown without credentials
    std::optional<Error> error;  // disconnected, error, slow_consumer, closed
    std::uint64_t sid = 0;       // slow_consumer: the subscription
};

ANYNATS_API std::string_view to_string(Event::Kind kind) noexcept;

/// What a connection attempt authenticates with; fields left empty are not sent.
struct Credentials {
    std::optional<std::string> user, password, token;
};

struct SubscribeOptions {
    std::string queue = {};  // queue group, empty: none
    std::optional<std::size_t> pending_messages = {}, pending_bytes = {};  // else Options
    std::optional<SlowConsumerPolicy> slow_consumer = {};
};

/// When the replies to one request are complete; whatever comes first ends them (ADR-47).
struct RequestManyOptions {
    std::optional<Duration> timeout =
        {};                              // for all of them together, else Options::request_timeout
    std::optional<Duration> stall = {};  // after a reply, wait no longer for the next one
    std::uint64_t max_messages = 0;      // so many replies, 0: any number
    bool sentinel = false;               // a reply with an empty payload, which is left out
};

/// Totals since the session began (requirement Q6). Bytes are those of the sockets.
struct Counters {
    std::uint64_t in_messages = 0, in_bytes = 0, out_messages = 0, out_bytes = 0;
    std::uint64_t attempts = 0, reconnects = 0;
    std::uint64_t stale_events = 0;  // inputs of an old epoch, ignored
    std::uint64_t unknown_sid = 0, late_replies = 0, duplicate_replies = 0;
    std::uint64_t dropped = 0;         // by full subscriptions
    std::uint64_t lost_publishes = 0;  // begun or waiting when a connection broke or was closed
    std::uint64_t protocol_errors = 0, content_errors = 0, rejected_calls = 0;
    std::uint64_t events_left_out = 0;
    std::uint64_t callback_errors = 0;  // exceptions that C++ callbacks and executors have thrown
};

/// A counter and its name.
struct CounterField {
    std::string_view name;
    std::uint64_t Counters::* value;
};

/// All of them, for whoever shows them: `counters.*field.value`.
inline constexpr CounterField counter_fields[] = {
    {"in_messages", &Counters::in_messages},
    {"in_bytes", &Counters::in_bytes},
    {"out_messages", &Counters::out_messages},
    {"out_bytes", &Counters::out_bytes},
    {"attempts", &Counters::attempts},
    {"reconnects", &Counters::reconnects},
    {"stale_events", &Counters::stale_events},
    {"unknown_sid", &Counters::unknown_sid},
    {"late_replies", &Counters::late_replies},
    {"duplicate_replies", &Counters::duplicate_replies},
    {"dropped", &Counters::dropped},
    {"lost_publishes", &Counters::lost_publishes},
    {"protocol_errors", &Counters::protocol_errors},
    {"content_errors", &Counters::content_errors},
    {"rejected_calls", &Counters::rejected_calls},
    {"events_left_out", &Counters::events_left_out},
    {"callback_errors", &Counters::callback_errors},
};
static_assert(sizeof counter_fields / sizeof *counter_fields * sizeof(std::uint64_t) ==
              sizeof(Counters));

/// One step of the session's life, for recording and replaying (requirement Q5).
struct TraceRecord {
    enum class Kind { received, sent, action, event, state };
    Kind kind;
    std::uint64_t epoch;
    Time now;
    std::string_view bytes;  // or the name of the action, event or state
};

struct SubscriptionState;  // core/subscriptions.hpp

/// 256 random bits: from the operating system, or chosen by a test.
using Seed = std::array<std::uint8_t, 32>;

class ANYNATS_API Session {
public:
    /// Begin to connect. Throws UsageError when an option is wrong.
    Session(Options options, const Seed& seed, Time now);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    // --- what the driver does -------------------------------------------------------------------
    Action next_action();
    bool has_action() const noexcept;
    /// The answer to a choose_server action: an index into its `servers` and how long to wait
    /// before it is dialled; an index beyond them leaves it to the pool. Not answered within
    /// connect_timeout it is left to the pool too.
    void server_chosen(std::uint64_t epoch, std::size_t index, Duration wait, Time now);
    void transport_up(std::uint64_t epoch, Time now);
    void transport_down(std::uint64_t epoch, Error error, Time now);
    /// The credentials that the server's URL and the options name, for an authenticate action.
    Credentials own_credentials() const;
    void credentials(std::uint64_t epoch, const Credentials& credentials, Time now);
    void auth_failed(std::uint64_t epoch, Error error, Time now);

    /// Space for received bytes; it belongs to the reader until commit, also without the lock.
    std::span<char> prepare();
    void commit(std::uint64_t epoch, std::size_t n, Time now);
    /// The same with a copy.
    void receive_data(std::uint64_t epoch, std::string_view bytes, Time now);
    void receive_eof(std::uint64_t epoch, Time now);
    /// The attempt that inputs are taken from now.
    std::uint64_t epoch() const noexcept;

    /// What is to be sent, first part first; a partial write is normal.
    std::array<std::string_view, 2> data_to_send() const;
    std::size_t size_to_send() const noexcept;
    void data_sent(std::size_t n);

    Time next_timeout() const;
    void handle_timeout(Time now);
    /// Tell the time before calling what follows; nothing else happens.
    void advance(Time now) noexcept;
    Time now() const noexcept;
    std::optional<Event> next_event();
    /// Resume operations that are ready, and tell waiters of messages that have come.
    void run_ready();

    // --- what the user does ---------------------------------------------------------------------
    /// Queue one message. `header_block` comes from header_block(). An error means that nothing
    /// was queued: UsageError, MaxPayload, WouldBlock (pending_limit), Disconnected, Closed.
    std::optional<Error> publish(std::string_view subject, std::string_view payload,
                                 std::string_view reply = {}, std::string_view header_block = {});
    Result<std::shared_ptr<SubscriptionState>> subscribe(std::string_view subject,
                                                         const SubscribeOptions& options = {});
    /// Publish, and return a subscription that yields the replies and ends by itself when they are
    /// complete; with NoResponders when nobody listens, with Disconnected when the connection is
    /// lost meanwhile (unless fail_requests_on_disconnect is off). Errors as for publish.
    Result<std::shared_ptr<SubscriptionState>> request_many(std::string_view subject,
                                                            std::string_view payload,
                                                            const RequestManyOptions& options = {},
                                                            std::string_view header_block = {});
    /// End now, or after `limit` deliveries counted since the subscription began. A limit may be
    /// lowered; raising it races with the server, which forgets a subscription that has reached
    /// its old one, and then nothing more comes.
    std::optional<Error> unsubscribe(SubscriptionState& subscription, std::uint64_t limit = 0);
    /// End it in order: the server sends no more, and when all that it had sent has come the
    /// subscription ends. What it holds can still be taken. Without a connection it ends at once.
    void drain(SubscriptionState& subscription);
    /// Do so with all of them, and refuse new ones with Draining. To close when the work is done
    /// is for the operation (ops/drain.hpp) or for whoever drives.
    void drain();
    /// Move up to `most` held messages to the end of `out`; returns how many.
    std::size_t take(SubscriptionState& subscription, std::vector<Message>& out, std::size_t most);
    /// Throw away what it holds: nobody will take it.
    void discard(SubscriptionState& subscription) noexcept;
    std::string new_inbox();
    /// Replace the server pool, discovered servers included. A connection stays, also if its server
    /// is not in the new pool, until it is lost or left. UsageError, Closed. ADR-40.
    std::optional<Error> set_servers(const std::vector<std::string>& servers);
    /// The servers of the pool, shown without credentials, the current one first.
    std::vector<std::string> servers() const;
    /// Leave this server for the next one, now; or stop waiting for the next attempt.
    void reconnect();
    /// End everything now; what has not been sent is lost (the operation in ops/core_ops.hpp
    /// flushes before).
    void close(std::optional<Error> why = {});

    /// Where it stands; `draining` whether or not there is a connection.
    ConnectionState state() const noexcept;
    /// Whether there is a connection just now, also while draining.
    bool is_connected() const noexcept;
    /// Why the session is closed, if it was not asked to; or why it is not connected just now.
    const std::optional<Error>& last_error() const noexcept;
    /// The server of the current attempt, shown without credentials.
    std::string server() const;
    /// The JSON of the last INFO; empty before.
    std::string_view server_info_json() const noexcept;
    std::size_t max_payload() const noexcept;
    std::size_t pending_size() const noexcept;
    const Options& options() const noexcept;
    Counters counters() const noexcept;
    /// Verify the internal accounting (requirement Q4); returns what is wrong, or null.
    const char* check();
    /// The live operations, one a line: a debugger cannot show what a coroutine waits for.
    std::string dump() const;
    void set_trace(std::function<void(const TraceRecord&)> hook);

    struct ANYNATS_LOCAL State;
    State& inner() noexcept { return *state_; }  // for the layers above, inside the library

private:
    std::unique_ptr<State> state_;
};

/// Check and encode headers for Session::publish.
ANYNATS_API Result<std::string> header_block(const Headers& headers);

}  // namespace v0
}  // namespace anynats
