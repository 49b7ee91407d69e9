// What tests with threads lean on: an end to a test that hangs, counts of descriptors, threads and
// context switches as the kernel tells them, and waiting for a condition with a deadline.
#pragma once

#include <dirent.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <thread>

#include <gtest/gtest.h>

namespace test_support {

using namespace std::chrono_literals;

/// Ends the process by SIGALRM when it lives longer than `seconds`: a wait was forgotten for ever.
class EndsWithin {
public:
    explicit EndsWithin(unsigned seconds) { ::alarm(seconds); }
    ~EndsWithin() { ::alarm(0); }
    EndsWithin(const EndsWithin&) = delete;
    EndsWithin& operator=(const EndsWithin&) = delete;
};

/// Look again and again until `condition` holds; false when it did not within ten seconds. For
/// what can only be looked at: never to give a race time to be won.
inline bool becomes_true(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::yield();
    }
    return true;
}

inline std::size_t entries_of(const char* directory) {
    std::size_t count = 0;
    DIR* const open = ::opendir(directory);
    while (::readdir(open)) ++count;
    ::closedir(open);
    return count;
}
inline std::size_t open_descriptors() {
    return entries_of("/proc/self/fd");
}
inline std::size_t threads() {
    return entries_of("/proc/self/task");
}

/// A field of /proc/self/task/<tid>/status.
inline std::string task_status(const std::string& tid, std::string_view field) {
    std::ifstream file("/proc/self/task/" + tid + "/status");
    for (std::string line; std::getline(file, line);) {
        if (!line.starts_with(field)) continue;
        return line.substr(line.find_first_not_of("\t ", field.size() + 1));
    }
    return {};
}

/// Voluntary context switches of each thread of the process, by its number.
inline std::map<std::string, std::uint64_t> voluntary_switches() {
    std::map<std::string, std::uint64_t> all;
    DIR* const open = ::opendir("/proc/self/task");
    while (const dirent* entry = ::readdir(open)) {
        if (entry->d_name[0] == '.') continue;
        const std::string count = task_status(entry->d_name, "voluntary_ctxt_switches");
        if (!count.empty()) all[entry->d_name] = std::stoull(count);
    }
    ::closedir(open);
    return all;
}

inline std::string my_tid() {
    return std::to_string(::syscall(SYS_gettid));
}

/// Whether the thread sleeps in the kernel just now.
inline bool sleeps(const std::string& tid) {
    return task_status(tid, "State").starts_with("S");
}

inline std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
    const char* const text = std::getenv(name);
    return text && *text ? std::strtoull(text, nullptr, 0) : otherwise;
}

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

}  // namespace test_support
