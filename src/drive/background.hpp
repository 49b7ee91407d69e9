// The one background thread of the process: it drives connections that nobody else drives just now.
// It blocks all signals, never runs user code and never takes the GIL. It waits on one epoll of
// {the connections' descriptors, a timer} and is never woken to do something that can wait a tick.
// Around a fork there is no such thread, and every driver is locked (background_fork.cpp).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "core/list.hpp"
#include "core/timers.hpp"
#include "net/socket.hpp"
#include "net/thread.hpp"

namespace anynats {
inline namespace v0 {

class Driver;

class Background {
public:
    /// This process's. Throws Error when there is no descriptor left to make it.
    static Background& instance();

    /// Know `driver`, whose connection has the descriptor `fd`. Returns its number here. Throws
    /// Error when there is no thread, or no room for the descriptor.
    std::uint64_t add(const std::shared_ptr<Driver>& driver, int fd);
    // In a forked child these do nothing: it is the parent's, and so is its epoll instance.
    void remove(std::uint64_t number, int fd) noexcept;
    /// Watch `fd` for reading, or stop. The thread is not woken by it.
    void watch(std::uint64_t number, int fd, bool yes) noexcept;
    /// Call Driver::tick at `due`, or earlier if that was asked for.
    void schedule(std::uint64_t number, Time due) noexcept;

    /// Not while it is paused, nor when there was no thread to be had. Then schedule() tries again,
    /// and nobody keeps times meanwhile.
    bool running() const noexcept { return running_.load(std::memory_order_relaxed); }

    /// End the thread, and have none until resume() was called as often. What it would have done
    /// is done later. For whoever knows of a fork earlier and longer than pthread_atfork.
    static void pause() noexcept;
    static void resume() noexcept;

private:
    struct Entry final : Timer, ListHook {
        std::weak_ptr<Driver> driver;
        List<Entry>* due_list = nullptr;
        void expired() noexcept override { due_list->push_back(*this); }
    };

    explicit Background(Background* parents);
    static Background* existing() noexcept;
    bool inherited() const noexcept { return this != existing(); }
    int ensure_running() noexcept;
    void stop() noexcept;
    void run();
    std::shared_ptr<Driver> find(std::uint64_t number);
    std::shared_ptr<Driver> next_due();
    bool begin_tick() noexcept;
    void set_timer(Time due) noexcept;

    static void before_fork() noexcept;
    static void after_fork_in_parent() noexcept;
    static void after_fork_in_child() noexcept;
    void hold_drivers() noexcept;

    std::mutex mutex_;
    Timers timers_;
    List<Entry> due_;
    std::unordered_map<std::uint64_t, Entry> entries_;
    Time timer_set_ = never;
    std::uint64_t next_number_ = 1;
    Fd epoll_, timer_;
    OwnThread thread_;
    std::atomic<bool> running_{false};
    bool stopping_ = false;
    std::mutex joining_;
    std::vector<std::shared_ptr<Driver>> held_;  // over a fork
    Background* const parents_;                  // so that leak checkers see it
};

}  // namespace v0
}  // namespace anynats
