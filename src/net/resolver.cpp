// The helper thread and its queue. getaddrinfo cannot be interrupted, so nobody joins the thread
// but a fork, and only while it is not in there; its small state is leaked on purpose, because a
// thread that still runs when the process ends must find its mutex alive. A forked child has no
// helper and may find the mutex locked for ever: it makes a state of its own (fork_count). Names
// wait for each other here; each waits no longer than its connection's own deadline.
#include "net/resolver.hpp"

#include <errno.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <new>

#include "net/thread.hpp"

namespace anynats {
inline namespace v0 {

struct Lookup::Job {
    std::string host;
    std::uint16_t port = 0;
    std::atomic<bool> done{false};
    // The rest belongs to the helper's mutex until done.
    Fd event;
    bool abandoned = false;
    std::vector<Address> addresses;
    int problem = 0, system_error = 0;  // EAI_* and, for EAI_SYSTEM, errno
};

struct Lookup::Helper {
    std::uint64_t forks = fork_count();
    Helper* previous = nullptr;  // the parent's, so that leak checkers see it
    std::mutex mutex;
    std::condition_variable wake;
    std::deque<std::shared_ptr<Job>> queue;
    OwnThread thread;
    bool looking = false, stopping = false;

    static std::atomic<Helper*> instance;

    static Helper& current();
    static void before_fork() noexcept;
    static void after_fork_in_parent() noexcept;
    int ensure_running() noexcept;
    void run();
    static void look_up(Job& into, const std::string& host, std::uint16_t port) noexcept;
};

constinit std::atomic<Lookup::Helper*> Lookup::Helper::instance{nullptr};

Lookup::Helper& Lookup::Helper::current() {
    static const int registered = ::pthread_atfork(before_fork, after_fork_in_parent, nullptr);
    static_cast<void>(registered);
    Helper* have = instance.load(std::memory_order_acquire);
    if (have && have->forks == fork_count()) return *have;
    auto fresh = std::make_unique<Helper>();
    fresh->previous = have;
    if (instance.compare_exchange_strong(have, fresh.get())) return *fresh.release();
    return *have;
}

/// The program forks without our thread, unless a look-up is under way.
void Lookup::Helper::before_fork() noexcept {
    Helper* const have = instance.load(std::memory_order_acquire);
    if (!have || have->forks != fork_count()) return;
    std::unique_lock lock(have->mutex);
    if (!have->thread.started() || have->looking || have->stopping) return;
    have->stopping = true;
    have->wake.notify_one();
    lock.unlock();
    have->thread.join();
    lock.lock();
    have->stopping = false;
}

void Lookup::Helper::after_fork_in_parent() noexcept {
    Helper* const have = instance.load(std::memory_order_acquire);
    if (!have || have->forks != fork_count()) return;
    const std::lock_guard lock(have->mutex);
    if (!have->queue.empty()) have->ensure_running();  // names that came meanwhile
}

int Lookup::Helper::ensure_running() noexcept {
    if (thread.started()) return 0;
    return thread.start([](void* self) { static_cast<Helper*>(self)->run(); }, this);
}

void Lookup::Helper::run() {
    std::unique_lock lock(mutex);
    for (;;) {
        wake.wait(lock, [this] { return stopping || !queue.empty(); });
        if (stopping) return;
        looking = true;
        const std::shared_ptr<Job> job = std::move(queue.front());
        queue.pop_front();
        lock.unlock();
        Job answer;
        look_up(answer, job->host, job->port);
        lock.lock();
        looking = false;
        if (job->abandoned) continue;
        job->addresses = std::move(answer.addresses);
        job->problem = answer.problem;
        job->system_error = answer.system_error;
        job->done.store(true, std::memory_order_release);
        const std::uint64_t one = 1;
        // Under the mutex, because the owner closes the descriptor under it.
        static_cast<void>(sys().write(job->event.get(), &one, sizeof one));
    }
}

void Lookup::Helper::look_up(Job& into, const std::string& host, std::uint16_t port) noexcept {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    // No AI_ADDRCONFIG: it hides ::1 and 127.0.0.1 on machines without other addresses, and an
    // address that cannot be reached fails at once anyway.
    addrinfo* found = nullptr;
    into.problem = sys().getaddrinfo(host.c_str(), nullptr, &hints, &found);
    into.system_error = errno;
    if (into.problem != 0) return;
    try {
        for (const addrinfo* each = found; each; each = each->ai_next) {
            const std::optional<Address> address = Address::of(each->ai_addr, port);
            const auto end = into.addresses.end();
            if (!address || std::find(into.addresses.begin(), end, *address) != end) continue;
            into.addresses.push_back(*address);
        }
    } catch (const std::bad_alloc&) {
        into.addresses.clear();
        into.problem = EAI_MEMORY;
    }
    sys().freeaddrinfo(found);
}

Lookup::Lookup(Helper& helper, std::shared_ptr<Job> job) noexcept
    : helper_(helper), job_(std::move(job)) {}

std::unique_ptr<Lookup> Lookup::start(const std::string& host, std::uint16_t port,
                                      std::string& why) {
    const std::string attempt = "looking up \"" + host + "\": ";
    auto job = std::make_shared<Job>();
    job->host = host;
    job->port = port;
    job->event = Fd(sys().eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!job->event) {
        why = attempt + errno_text(errno);
        return nullptr;
    }
    Helper& helper = Helper::current();
    std::unique_ptr<Lookup> lookup(new Lookup(helper, job));
    const std::lock_guard lock(helper.mutex);
    if (helper.queue.size() >= most_waiting_lookups) {
        why = attempt + "too many look-ups are waiting";
    } else if (const int problem = helper.ensure_running()) {
        why = attempt + "no thread for it: " + errno_text(problem);
    } else {
        helper.queue.push_back(std::move(job));
        helper.wake.notify_one();
        return lookup;
    }
    job->abandoned = true;
    return nullptr;
}

Lookup::~Lookup() {
    if (helper_.forks != fork_count()) return;  // the parent's: its helper does not exist here
    const std::lock_guard lock(helper_.mutex);
    job_->abandoned = true;
    job_->event.reset();
    std::erase(helper_.queue, job_);
}

int Lookup::event_fd() const noexcept {
    return job_->event.get();
}

bool Lookup::done() const noexcept {
    return job_->done.load(std::memory_order_acquire);
}

std::vector<Address> Lookup::take(std::string& why) {
    if (job_->problem == 0 && !job_->addresses.empty()) return std::move(job_->addresses);
    why = "looking up \"" + job_->host + "\": ";
    if (job_->problem == EAI_SYSTEM) {
        why += errno_text(job_->system_error);
    } else {
        why += job_->problem ? ::gai_strerror(job_->problem) : "it has no IP address";
    }
    return {};
}

}  // namespace v0
}  // namespace anynats
