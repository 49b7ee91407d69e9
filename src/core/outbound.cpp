// Frame boundaries are found by walking our own frames, and only when a write was partial or a
// connection broke: a publish pays nothing for it.
#include "core/outbound.hpp"

#include <algorithm>

namespace anynats {
inline namespace v0 {

void Outbound::sent(std::size_t n) noexcept {
    const std::size_t opening = std::min(n, opening_.size());
    opening_.consume(opening);
    opening_.shrink(0);  // not needed before the next connection
    n -= opening;
    if (n == 0) return;
    if (most_ != all) most_ -= n;
    if (n == pending_.size()) {
        begun_ = 0;
    } else if (n < begun_) {
        begun_ -= n;
    } else {
        std::size_t boundary = begun_;
        while (boundary < n) {
            const WrittenFrame frame = measure_written(pending_.view().substr(boundary));
            boundary += frame.size;
            begun_publish_ = frame.is_publish;
        }
        begun_ = boundary - n;
    }
    pending_.consume(n);
}

std::size_t Outbound::broken() noexcept {
    opening_.clear();
    open_ = false;
    most_ = all;
    const std::size_t lost = begun_ > 0 && begun_publish_ ? 1 : 0;
    pending_.consume(begun_);
    begun_ = 0;
    // Keep the publishes, in place: SUB and UNSUB are replayed from the table, PING and PONG
    // belong to the connection that is gone.
    filter([](std::string_view, const WrittenFrame& frame) { return frame.is_publish; });
    return lost;
}

std::size_t Outbound::clear() noexcept {
    const std::size_t lost = count_publishes() + (begun_ > 0 && begun_publish_ ? 1 : 0);
    opening_.clear();
    pending_.clear();
    begun_ = 0;
    most_ = all;
    return lost;
}

std::size_t Outbound::count_publishes() const noexcept {
    std::size_t count = 0;
    for (std::string_view rest = pending_.view().substr(begun_); !rest.empty();) {
        const WrittenFrame frame = measure_written(rest);
        count += frame.is_publish ? 1 : 0;
        rest.remove_prefix(frame.size);
    }
    return count;
}

}  // namespace v0
}  // namespace anynats
