// See allocations.hpp. Sizes are those that malloc gave, so that bytes are what memory is used for.
#include "allocations.hpp"

#include <malloc.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>

#include "../support/replace_new.hpp"

namespace {

std::atomic<long> blocks{0}, bytes{0};
std::atomic<long> counted{0}, fail_from{0}, fail_to{0}, failures{0};
std::atomic<bool> failing{false};
std::atomic<int> exempt_tid{0};
thread_local bool exempt = false;
thread_local int tid = 0;
thread_local int inside = 0;

bool is_exempt() noexcept {
    if (inside) return false;
    if (exempt) return true;
    if (!tid) tid = static_cast<int>(::syscall(SYS_gettid));
    return tid == exempt_tid.load(std::memory_order_relaxed);
}

bool fails() noexcept {
    if (!failing.load(std::memory_order_relaxed) || is_exempt()) return false;
    const long number = counted.fetch_add(1) + 1;
    if (number < fail_from.load() || number >= fail_to.load()) return false;
    failures.fetch_add(1);
    return true;
}

}  // namespace

void* replace_new::allocate(std::size_t size, std::size_t alignment) noexcept {
    if (fails()) return nullptr;
    void* const memory = allocate_for_real(size, alignment);
    if (!memory) return nullptr;
    blocks.fetch_add(1, std::memory_order_relaxed);
    bytes.fetch_add(static_cast<long>(::malloc_usable_size(memory)), std::memory_order_relaxed);
    return memory;
}

void replace_new::release(void* memory) noexcept {
    if (!memory) return;
    blocks.fetch_sub(1, std::memory_order_relaxed);
    bytes.fetch_sub(static_cast<long>(::malloc_usable_size(memory)), std::memory_order_relaxed);
    std::free(memory);
}

namespace process_test {

Alive alive() {
    return {blocks.load(), bytes.load()};
}

void exempt_this_thread() {
    exempt = true;
}

void exempt_thread(int other) {
    exempt_tid.store(other);
}

LibraryCall::LibraryCall() {
    ++inside;
}

LibraryCall::~LibraryCall() {
    --inside;
}

void fail_allocations(long from, long to) {
    failing.store(false);
    counted.store(0);
    failures.store(0);
    fail_from.store(from);
    fail_to.store(to);
    failing.store(to > from);
}

long asked_for() {
    return counted.load();
}

long failed() {
    return failures.load();
}

}  // namespace process_test
