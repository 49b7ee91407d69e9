// The heap behind timers.hpp: each move writes the timer's position, so that disarming needs no
// search. Never calls a clock and never allocates but in arm().
#include "core/timers.hpp"

#include <algorithm>

namespace anynats {
inline namespace v0 {

Timer::~Timer() {
    disarm();
}

void Timer::disarm() noexcept {
    if (heap_) heap_->disarm(*this);
}

Timers::~Timers() {
    for (Timer* timer : heap_) timer->heap_ = nullptr;
}

void Timers::arm(Timer& timer, Time due) {
    timer.disarm();
    if (due == never) return;
    heap_.push_back(&timer);
    timer.heap_ = this;
    timer.due_ = due;
    timer.position_ = heap_.size() - 1;
    sift_up(timer.position_);
}

void Timers::reserve(std::size_t count) {
    if (count > heap_.capacity()) heap_.reserve(std::max(count, 2 * heap_.capacity()));
}

void Timers::disarm(Timer& timer) noexcept {
    const std::size_t at = timer.position_;
    Timer* last = heap_.back();
    heap_.pop_back();
    timer.heap_ = nullptr;
    if (last == &timer) return;
    place(at, last);
    sift_up(at);
    sift_down(last->position_);
}

void Timers::expire(Time now) noexcept {
    while (!heap_.empty() && heap_.front()->due_ <= now) {
        Timer* timer = heap_.front();
        disarm(*timer);
        timer->expired();
    }
}

bool Timers::check() const noexcept {
    for (std::size_t i = 0; i < heap_.size(); ++i) {
        if (heap_[i]->position_ != i || heap_[i]->heap_ != this) return false;
        if (i > 0 && heap_[(i - 1) / 2]->due_ > heap_[i]->due_) return false;
    }
    return true;
}

void Timers::place(std::size_t at, Timer* timer) noexcept {
    heap_[at] = timer;
    timer->position_ = at;
}

void Timers::sift_up(std::size_t at) noexcept {
    Timer* timer = heap_[at];
    while (at > 0 && heap_[(at - 1) / 2]->due_ > timer->due_) {
        place(at, heap_[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    place(at, timer);
}

void Timers::sift_down(std::size_t at) noexcept {
    Timer* timer = heap_[at];
    for (;;) {
        std::size_t child = 2 * at + 1;
        if (child >= heap_.size()) break;
        if (child + 1 < heap_.size() && heap_[child + 1]->due_ < heap_[child]->due_) ++child;
        if (heap_[child]->due_ >= timer->due_) break;
        place(at, heap_[child]);
        at = child;
    }
    place(at, timer);
}

}  // namespace v0
}  // namespace anynats
