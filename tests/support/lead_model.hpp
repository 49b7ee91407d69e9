// The hand-over of reading (design 4b) as a model that can be searched: see test_lead_table.cpp.
// The steps are named like the functions of src/drive/driver.cpp and are as long as what those do
// under one lock; between two steps anybody else may run. Each caller waits for one reply. The
// world sends replies and data for nobody at any time, ends waits from other threads, wakes in
// vain, lets deadlines pass and signals come. Faults can be planted.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace lead_model {

constexpr int most_callers = 3;

enum Lead : std::uint8_t { nobody, caller, background };

/// Where a caller stands while it does not hold the lock.
enum At : std::uint8_t {
    outside,    // before wait_until
    polling,    // lead(): in ppoll, or about to call it
    reading,    // lead(): ppoll has returned; reads, then takes the lock
    following,  // follow(): gave up the lock, is about to look at its word
    asleep,     // follow(): in the futex
    awake,      // follow(): back from it, about to take the lock
    checking,   // in the interrupt check, which may use the client and take its time
    gone,       // wait_until has returned
};

enum Fault {
    correct,
    leave_does_not_arm,
    linger_is_not_ended,
    take_lead_blindly,
    tick_reads_blindly,
    no_look_after_check,
    lead_kept_in_check,
    wake_before_word,
    word_cleared_unlocked,
    poller_not_woken,
    follower_not_woken,
    look_outside_the_lock,
};
constexpr const char* planted[] = {
    "no fault",
    "leave_lead() forgets those who follow",
    "leave_lead() lingers without asking for a tick",
    "take_lead() does not look whether somebody leads",
    "tick() reads although it does not lead",
    "a wake-up that came during the interrupt check is forgotten",
    "the interrupt check runs in a thread that keeps the lead",
    "leave() wakes the sleeper and sets its word then",
    "follow() empties its word after it gave up the lock",
    "wake() does not think of a leader in ppoll",
    "finish_read() does not wake others who are done",
    "wait_until joins later than it looked",
};

/// All bytes, so that states are compared and hashed as such.
struct State {
    struct Caller {
        At at = outside;
        std::uint8_t leads = 0, joined = 0, done = 0, late = 0;
        std::uint8_t signalled = 0;                       // self.interrupted: the check is due
        std::uint8_t told = 0;                            // the wake-up descriptor is readable
        std::uint8_t word = 0, wake = 0, word_later = 0;  // the futex; its wake-up is on its way
        std::uint8_t reply = 0;                           // 1 sent for, 2 in the socket, 3 read
        std::uint8_t signals = 0, false_wakes = 0, ends = 0;  // what the world may still do
    } callers[most_callers];
    Lead lead = background;  // Driver::make
    std::uint8_t readable = 0, noise = 0;
    std::uint8_t watched = 1, event = 0, tick = 0;  // the background thread
};

class Model {
public:
    Model(int callers, Fault fault) : callers_(callers), fault_(fault) {}

    /// Every step from `from`: `step(what, to, is_of_the_world)`.
    using Step = std::function<void(std::string, const State&, bool)>;
    void steps(const State& from, const Step& step) {
        for (int i = 0; i < callers_; ++i) {
            State s = from;
            const char* what = caller_step(s, i);
            if (what) step(name(i) + what, s, from.callers[i].at == checking);
            futex_steps(from, i, step);
            world_steps(from, i, step);
        }
        background_steps(from, step);
        if (from.noise) {
            State s = from;
            --s.noise;
            s.readable = 1;
            step("data for nobody arrives", s, true);
        }
    }

    std::string flaw;  // two readers

    std::string judge(const State& s, bool at_rest) const {
        int leaders = 0;
        for (int i = 0; i < callers_; ++i) leaders += s.callers[i].leads;
        if (leaders > 1 || (leaders == 1) != (s.lead == caller)) return "two readers";
        for (int i = 0; at_rest && i < callers_; ++i) {
            const State::Caller& c = s.callers[i];
            if (c.at == gone || c.at == checking) continue;
            if (c.done || c.late) return "nobody wakes " + name(i);
        }
        return at_rest && s.readable ? "nobody reads" : "";
    }

private:
    static std::string name(int i) { return std::string(1, static_cast<char>('A' + i)) + ' '; }

    // Parts of functions, under the lock.

    void wake(State::Caller& c) const {  // Parked::wake, and leave() for what is in woken_
        if (!c.joined) return;
        c.joined = 0;
        if (c.at == following || c.at == asleep || c.at == awake) {
            (fault_ == wake_before_word ? c.word_later : c.word) = 1;
            c.wake = 1;
        }
        if ((c.at == polling || c.at == reading) && fault_ != poller_not_woken) c.told = 1;
    }

    void read(State& s, bool wakes) const {  // finish_read, or drive
        s.readable = 0;
        for (int i = 0; i < callers_; ++i) {
            State::Caller& c = s.callers[i];
            if (c.reply != 2) continue;
            c.reply = 3;
            c.done = 1;
            if (wakes) wake(c);
        }
    }

    static void arm_background(State& s) {
        s.lead = background;
        s.watched = 1;
    }

