// LoopDriver: a LoopHost that runs user code too. What is to be called back is handed over at the
// end of each turn, on the loop's thread, outside everything else; a handle may end the client
// then.
#include <anynats/loop.hpp>

#include <new>
#include <utility>

#include "drive/client_access.hpp"
#include "drive/ended_once.hpp"
#include "drive/loop_host.hpp"
#include "drive/user_code.hpp"

namespace anynats {
inline namespace v0 {

namespace {

constexpr int most_last_turns = 1000;  // of what is called back at the end and begins anew

Options without_user_code(Options options) {
    options.ask_for_server = static_cast<bool>(options.choose_server);
    options.choose_server = {};
    options.on_event = {};
    return options;
}

Executor executor_or_inline(const Options& options) {
    return options.executor ? options.executor : Callbacks::inline_executor();
}

}  // namespace

class LoopClientHost final : public LoopHost {
public:
    LoopClientHost(Options options, LoopHooks hooks)
        : LoopHost(without_user_code(options), NotYet()),
          user_code_(*this, options, executor_or_inline(options)),
          hooks_(std::move(hooks)) {}
    ~LoopClientHost() override { user_code_.end(connection_); }

    void begin() {
        const Inside inside(*this);
        user_code_.begin(connection_);
        LoopHost::begin();
    }

    bool try_enter() override { return LoopHost::try_enter() || moved_here(); }
    void leave() noexcept override {
        if (user_code_.callbacks.to_hand_over()) ask();
    }
    bool published() override {
        ask();
        return LoopHost::published();
    }
    bool started() override {
        ask();
        return LoopHost::started();
    }
    void enter_again_soon() noexcept override { ask(); }
    Callbacks* callbacks() noexcept override { return over_ ? nullptr : &user_code_.callbacks; }

    bool turn(bool readable);
    void end() noexcept;
    bool blocked() const noexcept { return connection_.blocked(); }
    using LoopHost::move_here;

private:
    /// Whether the loop has come to this thread; or there is none any more, and nothing to drive.
    bool moved_here() {
        if (!over_ && !(hooks_.is_here && hooks_.is_here())) return false;
        move_here();
        return LoopHost::try_enter();
    }
    void ask() noexcept {
        if (std::exchange(asked_, true) || !hooks_.drive_soon) return;
        try {
            hooks_.drive_soon();
        } catch (...) {
            asked_ = false;  // for want of memory, say: the next reason asks again
        }
    }

    UserCode user_code_;
    LoopHooks hooks_;
    bool asked_ = false;  // for a turn that has not come
    bool over_ = false;   // no turn will come
};

bool LoopClientHost::turn(bool readable) {
    bool again = false;
    {
        const Inside inside(*this);
        asked_ = true;  // this is the turn; what it wakes is seen to at its end
        if (readable) {
            again = LoopHost::turn();
        } else {
            connection_.handle_timeout(clock());
            connection_.flush(clock());
        }
        tell_room();
        session().run_ready();
        asked_ = false;
    }
    const std::shared_ptr<Host> kept = shared_from_this();
    if (user_code_.callbacks.to_hand_over()) user_code_.callbacks.hand_over();
    return again || asked_;
}

void LoopClientHost::end() noexcept {
    if (over_) return;
    move_here();
    session().advance(clock());
    push();
    session().close();
    for (int i = 0; i < most_last_turns; ++i) {
        turn(false);
        if (!user_code_.callbacks.to_hand_over()) break;
    }
    over_ = true;
    hooks_ = {};
}

namespace {

/// A publish that waits for room, and tries again whenever there may be some.
class PublishOperation final : public EndedOnce<Done>, public Waiter {
public:
    PublishOperation(std::shared_ptr<LoopClientHost> host, std::string subject, std::string payload,
                     std::string reply, std::string header_block)
        : host_(std::move(host)),
          subject_(std::move(subject)),
          payload_(std::move(payload)),
          reply_(std::move(reply)),
          header_block_(std::move(header_block)) {}

    /// Inside, as all of it.
    void wake() noexcept override {
        try {
            auto refusal = publish();
            if (refusal && refusal->code() == ErrorCode::would_block) {
                host_->push();
                if (host_->blocked()) return host_->await_room(*this);
                refusal = publish();  // all was sent, or there is no connection any more
            }
            finish(refusal ? Result<Done>(*refusal) : Result<Done>(Done()));
        } catch (const Error& error) {
            finish(error);
        }
    }
    void cancel() noexcept override {
        if (!done()) finish(host_->session().inner().cancelled_error);
    }

    void finish(Result<Done> ending) noexcept {
        unlink();
        end(std::move(ending));
    }

private:
    std::optional<Error> publish() {
        return host_->publish(subject_, payload_, reply_, header_block_);
    }
    const std::shared_ptr<LoopClientHost> host_;
    const std::string subject_, payload_, reply_, header_block_;
};

}  // namespace

LoopDriver::LoopDriver(Options options, LoopHooks hooks)
    : host_(std::make_shared<LoopClientHost>(std::move(options), std::move(hooks))),
      client_(ClientAccess::make(host_)) {
    host_->begin();
}

LoopDriver::~LoopDriver() {
    close();
}

Operation<Done> LoopDriver::connected() {
    return {host_->connect(), host_};
}

Operation<Done> LoopDriver::publish(std::string subject, std::string payload, std::string reply,
                                    Headers headers) {
    auto block = headers.empty() ? Result<std::string>(std::string()) : header_block(headers);
    const Inside inside(*host_);
    auto operation = std::make_shared<PublishOperation>(
        host_, std::move(subject), std::move(payload), std::move(reply),
        block.ok() ? *std::move(block) : std::string());
    if (block.ok()) {
        operation->wake();
    } else {
        operation->finish(block.error());
    }
    return {std::move(operation), host_};
}

int LoopDriver::fd() const noexcept {
    return host_->fd();
}

Time LoopDriver::next_timeout() const {
    return host_->next_timeout();
}

Time LoopDriver::now() noexcept {
    return monotonic_now();
}

bool LoopDriver::drive(bool readable) {
    const std::shared_ptr<LoopClientHost> kept = host_;  // a callback may end this object
    return kept->turn(readable);
}

bool LoopDriver::closed() const noexcept {
    return host_->session().state() == ConnectionState::closed;
}

void LoopDriver::close() noexcept {
    host_->end();
}

bool LoopDriver::here() const noexcept {
    return host_->try_enter();
}

void LoopDriver::move_here() noexcept {
    host_->move_here();
}

}  // namespace v0
}  // namespace anynats
