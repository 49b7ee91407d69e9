// A loop's turn, and who is told what after it; see loop_host.hpp.
// Bounded work per turn: Connection::drive stops after so many reads and asks to be called again.
#include "drive/loop_host.hpp"

#include <poll.h>

#include <algorithm>

#include <anynats/error_types.hpp>
#include "drive/parking.hpp"
#include "net/sys.hpp"

namespace anynats {
inline namespace v0 {

LoopHost::LoopHost(Options options) : LoopHost(std::move(options), NotYet()) {
    begin();
}

LoopHost::LoopHost(Options options, NotYet)
    : connection_(std::move(options), monotonic_now()), thread_(std::this_thread::get_id()) {
    session_ = &connection_.session();
}

LoopHost::~LoopHost() {
    connection_.flush(clock());
}

void LoopHost::enter() {
    if (!try_enter()) {
        throw UsageError(ErrorCode::usage_error,
                         "this client belongs to the thread of the event loop it was made on");
    }
}

bool LoopHost::try_enter() {
    if (std::this_thread::get_id() != thread_) return false;
    if (inherited()) connection_.act(clock());  // closes our copy of the connection
    return true;
}

Time LoopHost::clock() const {
    return monotonic_now();
}

bool LoopHost::published() {
    return session().size_to_send() >= session().options().write_high_water;
}

/// The first that is started after a turn is sent at once, so that who waits for each of its
/// requests makes no turn in vain; what follows in the same turn shares a write at its end.
bool LoopHost::started() {
    return !sent_ && session().size_to_send() != 0;
}

void LoopHost::push() {
    sent_ = sent_ || session().size_to_send() != 0;
    connection_.flush(clock());
    session().run_ready();
    tell_room();
}

bool LoopHost::turn() {
    const bool again = connection_.drive(clock());
    sent_ = false;
    return again;
}

bool LoopHost::has_more() noexcept {
    const bool sends = session().size_to_send() != 0 && !connection_.blocked();
    return sends || notices_.told_any();
}

/// Wake who waits for room when there may be some: whatever wrote, because a socket that has taken
/// everything is not watched for writing any more, and no turn would come for it.
void LoopHost::tell_room() noexcept {
    if (room_.empty() || connection_.blocked()) return;
    List<Waiter> waiting;
    room_.move_to(waiting);
    while (Waiter* waiter = waiting.pop_front()) waiter->wake();
}

void LoopHost::await_room(Waiter& waiter) {
    if (!connection_.blocked()) return waiter.wake();
    room_.push_back(waiter);
}

bool LoopHost::drive() {
    enter();
    const bool again = turn();
    tell_room();
    return again;
}

void LoopHost::drive_to_end(OperationState& operation, Time deadline) {
    for (;;) {
        const bool again = drive();
        if (operation.done() || clock() >= deadline) return;
        if (again) continue;
        const timespec wait = to_timespec(std::min(next_timeout(), deadline) - clock());
        pollfd descriptor{fd(), POLLIN, 0};
        if (::ppoll(&descriptor, 1, &wait, nullptr) < 0) return;
    }
}

std::optional<Error> LoopHost::wait(OperationState& operation) {
    if (operation.done()) return {};
    return Error(ErrorCode::usage_error,
                 "waiting here would block the event loop that drives this client");
}

Waited LoopHost::wait_for_message(SubscriptionQueue& queue, Message& out, Duration timeout,
                                  MessageLoop* loop) {
    enter();
    if (queue.take(out, loop)) return Waited::arrived;
    if (queue.state->ended) return Waited::ended;
    return timeout <= Duration::zero() ? Waited::timed_out : Waited::interrupted;
}

void LoopHost::notify_done(OperationState& operation, std::uint64_t token) {
    enter();
    notices_.await(operation, token);
}

}  // namespace v0
}  // namespace anynats
