// Event loops as leaders: what a driver does for its seats (seat.hpp). A loop leads like the
// background thread, by watching the descriptor; whoever takes over does not have to wake it.
#include <algorithm>

#include "core/session_state.hpp"
#include "drive/background.hpp"
#include "drive/driver.hpp"
#include "drive/parked.hpp"
#include "drive/seat.hpp"

namespace anynats {
inline namespace v0 {

void Driver::lead_by(Seat& seat) noexcept {
    end_watch();
    lead_ = Lead::loop;
    seated_ = &seat;
    seat.watch_connection(true);
}

void Driver::end_watch() noexcept {
    if (lead_ == Lead::background) background_->watch(number_, connection_.poll_fd(), false);
    if (seated_) std::exchange(seated_, nullptr)->watch_connection(false);
}

/// Whether nobody waits where the lead is: it goes to the background thread after the linger.
bool Driver::lingers() const noexcept {
    return lead_ == Lead::none || (lead_ == Lead::loop && !seated_->waits());
}

/// Since when nobody would read if something came; never if somebody would.
Time Driver::unread_since() const noexcept {
    if (lingers()) return left_at_;
    return lead_ == Lead::loop ? seated_->away_since() : never;
}

/// Whoever led waits no longer.
void Driver::left_lead() {
    left_at_ = clock();
    if (followers_ > 0 || seats_waiting_ > 0 || callbacks_.awaited() > 0 || connection_.blocked()) {
        arm_background();
    } else {
        schedule(after(left_at_, linger_time));
    }
}

void Driver::sit(Seat& seat) noexcept {
    ++seats_waiting_;
    // Another loop may be busy with other things for long: the last that came to wait leads.
    if (lead_ != Lead::caller && seated_ != &seat) lead_by(seat);
}

void Driver::rise(Seat& seat) noexcept {
    --seats_waiting_;
    if (seated_ == &seat) left_lead();
}

void Driver::turn(Seat& seat) {
    if (lead_ == Lead::background && seat.waits()) lead_by(seat);
    if (seated_ != &seat) return;
    connection_.drive(clock());
    schedule(connection_.next_timeout());  // the background thread keeps times for a loop
}

Time Driver::went_away(Seat& seat) noexcept {
    const Time now = clock();
    if (seated_ == &seat) schedule(after(now, linger_time));
    return now;
}

void Driver::leave_seat(Seat& seat) noexcept {
    if (seat.waits()) --seats_waiting_;
    if (seated_ == &seat) arm_background();
}

}  // namespace v0
}  // namespace anynats
