// What the tests of a process's life share: what the kernel says of this process, its limit of open
// files, children whose exit code tells how they did, and longer runs when they are asked for.
#pragma once

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>

#include <anynats/anynats.hpp>

#include "../support/echo_server.hpp"
#include "../support/waiting.hpp"

namespace process_test {

using namespace anynats;
using namespace test_support;

/// A field of /proc/self/status in bytes: VmRSS, VmHWM.
inline long memory(const char* field) {
    return std::stol(task_status(my_tid(), field)) * 1024;
}

/// Another limit of open files while this lives. More than the hard limit is for root only.
class FileLimit {
public:
    explicit FileLimit(rlim_t files) {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        rlimit now = before_;
        now.rlim_cur = files;
        now.rlim_max = std::max(files, now.rlim_max);
        if (::setrlimit(RLIMIT_NOFILE, &now) != 0) {
            now.rlim_cur = now.rlim_max = before_.rlim_max;
            ::setrlimit(RLIMIT_NOFILE, &now);
        }
        files_ = now.rlim_cur;
    }
    ~FileLimit() { ::setrlimit(RLIMIT_NOFILE, &before_); }
    FileLimit(const FileLimit&) = delete;
    FileLimit& operator=(const FileLimit&) = delete;
    rlim_t files() const { return files_; }

private:
    rlimit before_{};
    rlim_t files_ = 0;
};

inline constexpr int well = 100;

/// Run `body` in a child. Its exit code; `well` when it returned without a failure, 101 with one,
/// 102 when it threw; minus a signal's number. It has so many seconds.
inline int in_child(const std::function<void()>& body, unsigned seconds = 20) {
    std::fflush(nullptr);
    EchoServer::at_work.lock();
    const pid_t pid = ::fork();
    EchoServer::at_work.unlock();
    if (pid == 0) {
        ::alarm(seconds);
        try {
            body();
        } catch (const std::exception& error) {
            std::fprintf(stderr, "child: %s\n", error.what());
            ::_exit(102);
        }
        ::_exit(testing::Test::HasFailure() ? 101 : well);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace process_test
