// What a session consists of. Everything that must die with a connection is in Link, and a new
// attempt makes a new one: no byte and no parser state crosses an epoch (I03, B01, B20, B27).
// Private to core and ops; one thread at a time, as Session says.
#pragma once

#include <optional>
#include <string>

#include <anynats/session.hpp>
#include "core/fifo.hpp"
#include "core/inbound.hpp"
#include "core/info.hpp"
#include "core/outbound.hpp"
#include "core/parser.hpp"
#include "core/random.hpp"
#include "core/replies.hpp"
#include "core/request_many.hpp"
#include "core/server_pool.hpp"
#include "core/subscriptions.hpp"
#include "core/wait.hpp"

namespace anynats {
inline namespace v0 {

struct ServerErrorMeaning;

/// One awaited PONG. Pongs come in the order of the pings of one connection (I15).
class PongWait : public Wait {
public:
    ~PongWait() override;

private:
    friend struct Session::State;
    Session::State* state_ = nullptr;
    std::uint64_t number_ = 0;
};

/// One attempt to connect, and the connection that came of it.
struct Link {
    enum class Phase { waiting, dialing, info, authenticating, pong, up, closed };

    explicit Link(const Options& options) noexcept
        : parser({options.max_control_line, options.max_info_line, options.max_inbound_message}),
          inbound(options.read_chunk) {}

    Phase phase = Phase::waiting;
    std::uint64_t epoch = 0;
    Parser parser;
    Inbound inbound;
    Fifo<PongWait*> pongs;         // null: a keep-alive, or somebody who stopped waiting
    std::uint64_t first_pong = 0;  // the number of pongs.front()
    std::uint32_t pings_outstanding = 0;
    Time attempt_deadline = never;  // of the handshake
    Time next_ping = never;
    Time stable_at = never;  // when the connection has lasted long enough
    bool stable = false;
    bool lame_duck = false;         // told
    Time move_by = never;           // when to leave a lame duck at the latest
    std::uint64_t moves_after = 0;  // requests older than this are waited for till then
    struct Drained {
        std::uint64_t pong;  // with the number of this one all that was sent before has come
        std::shared_ptr<SubscriptionState> sub;
    };
    Fifo<Drained> draining;
    bool owes_pong = false;             // for a PING that came before CONNECT was written
    std::optional<Error> server_error;  // an -ERR that explains the end of the connection
};

struct Session::State {
    State(Options options, const Seed& seed, std::vector<ServerUrl> servers, Time now);

    // session.cpp: life of the connection
    void begin_attempt();
    void schedule_attempt();
    void attempt_failed(Error error);
    void attempt_when_due();
    bool ask_for_server();
    void connected();
    void on_time();
    bool stale(std::uint64_t epoch) noexcept;
    Error about_server(ErrorCode code, std::string_view what) const;
    std::string server_shown() const noexcept;

    // session_end.cpp: how a connection ends
    void link_lost(Error error);
    void leave_link(const Error& error);
    void close_transport(std::uint64_t epoch);
    void prepare_move();
    bool move_when_idle();
    void stay() noexcept;
    void fail_pongs(const Error& error) noexcept;
    void reset_link() noexcept;
    void close(std::optional<Error> why);
    Error closed(std::string_view what) const;

    // session_drain.cpp: ending in order
    std::vector<std::shared_ptr<SubscriptionState>> drain_all();
    void drain(const std::vector<std::shared_ptr<SubscriptionState>>& subs);
    void end_drained(bool all = false) noexcept;

    // request_many.cpp: many replies to one request
    bool gather(SubscriptionState& sub, const Message& message);
    void stop_gathering(SubscriptionState& sub, std::optional<Error> why) noexcept;
    void disconnect_gatherings(bool moves, const Error& error) noexcept;
    void forbid_gatherings(std::string_view subject, const Error& error) noexcept;
    void stop_refused_gatherings(const Error& error) noexcept;

    // session_receive.cpp: what the server says
    void parse();
    void on_frame(const Frame& frame);
    void on_info(std::string_view json);
    void on_message(const Frame& frame);
    void on_pong();
    void on_server_error(std::string_view text);
    std::uint64_t forbid(const ServerErrorMeaning& meaning, const Error& error);

    // session_send.cpp: what the user says
    void replay();
    void drop_unwelcome() noexcept;
    Error unwelcome(std::size_t body) const noexcept;
    void announce_new(SubscriptionState& sub);
    void send_subscribe(Bytes& out, const SubscriptionState& sub);
    std::optional<Error> no_room_for(std::size_t size) const;
    std::optional<Error> refusal_of_publish(std::string_view subject, std::string_view reply,
                                            bool with_headers, std::size_t body, std::size_t size);
    const std::string& reply_prefix();
    void await_pong(PongWait& wait);
    void forget_pong(PongWait& wait) noexcept;

    // session_events.cpp: what is told
    void act(Action action);
    void tell(Event event) noexcept;
    void enter(ConnectionState next);
    void trace(TraceRecord::Kind kind, std::string_view bytes);

    bool up() const noexcept { return link->phase == Link::Phase::up; }
    /// Not connected, or no longer for long; but a connection will come.
    bool away() const noexcept {
        return state != ConnectionState::closed && (!up() || link->move_by != never);
    }

    Options options;
    Random random;
    ServerPool pool;
    ReadyQueue ready;
    Timers timers;
    Subscriptions subscriptions;
    Replies replies;
    Outbound outbound;
    std::optional<Link> link;  // in place: a new one must not need memory
    List<Gathering> gatherings;
    List<LiveOperation> operations;
    WaitQueue connected_waiters;  // told when connected, and when closed

    Time now;
    ConnectionState state = ConnectionState::connecting;
    std::uint64_t epochs = 0;
    Time next_attempt = never;
    std::uint64_t choice = 0;  // the epoch of the choose_server that is open, or 0
    Time choose_by = never;
    bool was_connected = false;
    bool draining = false;  // nothing new may begin: when all is done the session will be closed
    std::vector<std::shared_ptr<SubscriptionState>> to_work_off;  // of a drain
    std::size_t first_pass_left = 0;  // servers that the first connect has not tried yet
    std::optional<Error> last_error;
    std::optional<ServerInfo> info;
    std::string inbox_root;  // <prefix>.<nuid>. of the multiplexed replies, once there is one
    std::shared_ptr<SubscriptionState> inbox;

    Fifo<Action> actions;
    Fifo<Event> events;
    Waiter* listener = nullptr;  // woken by each event
    WaitQueue event_waiters;     // woken by the next one
    std::function<void(const TraceRecord&)> trace_hook;
    Counters counters;

    // Made in time: when memory is short there is none for telling so.
    const Error no_memory{ErrorCode::out_of_memory, "not enough memory"};
    const Error left_error{ErrorCode::disconnected, "the server was left for another one"};
    const Error closed_error{ErrorCode::closed, "the client is closed"};
    const Error cancelled_error{ErrorCode::cancelled, "the operation was cancelled"};
};

/// The servers that URLs name; UsageError for the first one that cannot be used.
Result<std::vector<ServerUrl>> server_urls(const std::vector<std::string>& texts);

/// `error` with its cause; without it when memory is short.
Error with_cause(const Error& error, const Error& cause) noexcept;

}  // namespace v0
}  // namespace anynats
