// A thread that waits in a driver, and how long nobody leads before the background thread does.
// For driver.cpp and driver_waits.cpp.
#pragma once

#include <atomic>
#include <cstdint>

#include "drive/driver.hpp"
#include "drive/parking.hpp"

namespace anynats {
inline namespace v0 {

inline constexpr Duration linger_time = std::chrono::milliseconds(10);

/// It sleeps on a futex word and not on a condition variable, because only
/// the former returns when a signal comes.
class Driver::Parked final : public Waiter {
public:
    Parked(Driver& driver_, WakeDescriptor& descriptor_)
        : driver(driver_), descriptor(descriptor_) {
        present.parked = this;
        driver.present_.push_back(present);
    }

    void wake() noexcept override {
        told = true;
        if (asleep) driver.woken_.push_back(*this);
        if (polling) descriptor.wake();
    }

    Driver& driver;
    WakeDescriptor& descriptor;
    Present present;
    bool leads = false;
    bool asleep = false;       // in follow(), on the futex word
    bool polling = false;      // in lead(), without the lock
    bool for_writing = false;  // and it wakes when the socket has room
    bool told = false;         // woken since it last looked
    bool interrupted = false;  // a signal came: ask whether it ends the wait
    std::atomic<std::uint32_t> word{0};
};

}  // namespace v0
}  // namespace anynats
