// The world of a scripted session: virtual time, wires in memory, the calls of a user, and what
// must hold after every step.
#include "script.hpp"

#include <algorithm>
#include <cstdio>
#include <new>
#include <span>
#include <sstream>

namespace script {

// --- the trace ----------------------------------------------------------------------------------

void World::Traced::add(std::string_view bytes) {
    for (const char c : bytes) {
        hash ^= static_cast<unsigned char>(c);
        hash *= 1099511628211u;
    }
}

void World::Traced::add(std::uint64_t number) {
    char bytes[8];
    for (int i = 0; i < 8; ++i) bytes[i] = static_cast<char>(number >> (8 * i));
    add({bytes, 8});
}

std::uint64_t World::trace_hash() const {
    Traced all;
    for (const Traced& part : traced_) all.add(part.hash);
    return all.hash;
}

// --- the world ----------------------------------------------------------------------------------

namespace {

struct Inside {
    Inside() {
        if (inside) inside(true);
    }
    ~Inside() {
        if (inside) inside(false);
    }
};

}  // namespace

template <class F>
bool World::user(F call) {
    if (!inside) {
        call();
        return true;
    }
    try {
        Inside now;
        call();
        return true;
    } catch (const std::bad_alloc&) {
        return false;
    }
}

template <class F>
void World::driver(F call) {
    for (int attempt = 0; !user(call); ++attempt) {
        if (attempt > 1'000) return flaw("a driver's call never gets its memory");
    }
}

void World::feed(std::uint64_t epoch, std::string_view bytes) {
    if (!inside) return session_->receive_data(epoch, bytes, now_);
    while (!bytes.empty() && session_->epoch() == epoch) {
        std::span<char> space;
        driver([&] { space = session_->prepare(); });
        const std::size_t n = bytes.copy(space.data(), space.size());
        bytes.remove_prefix(n);
        if (!user([&] { session_->commit(epoch, n, now_); })) flaw("commit() throws");
    }
}

World::World(Options options, std::uint64_t seed) : now_(Time() + 1'000s) {
    {
        Inside now;
        session_ = std::make_unique<Session>(std::move(options), seed_of(seed), now_);
    }
    if (inside) return;  // a hook would ask for memory of its own
    session_->set_trace([this](const TraceRecord& record) {
        const bool received = record.kind == TraceRecord::Kind::received;
        const bool sent = record.kind == TraceRecord::Kind::sent;
        Traced& part = traced_[received ? 0 : sent ? 1 : 2];
        if (!received && !sent) {
            part.add(static_cast<std::uint64_t>(record.kind));
            part.add(record.epoch);
            part.add(static_cast<std::uint64_t>(record.now.time_since_epoch().count()));
        }
        part.add(record.bytes);
    });
}

World::~World() {
    session_->set_trace({});
    Inside now;
    session_.reset();
}

void World::flaw(const std::string& text) {
    if (record_flaws) {
        flaws.push_back(text);
    } else {
        ADD_FAILURE() << text;
    }
}

void World::act() {
    while (session_->has_action()) {
        Action action;
        driver([&] { action = session_->next_action(); });
        ++actions_done;
        switch (action.kind) {
            case Action::Kind::none:
            case Action::Kind::start_tls:
                break;
            case Action::Kind::choose_server:
                choices.push_back(std::move(action));
                break;
            case Action::Kind::connect: {
                if (current_ && current_->open) flaw("connects while a transport is open");
                dialed.push_back(now_);
                auto wire = std::make_unique<Wire>();
                wire->epoch = action.epoch;
                wire->host = action.host;
                wire->port = action.port;
                current_ = wire.get();
                wires.push_back(std::move(wire));
                if (dial == Dial::accept) {
                    driver([&] { session_->transport_up(action.epoch, now_); });
                    if (model) to_client_ = model_info;
                } else if (dial == Dial::refuse) {
                    current_->open = false;
                    const Error error(ErrorCode::connect_failed, "refused");
                    driver([&] { session_->transport_down(action.epoch, error, now_); });
                }
                break;
            }
            case Action::Kind::authenticate:
                authentications.push_back(action);
                if (answer_authenticate) {
                    driver([&] {
                        session_->credentials(action.epoch, session_->own_credentials(), now_);
                    });
                }
                break;
            case Action::Kind::close:
                if (current_ && current_->epoch == action.epoch) {
                    current_->open = false;
                    to_client_.clear();
                }
                break;
        }
    }
}

void World::write() {
    while (writing && current_ && current_->open && session_->size_to_send() && write_budget > 0) {
        const auto parts = session_->data_to_send();
        const std::string_view part = parts[0].empty() ? parts[1] : parts[0];
        const std::size_t n = std::min({part.size(), write_budget, write_piece});
        const std::string bytes(part.substr(0, n));
        const std::size_t before = current_->reader.frames.size();
        current_->sent += bytes;
        current_->reader.feed(bytes);
        session_->data_sent(n);
        if (write_budget != no_limit) write_budget -= n;
        if (!current_->reader.flaw.empty()) {
            flaw("the client wrote: " + current_->reader.flaw);
            current_->open = false;
            return;
        }
        for (std::size_t i = before; i < current_->reader.frames.size(); ++i) {
            const ClientFrame& frame = current_->reader.frames[i];
            if (!frame.publish()) continue;
            ++published_;
            if (strict && ++written_[frame.key()] > accepted_[frame.key()]) {
                flaw("written more often than published: " + frame.key());
            }
        }
    }
}

void World::settle() {
    for (int round = 0;; ++round) {
        if (round > 10'000) {
            flaw("it does not settle");
            break;
        }
        act();
        write();
        answer();
        note_events();
        if (!to_client_.empty() && current_ && current_->open) {
            std::string bytes;
            bytes.swap(to_client_);
            const std::uint64_t epoch = current_->epoch;
            for (std::string_view rest = bytes; !rest.empty();) {
                const std::string_view piece = rest.substr(0, read_piece);
                rest.remove_prefix(piece.size());
                feed(epoch, piece);
            }
            continue;
        }
        const bool can_write =
            writing && current_ && current_->open && session_->size_to_send() && write_budget;
        if (!session_->has_action() && !can_write) break;
    }
    note_events();
    check();
}

void World::server(std::string_view bytes) {
    if (!current_) settle();
    while (!bytes.empty() && current_) {
        const std::string_view piece = bytes.substr(0, read_piece);
        bytes.remove_prefix(piece.size());
        feed(current_->epoch, piece);
        act();
        note_events();
    }
    settle();
}

std::vector<ClientFrame> World::client() {
    std::vector<ClientFrame> all;
    for (auto& wire : wires) {
        for (; wire->shown < wire->reader.frames.size(); ++wire->shown) {
            all.push_back(wire->reader.frames[wire->shown]);
        }
    }
    return all;
}

std::vector<std::string> World::lines() {
    std::vector<std::string> all;
    for (ClientFrame& frame : client()) all.push_back(std::move(frame.line));
    return all;
}

void World::eof() {
    if (!current_ || !current_->open) return;
    current_->open = false;
    to_client_.clear();
    driver([&] { session_->receive_eof(current_->epoch, now_); });
    settle();
}

void World::fail_transport() {
    if (!current_ || !current_->open) return;
    current_->open = false;
    to_client_.clear();
    const Error error(ErrorCode::disconnected, "reset by peer");
    driver([&] { session_->transport_down(current_->epoch, error, now_); });
    settle();
}

void World::until(Time time) {
    Time last = Time::min();
    int turns = 0;
    for (;;) {
        const Time next = session_->next_timeout();
        if (next > time) break;
        now_ = std::max(now_, next);
        turns = now_ == last ? turns + 1 : 0;
        last = now_;
        if (turns > 10) {
            flaw("it spins: timeouts without end at one instant");
            break;
        }
        driver([&] { session_->handle_timeout(now_); });
        settle();
    }
    now_ = std::max(now_, time);
    session_->advance(now_);
}

void World::after(Duration time) {
    until(now_ + time);
    settle();
}

void World::connect() {
    settle();
    server(info);
    EXPECT_EQ(lines().size(), 2u) << "CONNECT and PING";
    server("PONG\r\n");
    EXPECT_EQ(session_->state(), ConnectionState::connected);
}

void World::recover() {
    dial = Dial::accept;
    model = true;
    writing = true;
    write_budget = no_limit;
    settle();
    const auto wanted = [&] {
        return session_->is_connected() || session_->state() == ConnectionState::closed;
    };
    for (int second = 0; second < 60 && !wanted(); ++second) after(1s);
    if (!wanted()) flaw("it does not recover within a minute");
    if (session_->state() == ConnectionState::closed) {
        const Options& options = session_->options();
        const bool first = !inner().was_connected && !options.retry_on_failed_connect;
        if (!first && options.reconnect && !closed_told_) flaw("it is closed and nobody did it");
        if (!first && options.reconnect && !options.max_reconnects && session_->last_error()) {
            flaw(std::string("it gave up: ") + session_->last_error()->what());
        }
        after(60s);
    } else {
        const auto flushed = flush(10s);
        after(60s);
        if (session_->state() != ConnectionState::closed) {
            if (!flushed->done() || !flushed->result->ok()) flaw("the last flush failed");
            if (!session_->is_connected()) flaw("it did not stay connected");
            if (session_->pending_size()) flaw("bytes still wait after a flush");
            // The server's subscriptions are ours (I08).
            auto there = current_->interest.subs;
            inner().subscriptions.for_each([&](const SubscriptionState& sub) {
                const auto found = there.find(sub.sid);
                if (found == there.end()) {
                    flaw("the server does not know subscription " + sub.subject);
                    return;
                }
                const std::uint64_t here = sub.limit ? sub.limit - sub.received : 0;
                const Interest::Sub& other = found->second;
                const std::uint64_t left = other.left();
                if (other.subject != sub.subject || other.queue != sub.queue || here != left) {
                    flaw("the server has another idea of subscription " + sub.subject + ": " +
                         std::to_string(left) + " to come, not " + std::to_string(here));
                }
                there.erase(found);
            });
            for (const auto& [sid, sub] : there) {
                flaw("the server still has subscription " + std::to_string(sid) + " " +
                     sub.subject);
            }
        }
    }
    for (const Tracked& op : tracked_) {
        if (!op.operation->done() && op.deadline != never) flaw(op.name + " never ends");
    }
    if (inner().replies.open_count()) flaw("requests are still open at rest");
    if (inner().timers.size()) flaw("timers are still armed at rest");
    const std::string live = session_->dump();
    if (!live.empty()) flaw("operations are still alive at rest: " + live);
}

void World::note_events() {
    for (;;) {
        std::optional<Event> event;
        driver([&] { event = session_->next_event(); });
        if (!event) break;
        if (closed_told_) flaw("an event after closed");
        switch (event->kind) {
            case Event::Kind::connected:
                if (up_told_ || inner().counters.reconnects) flaw("connected out of turn");
                up_told_ = true;
                break;
            case Event::Kind::reconnected:
                if (up_told_) flaw("reconnected out of turn");
                up_told_ = true;
                break;
            case Event::Kind::disconnected:
                if (!up_told_) flaw("disconnected out of turn");
                up_told_ = false;
                break;
            case Event::Kind::closed:
                closed_told_ = true;
                break;
            default:
                break;
        }
        events.push_back(std::move(*event));
    }
}

std::size_t World::count(Event::Kind kind) const {
    return static_cast<std::size_t>(std::count_if(
        events.begin(), events.end(), [&](const Event& event) { return event.kind == kind; }));
}

std::vector<std::string> World::new_events() {
    std::vector<std::string> names;
    for (; events_shown_ < events.size(); ++events_shown_) {
        names.emplace_back(to_string(events[events_shown_].kind));
    }
    return names;
}

void World::check() {
    if (const char* wrong = session_->check()) flaw(std::string("check(): ") + wrong);
    const Counters counters = session_->counters();
    const std::uint64_t settled =
        published_ + counters.lost_publishes + inner().outbound.count_publishes();
    const bool begun = current_ && current_->open && current_->reader.partial();
    if (strict &&
        (settled > counters.out_messages || counters.out_messages - settled > (begun ? 1u : 0u))) {
        std::ostringstream text;
        text << "publishes do not add up (I06): accepted " << counters.out_messages << ", written "
             << published_ << ", lost " << counters.lost_publishes << ", waiting "
             << inner().outbound.count_publishes();
        flaw(text.str());
    }
    if (up_told_ != (session_->is_connected()) && !closed_told_) {
        flaw("the events and the state disagree");
    }
    for (const Tracked& op : tracked_) {
        if (!op.operation->done() && op.deadline < now_) flaw(op.name + " outlives its deadline");
    }
}

// --- the user -----------------------------------------------------------------------------------

void World::track(std::string name, std::shared_ptr<OperationState> operation, Time deadline) {
    if (!operation) return;  // there was no memory to begin it
    tracked_.push_back({std::move(name), std::move(operation), deadline});
}

std::shared_ptr<SubscriptionState> World::subscribe(std::string_view subject,
                                                    const SubscribeOptions& options) {
    std::shared_ptr<SubscriptionState> sub;
    user([&] {
        auto result = session_->subscribe(subject, options);
        if (result.ok()) sub = *result;
    });
    settle();
    return sub;
}

void World::unsubscribe(const std::shared_ptr<SubscriptionState>& sub, std::uint64_t limit) {
    if (sub) user([&] { (void)session_->unsubscribe(*sub, limit); });
    driver([&] { session_->run_ready(); });
    settle();
}

std::optional<Error> World::publish(std::string_view subject, std::string_view payload,
                                    std::string_view reply, std::string_view headers) {
    std::optional<Error> refusal;
    const bool taken = user([&] { refusal = session_->publish(subject, payload, reply, headers); });
    if (taken && !refusal) ++accepted_[std::string(subject) + '|' + std::string(payload)];
    settle();
    return refusal;
}

/// Start the task that `make` makes, and expect it to end by `deadline`.
template <class Make>
auto World::run(const std::string& name, Time deadline, Make make) {
    decltype(start(*session_, "", make())) operation;
    user([&] { operation = start(*session_, "test", make()); });
    track(name, operation, deadline);
    settle();
    return operation;
}

std::shared_ptr<ResultState<Message>> World::request(std::string_view subject,
                                                     std::string_view payload, Duration timeout) {
    ++accepted_[std::string(subject) + '|' + std::string(payload)];
    return run("request " + std::string(payload), anynats::after(now_, timeout),
               [&] { return anynats::request(*session_, subject, payload, {}, timeout); });
}

std::shared_ptr<SubscriptionState> World::request_many(std::string_view subject,
                                                       const RequestManyOptions& options) {
    ++accepted_[std::string(subject) + "|?"];
    std::shared_ptr<SubscriptionState> sub;
    user([&] {
        auto result = session_->request_many(subject, "?", options);
        if (result.ok()) sub = *result;
    });
    settle();
    return sub;
}

std::shared_ptr<ResultState<Done>> World::flush(Duration timeout) {
    return run("flush", anynats::after(now_, timeout),
               [&] { return anynats::flush(*session_, timeout); });
}

std::shared_ptr<ResultState<Duration>> World::rtt(Duration timeout) {
    return run("rtt", anynats::after(now_, timeout),
               [&] { return anynats::rtt(*session_, timeout); });
}

std::shared_ptr<ResultState<Done>> World::drain(Duration timeout) {
    return run("drain", anynats::after(now_, timeout),
               [&] { return anynats::drain(*session_, timeout); });
}

std::shared_ptr<ResultState<Done>> World::drain(const std::shared_ptr<SubscriptionState>& sub,
                                                Duration timeout) {
    if (!sub) return nullptr;  // there was no memory for it
    return run("drain of " + sub->subject, anynats::after(now_, timeout),
               [&] { return anynats::drain(*session_, sub, timeout); });
}

std::shared_ptr<ResultState<Done>> World::connect_op() {
    return run("connect", never, [&] { return anynats::connect(*session_); });
}

std::shared_ptr<ResultState<Done>> World::close_op(Duration timeout) {
    return run("close", anynats::after(now_, timeout),
               [&] { return anynats::close(*session_, timeout); });
}

std::vector<std::string> World::take(const std::shared_ptr<SubscriptionState>& sub,
                                     std::size_t most) {
    std::vector<std::string> payloads;
    if (!sub) return payloads;
    std::vector<Message> messages;
    user([&] { session_->take(*sub, messages, most); });
    for (const Message& message : messages) payloads.emplace_back(message.payload());
    driver([&] { session_->run_ready(); });
    settle();
    return payloads;
}

void World::close() {
    driver([&] { session_->close(); });
    driver([&] { session_->run_ready(); });
    settle();
}

}  // namespace script
