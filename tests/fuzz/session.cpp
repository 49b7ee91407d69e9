// A whole session under a server, a network, a clock and a user that the fuzzer plays, in the world
// of the scripted tests, which checks its invariants after every step; memory stays bounded. At the
// end the server behaves again, and everything must come to rest.
// Input: a byte of flags; then steps, each a byte of choice and what it needs.
#include <algorithm>
#include <chrono>
#include <memory>
#include <vector>

#include "fuzz.hpp"
#include "script.hpp"

using fuzz::require;
using namespace script;

namespace {

constexpr std::size_t most_steps = 64;
constexpr std::size_t most_memory = 64 << 10;  // bytes of a connection's chunk, by the limits below

enum Flag : unsigned { retry_at_first = 1, no_reconnect = 2, few_tries = 4, drop_old = 8 };

Options options_of(unsigned flags) {
    Options options;
    options.servers = {"nats://a:1", "nats://b:2"};
    options.retry_on_failed_connect = flags & retry_at_first;
    options.reconnect = !(flags & no_reconnect);
    if (flags & few_tries) options.max_reconnects = 3;
    if (flags & drop_old) options.slow_consumer = SlowConsumerPolicy::drop_old;
    options.pending_limit = 2'048;
    options.sub_pending_messages = 4;
    options.sub_pending_bytes = 512;
    options.max_inbound_message = 16 << 10;
    options.max_control_line = 512;
    options.max_info_line = 4 << 10;
    options.read_chunk = 4 << 10;
    return options;
}

class Play {
public:
    explicit Play(unsigned flags) : world_(options_of(flags)) { world_.record_flaws = true; }

    void step(fuzz::Input& input) {
        const unsigned choice = input.byte() % 24;
        if (choice < 10) {
            serve(choice, input);
        } else if (choice < 16) {
            disturb(choice, input);
        } else {
            use(choice, input);
        }
        look();
    }

    /// From now on the server and the network are well.
    void end() {
        world_.read_piece = world_.write_piece = no_limit;
        world_.eof();
        world_.recover();
        look();
    }

private:
    /// What the server says.
    void serve(unsigned choice, fuzz::Input& input) {
        if (world_.inner().link->phase == Link::Phase::dialing) return;  // nobody to say it
        switch (choice) {
            case 0:
                return world_.server(input.field());
            case 1:
                return world_.server(info);
            case 2:
                return world_.server("PONG\r\n");
            case 3:
                return world_.server("PING\r\n");
            case 4: {
                const unsigned sid = input.byte();
                return world_.server(msg("a.b", sid, input.field(), "r"));
            }
            case 5: {
                const unsigned sid = input.byte();
                const std::string headers(input.field());
                return world_.server(hmsg("a.b", sid, headers, input.field()));
            }
            case 6:
                return world_.server("-ERR '" + std::string(input.field()) + "'\r\n");
            case 7:
                return world_.server(info_with(std::string(input.field())));
            case 8:
                return reply(input);
            default:
                world_.server(info);
                return world_.server("PONG\r\n");
        }
    }

    /// Answer the last request that this connection saw.
    void reply(fuzz::Input& input) {
        if (!world_.wire()) return;
        std::string sid, to;
        for (const ClientFrame& frame : world_.wire()->reader.frames) {
            if (frame.publish() && !frame.reply().empty()) to = frame.reply();
            const bool inbox = frame.words[0] == "SUB" && frame.subject().ends_with(".*");
            if (inbox) sid = frame.words.back();
        }
        if (sid.empty() || to.empty()) return;
        const std::string frame = input.byte() % 2 ? hmsg(to, std::stoull(sid), no_responders, "")
                                                   : msg(to, std::stoull(sid), input.field());
        world_.server(frame);
    }

    /// What the network and the clock do.
    void disturb(unsigned choice, fuzz::Input& input) {
        switch (choice) {
            case 10:  // up to two minutes
                return world_.after(std::chrono::milliseconds(1) * (1 << (input.byte() % 18)));
            case 11:
                return world_.eof();
            case 12:
                return world_.fail_transport();
            case 13:
                world_.dial = static_cast<World::Dial>(input.byte() % 3);
                world_.model = input.byte() % 2;
                return;
            case 14:
                world_.read_piece = input.byte() % 64 + 1;
                world_.write_piece = input.byte() % 64 + 1;
                world_.write_budget = input.byte() % 2 ? input.byte() : no_limit;
                return;
            default: {  // what belongs to a connection that is gone
                const std::uint64_t epoch = world_.session().epoch() + input.byte() % 3 + 1;
                const std::uint64_t stale = input.byte() % 2 ? epoch : 0;
                world_.session().receive_data(stale, input.field(), world_.now());
                world_.session().transport_up(stale, world_.now());
                world_.session().receive_eof(stale, world_.now());
                return world_.settle();
            }
        }
    }

    /// What the user does.
    void use(unsigned choice, fuzz::Input& input) {
        switch (choice) {
            case 16: {
                const std::string payload = std::to_string(++calls_) + std::string(input.field());
                (void)world_.publish("p", payload, input.byte() % 2 ? "r" : "");
                return;
            }
            case 17: {
                SubscribeOptions options;
                if (input.byte() % 2) options.queue = "q";
                auto sub = world_.subscribe("a.*", options);
                if (sub) subs_.push_back(std::move(sub));
                return;
            }
            case 18:
                if (!subs_.empty()) world_.unsubscribe(subs_[input.byte() % subs_.size()], 0);
                return;
            case 19:
                if (!subs_.empty()) {
                    const auto& sub = subs_[input.byte() % subs_.size()];
                    world_.unsubscribe(sub, input.byte() % 8);
                }
                return;
            case 20:
                if (!subs_.empty()) {
                    const auto& sub = subs_[input.byte() % subs_.size()];
                    (void)world_.take(sub, input.byte() % 8);
                }
                return;
            case 21:
                ++requests_;
                operations_.push_back(world_.request("q", std::to_string(++calls_), 3s));
                return;
            case 22:
                operations_.push_back(world_.flush(2s));
                return;
            default:
                return leave(input);
        }
    }

    void leave(fuzz::Input& input) {
        const unsigned how = input.byte();
        if (how % 4 == 0) {
            world_.close();
        } else if (how % 4 == 1) {
            operations_.push_back(world_.close_op(1s));
        } else if (!operations_.empty()) {
            operations_[how / 4 % operations_.size()]->cancel();
            world_.session().run_ready();
            world_.settle();
        }
    }

    void look() {
        world_.check();
        for (const std::string& flaw : world_.flaws) require(false, flaw);
        const Session::State& state = world_.inner();
        require(state.link->inbound.capacity() <= most_memory, "a chunk beyond its bound");
        require(state.pool.servers().size() <= 1'000, "too many servers");
        require(state.events.size() <= 1'024, "too many events");
        require(state.link->pongs.size() <= 200, "too many PONGs awaited");
        require(world_.inner().replies.open_count() <= requests_, "more requests than were made");
        require(state.now == world_.now(), "another time");
        require(world_.session().size_to_send() <= (64u << 10), "too much waits to be sent");
    }

    World world_;
    std::vector<std::shared_ptr<SubscriptionState>> subs_;
    std::vector<std::shared_ptr<OperationState>> operations_;
    std::size_t calls_ = 0, requests_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    Play play(input.byte());
    for (std::size_t steps = 0; steps < most_steps && !input.empty(); ++steps) play.step(input);
    play.end();
    return 0;
}