    void leave_lead(State& s, State::Caller& c) const {
        c.leads = 0;
        s.lead = nobody;
        bool followers = false;
        for (int i = 0; i < callers_; ++i) {
            const At at = s.callers[i].at;
            followers |= at == following || at == asleep || at == awake;
        }
        if (followers && fault_ != leave_does_not_arm) {
            arm_background(s);
        } else {
            s.tick = !followers && fault_ != linger_is_not_ended;
        }
    }

    bool take_lead(State& s, State::Caller& c) const {
        if (s.lead == caller && fault_ != take_lead_blindly) return false;
        if (s.lead == background) s.watched = 0;
        s.lead = caller;
        c.leads = 1;
        return true;
    }

    /// One round of wait_until, to where the lock is given up: in the check, lead() or follow().
    void wait_until(State& s, State::Caller& c, bool look) const {
        if (look && (c.done || c.late)) {
            c.joined = 0;
            c.at = gone;
            if (c.leads) leave_lead(s, c);
            return;
        }
        if (c.signalled) {
            c.signalled = 0;
            if (c.leads && fault_ != lead_kept_in_check) leave_lead(s, c);
            c.at = checking;
            return;
        }
        c.joined = 1;
        c.at = c.leads || take_lead(s, c) ? polling : following;
        if (c.at == following && fault_ != word_cleared_unlocked) c.word = 0;
    }

    /// What caller `i` does next by itself; null when it sleeps or is gone.
    const char* caller_step(State& s, int i) const {
        State::Caller& c = s.callers[i];
        const At at = c.at;
        switch (at) {
            case outside:
                if (c.reply != 0) {
                    wait_until(s, c, fault_ != look_outside_the_lock);
                    return "wait_until";
                }
                c.reply = 1;  // takes the lock for itself
                return "request";
            case polling:
                if (!s.readable && !c.told && !c.late && !c.signalled) return nullptr;
                c.told = 0;
                c.at = reading;
                return "lead: ppoll returns";
            case reading:
                c.at = outside;  // under the lock: neither polling nor asleep
                if (s.readable) read(s, fault_ != follower_not_woken);
                wait_until(s, c, true);
                return "lead: finish_read";
            case following:
                if (fault_ == word_cleared_unlocked) c.word = 0;
                c.at = c.word ? awake : asleep;
                return "follow: futex_wait";
            case asleep:
                if (!c.late && !c.signalled) return nullptr;
                c.at = awake;
                return "follow: deadline or signal";
            case awake:
                c.at = outside;
                wait_until(s, c, true);
                return "follow: returns";
            case checking:
                wait_until(s, c, fault_ != no_look_after_check);
                return "check returns";
            case gone:
                return nullptr;
        }
        return nullptr;
    }

    void futex_steps(const State& from, int i, const Step& step) const {
        State s = from;
        State::Caller& c = s.callers[i];
        if (c.wake) {
            c.wake = 0;
            if (c.at == asleep) c.at = awake;
            step("futex_wake of " + name(i), s, false);
        } else if (c.word_later) {
            c.word = std::exchange(c.word_later, std::uint8_t{0});
            step("the word of " + name(i), s, false);
        }
    }

    void background_steps(const State& from, const Step& step) {
        State s = from;
        if (s.watched && s.readable && !s.event) {
            s.event = 1;
            step("background: epoll_wait returns", s, false);
        }
        s = from;
        if (s.event || s.tick) {
            const bool linger_over = s.tick;
            (s.event ? s.event : s.tick) = 0;
            if (!from.event && s.lead == nobody && linger_over) arm_background(s);
            if (s.readable && (s.lead == background || fault_ == tick_reads_blindly)) {
                if (s.lead == caller) flaw = "two readers: tick";
                read(s, true);
            }
            step(from.event ? "tick(readable)" : "tick", s, false);
        }
    }

    void world_steps(const State& from, int i, const Step& step) const {
        const auto change = [&](const char* what, bool possible, auto edit) {
            if (!possible) return;
            State s = from;
            edit(s, s.callers[i]);
            step(what + name(i), s, true);
        };
        const State::Caller& now = from.callers[i];
        const bool waits = now.reply != 0 && now.at != gone;
        change("a reply arrives for ", now.reply == 1, [](State& s, auto& c) {
            c.reply = 2;
            s.readable = 1;
        });
        change("another thread ends the wait of ", waits && now.ends && !now.done,
               [this](State&, auto& c) {  // unsubscribe, close, a timer run by somebody else
                   c.ends = 0;
                   c.done = 1;
                   wake(c);
               });
        change("somebody else took the message of ", now.joined && now.false_wakes,
               [this](State&, auto& c) {
                   --c.false_wakes;
                   wake(c);
               });
        change("the deadline passes of ", waits && now.ends && !now.late,
               [](State&, auto& c) { c.late = 1; });
        change("a signal comes to ", waits && now.at != outside && now.signals,
               [](State&, auto& c) {
                   --c.signals;
                   c.signalled = 1;
               });
    }

    const int callers_;
    const Fault fault_;
};

}  // namespace lead_model
