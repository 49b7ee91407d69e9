// The clock of the benchmark programs: wall time, CPU time and voluntary context switches over a
// window, printed as one line of JSON. Shared by the raw programs and by our own C++ client, so
// that all of them count in the same way. One thread; not part of the library.
#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <vector>

namespace bench {

inline std::int64_t now_ns() {
    const auto since = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::nanoseconds>(since).count();
}

inline std::int64_t cpu_ns(const rusage& usage) {
    const auto nanoseconds = [](const timeval& time) {
        return std::int64_t{time.tv_sec} * 1'000'000'000 + std::int64_t{time.tv_usec} * 1'000;
    };
    return nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime);
}

// Opens when it is made, closes at finish(). CPU is of all threads: a client that moves its work to
// another thread has not made it cheaper.
class Window {
public:
    Window() {
        getrusage(RUSAGE_SELF, &process_);
        getrusage(RUSAGE_THREAD, &thread_);
        start_ns_ = now_ns();
    }

    // Latencies may be empty; they are sorted here, outside the window.
    void finish(std::int64_t n, std::vector<std::int64_t> latencies_ns = {}) const {
        const double seconds = static_cast<double>(now_ns() - start_ns_) / 1e9;
        rusage process{};
        rusage thread{};
        getrusage(RUSAGE_SELF, &process);
        getrusage(RUSAGE_THREAD, &thread);
        std::printf(
            "{\"n\":%lld,\"seconds\":%.6f,\"cpu_ns\":%lld,\"nvcsw\":%ld,\"nvcsw_thread\":%ld",
            static_cast<long long>(n), seconds,
            static_cast<long long>(cpu_ns(process) - cpu_ns(process_)),
            process.ru_nvcsw - process_.ru_nvcsw, thread.ru_nvcsw - thread_.ru_nvcsw);
        if (!latencies_ns.empty()) {
            std::sort(latencies_ns.begin(), latencies_ns.end());
            const auto at = [&](std::size_t percent) {
                const std::size_t index = (latencies_ns.size() - 1) * percent / 100;
                return static_cast<double>(latencies_ns[index]) / 1e3;
            };
            std::printf(",\"p50_us\":%.2f,\"p99_us\":%.2f", at(50), at(99));
        }
        std::printf("}\n");
        std::fflush(stdout);
    }

private:
    rusage process_{};
    rusage thread_{};
    std::int64_t start_ns_ = 0;
};

}  // namespace bench
