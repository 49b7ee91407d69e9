// See notices.hpp. Waking must not fail, so the place of a completion is made with its notice.
// A token that has been told may be asked for anew without having been forgotten.
#include "drive/notices.hpp"

namespace anynats {
inline namespace v0 {

void Notices::Notice::wake() noexcept {
    all->completions_.push_back(token);
    all->told();
}

void Notices::await(OperationState& operation, std::uint64_t token) {
    Notice& notice = notices_[token];
    notice.all = this;
    notice.token = token;
    completions_.reserve(notices_.size());
    if (operation.done()) {
        notice.wake();
    } else {
        operation.join(notice);
    }
}

std::vector<std::uint64_t> Notices::take_completions() {
    std::vector<std::uint64_t> taken;
    taken.swap(completions_);
    completions_.reserve(notices_.size());
    return taken;
}

}  // namespace v0
}  // namespace anynats
