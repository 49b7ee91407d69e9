// See notices.hpp. Waking must not fail, so the place of a completion is made with its notice.
// A token that has been told may be asked for anew without having been forgotten.
#include "drive/notices.hpp"

namespace anynats {
inline namespace v0 {

void Notices::Notice::wake() noexcept {
    all->completions_.push_back(token);
    all->told();
}

Notices::Notice& Notices::made(std::uint64_t token) {
    Notice& notice = notices_[token];
    notice.all = this;
    notice.token = token;
    notice.sub.reset();
    completions_.reserve(notices_.size());
    return notice;
}

void Notices::await_done(OperationState& operation, std::uint64_t token) {
    Notice& notice = made(token);
    if (operation.done()) {
        notice.wake();
    } else {
        operation.join(notice);
    }
}

void Notices::await_message(SubscriptionQueue& queue, std::uint64_t token) {
    Notice& notice = made(token);
    notice.sub = queue.state;
    if (!queue.state->held.empty() || queue.state->ended) {
        notice.wake();
    } else {
        queue.state->waiters.join(notice);
    }
}

void Notices::forget(std::uint64_t token) noexcept {
    const auto found = notices_.find(token);
    if (found == notices_.end()) return;
    const std::shared_ptr<SubscriptionState> sub = found->second.sub;
    const bool was_told = !found->second.linked();
    notices_.erase(found);
    if (sub && was_told && !sub->held.empty()) sub->waiters.wake_one();
}

std::vector<std::uint64_t> Notices::take_completions() {
    std::vector<std::uint64_t> taken;
    taken.swap(completions_);
    completions_.reserve(notices_.size());
    return taken;
}

}  // namespace v0
}  // namespace anynats
