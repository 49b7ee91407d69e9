// See seat.hpp. Everything here but sleep() is under the driver's lock, and nothing waits in it.
// In a forked child the poller is the parent's and is left alone; the driver says ForkError.
#include "drive/seat.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "drive/parking.hpp"
#include "net/sys.hpp"

namespace anynats {
inline namespace v0 {

namespace {

constexpr std::uint64_t wake_tag = 0, connection_tag = 1;

[[noreturn]] void refuse_seat(int problem) {
    throw_error(Error(ErrorCode::connection_error,
                      "no descriptor for an event loop to wait: " + errno_text(problem)));
}

}  // namespace

/// A call that may change whether anything on the loop waits.
class Seat::Change {
public:
    explicit Change(Seat& seat) : inside_(*seat.driver_), seat_(seat), waited_(seat.waits()) {}
    ~Change() {
        if (seat_.waits() == waited_) return;
        if (waited_) {
            seat_.driver_->rise(seat_);
        } else {
            seat_.driver_->sit(seat_);
        }
    }
    Change(const Change&) = delete;
    Change& operator=(const Change&) = delete;

private:
    const Inside inside_;
    Seat& seat_;
    const bool waited_;
};

Seat::Seat(std::shared_ptr<Driver> driver)
    : driver_(std::move(driver)), wake_(sys().eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!wake_) refuse_seat(errno);
    if (const int problem = poller_.add(wake_.get(), Poller::readable, wake_tag))
        refuse_seat(problem);
    if (const int problem = poller_.add(driver_->poll_fd(), 0, connection_tag))
        refuse_seat(problem);
}

Seat::~Seat() {
    const Inside inside(*driver_);
    driver_->leave_seat(*this);
    Notices::clear();
    poller_.remove(driver_->poll_fd());
    poller_.remove(wake_.get());
}

void Seat::watch_connection(bool yes) noexcept {
    poller_.modify(driver_->poll_fd(), yes ? Poller::readable : 0, connection_tag);
}

/// In whatever thread drives. Those of one turn share a wake-up.
void Seat::told() noexcept {
    if (in_turn_ || signalled_ || poller_.inherited()) return;
    signalled_ = true;
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = ::write(wake_.get(), &one, sizeof one);
}

std::vector<std::uint64_t> Seat::turn() {
    const Inside inside(*driver_);
    if (signalled_) {
        signalled_ = false;
        std::uint64_t times;
        [[maybe_unused]] const ssize_t n = ::read(wake_.get(), &times, sizeof times);
    }
    away_ = false;
    in_turn_ = true;
    driver_->turn(*this);
    in_turn_ = false;
    return Notices::take_completions();
}

void Seat::flush() {
    const Inside inside(*driver_);
    driver_->push();
}

void Seat::away() {
    const Inside inside(*driver_);
    away_ = true;
    away_since_ = driver_->went_away(*this);
}

void Seat::sleep(Time until) noexcept {
    away_ = false;
    const timespec wait = to_timespec(until - monotonic_now());
    pollfd descriptor{fd(), POLLIN, 0};
    ::ppoll(&descriptor, 1, until == never ? nullptr : &wait, nullptr);
}

bool Seat::notify_done(OperationState& operation, std::uint64_t token) {
    const Change change(*this);
    await(operation, token);
    return driver_->session().size_to_send() != 0;
}

void Seat::forget(std::uint64_t token) noexcept {
    const Change change(*this);
    Notices::forget(token);
}

}  // namespace v0
}  // namespace anynats
