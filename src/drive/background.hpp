// The one background thread of the process: it drives connections that nobody else drives just now.
// It blocks all signals, never runs user code and never takes the GIL. It waits on one epoll of
// {the connections' descriptors, a timer} and is never woken to do something that can wait a tick.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "core/list.hpp"
#include "core/timers.hpp"

namespace anynats {
inline namespace v0 {

class Driver;

class Background {
public:
    static Background& instance();

    /// Know `driver`, whose connection has the descriptor `fd`. Returns its number here.
    std::uint64_t add(const std::shared_ptr<Driver>& driver, int fd);
    void remove(std::uint64_t number, int fd) noexcept;
    /// Watch `fd` for reading, or stop. The thread is not woken by it.
    void watch(std::uint64_t number, int fd, bool yes) noexcept;
    /// Call Driver::tick at `due`, or earlier if that was asked for.
    void schedule(std::uint64_t number, Time due) noexcept;

private:
    struct Entry final : Timer, ListHook {
        std::weak_ptr<Driver> driver;
        List<Entry>* due_list = nullptr;
        void expired() noexcept override { due_list->push_back(*this); }
    };

    Background();
    void start();
    [[noreturn]] void run();
    std::shared_ptr<Driver> find(std::uint64_t number);
    std::shared_ptr<Driver> next_due();
    void set_timer(Time due) noexcept;

    std::mutex mutex_;
    Timers timers_;
    List<Entry> due_;
    std::unordered_map<std::uint64_t, Entry> entries_;
    Time timer_set_ = never;
    std::uint64_t next_number_ = 1;
    int epoll_ = -1, timer_ = -1;
    bool started_ = false;
};

}  // namespace v0
}  // namespace anynats
