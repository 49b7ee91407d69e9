// Posting, handing over, running, and the life of the callback thread; see callbacks.hpp.
// The thread holds its client only while it works: an idle one keeps nothing alive, and a client
// whose last handle goes inside a callback ends on this thread, which then is not joined.
#include "drive/callbacks.hpp"

#include <new>
#include <utility>

#include "core/session_state.hpp"
#include "drive/host.hpp"
#include "drive/parking.hpp"
#include "net/sys.hpp"
#include "net/thread.hpp"

namespace anynats {
inline namespace v0 {

namespace {

constexpr int most_handed_over = 64;  // jobs, by one thread before it goes on with its own work

// The client that this thread drives and whose executor it is calling, if any.
thread_local const Callbacks* lent_to = nullptr;

}  // namespace

/// The callback thread and what it shares with its client; it may outlive the client.
struct Callbacks::Thread {
    std::weak_ptr<Host> host;
    Callbacks* callbacks = nullptr;  // while the host lives
    std::atomic<std::uint32_t> word{0};
    bool asleep = false, ended = false;  // under the host's lock
    std::atomic<std::uint32_t> gone{0};
    OwnThread thread;  // detached: any number may wait for its end, or nobody

    void await_end() noexcept {
        while (!gone.load(std::memory_order_acquire)) futex_wait(gone, 0, never);
        thread.await_exit();
    }
};

// --- jobs ---------------------------------------------------------------------------------------

void Job::wake() noexcept {
    if (state_ == State::resting) callbacks_.post(*this);
}

void Job::await_turn() noexcept {
    for (std::uint32_t seen; (seen = in_turn_) != 0;) {
        if (runner_ == std::this_thread::get_id()) return;
        if (seen == 2 || in_turn_.compare_exchange_strong(seen, 2)) futex_wait(in_turn_, 2, never);
    }
}

void Callbacks::begin(Job& job) noexcept {
    job.awaits_ = true;
    ++awaited_;
    host_.listen();
}

void Callbacks::post(Job& job) noexcept {
    if (host_.inherited()) return;  // the parent's user code is not the child's
    job.state_ = Job::State::posted;
    job.posted_self_ = job.shared_from_this();
    if (job.executor_ || executor_) {
        outside_.push_back(job);
    } else {
        posted_.push_back(job);
        if (!thread_ || thread_->ended) prepare();  // after the end of the client
    }
}

std::shared_ptr<Job> Callbacks::pop(List<Job>& from) noexcept {
    Job* const job = from.pop_front();
    if (!job) return nullptr;
    job->state_ = Job::State::running;
    return std::move(job->posted_self_);
}

/// Outside. `job` may be the last reference: it goes with the caller's, outside too.
void Callbacks::run(const std::shared_ptr<Job>& job, bool dropped) noexcept {
    if (!dropped) {
        job->runner_ = std::this_thread::get_id();
        job->in_turn_ = 1;
        job->turn();
        if (job->in_turn_.exchange(0) == 2) futex_wake_all(job->in_turn_);
    }
    std::shared_ptr<Job> itself;  // ends after the lock
    const Inside inside(host_);
    job->state_ = Job::State::resting;
    switch (job->next(dropped)) {
        case Job::Next::again:
            post(*job);
            break;
        case Job::Next::rest:
            break;
        case Job::Next::over:
            job->state_ = Job::State::over;
            job->unlink();
            if (job->awaits_) --awaited_;
            itself.swap(job->itself_);
    }
}

// --- what user code throws ----------------------------------------------------------------------

void Callbacks::count_thrown() noexcept {
    const Inside inside(host_);
    ++host_.session().inner().counters.callback_errors;
}

void Callbacks::tell_thrown(std::string_view what) noexcept {
    const auto tell = [&](const char* thrown, const Error* cause) {
        Error error(ErrorCode::error, std::string(what) + " threw: " + thrown);
        if (cause) error = error.because(*cause);
        const Inside inside(host_);
        host_.session().inner().tell({Event::Kind::error, {}, std::move(error), 0});
    };
    count_thrown();
    try {
        try {
            throw;
        } catch (const Error& error) {
            tell(error.what(), &error);
        } catch (const std::exception& error) {
            tell(error.what(), nullptr);
        } catch (...) {
            tell("something that is no std::exception", nullptr);
        }
    } catch (const std::bad_alloc&) {  // it has been counted
    }
}

// --- executors ----------------------------------------------------------------------------------

/// What an executor is given: one turn of one job, to be run or dropped.
class Callbacks::Turn {
public:
    Turn(Callbacks& callbacks, std::shared_ptr<Job> job)
        : callbacks_(callbacks), host_(callbacks.host_.shared_from_this()), job_(std::move(job)) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() { end(true); }
    void run() noexcept { end(false); }

private:
    void end(bool dropped) noexcept {
        if (const std::shared_ptr<Job> job = std::exchange(job_, nullptr)) {
            callbacks_.run(job, dropped);
        }
    }
    Callbacks& callbacks_;
    const std::shared_ptr<Host> host_;
    std::shared_ptr<Job> job_;
};

Executor Callbacks::inline_executor() {
    return [](const std::function<void()>& function) { function(); };
}

bool Callbacks::on_driver() noexcept {
    return lent_to != nullptr;
}

bool Callbacks::to_hand_over() const noexcept {
    return !outside_.empty() && lent_to != this;  // else whoever called us goes on with it
}

void Callbacks::hand_over() noexcept {
    const Callbacks* const before = std::exchange(lent_to, this);
    for (int left = most_handed_over; left > 0; --left) {
        std::shared_ptr<Job> job;
        {
            const Inside inside(host_);
            job = pop(outside_);
            if (left == 1 && !outside_.empty()) host_.enter_again_soon();
        }
        if (!job) break;
        give_to_executor(std::move(job));
    }
    lent_to = before;
}

void Callbacks::give_to_executor(std::shared_ptr<Job> job) noexcept {
    std::shared_ptr<Turn> turn;
    try {
        turn = std::make_shared<Turn>(*this, job);
    } catch (const std::bad_alloc&) {
        run(job, true);
        return;
    }
    guarded("the executor", [&] {
        const Executor& executor = job->executor_ ? job->executor_ : executor_;
        executor([turn] { turn->run(); });
    });
}

// --- the client's own thread --------------------------------------------------------------------

std::optional<Error> Callbacks::prepare() noexcept {
    if (executor_ || host_.inherited()) return {};
    if (thread_ && !thread_->ended) return {};
    try {
        auto thread = std::make_shared<Thread>();
        thread->host = host_.weak_from_this();
        thread->callbacks = this;
        auto kept = std::make_unique<std::shared_ptr<Thread>>(thread);  // by the thread itself
        const auto body = [](void* given) {
            live(*std::unique_ptr<std::shared_ptr<Thread>>(
                static_cast<std::shared_ptr<Thread>*>(given)));
        };
        if (const int problem = thread->thread.start(body, kept.get())) {
            return Error(ErrorCode::out_of_memory,
                         "no thread for callbacks: " + errno_text(problem));
        }
        static_cast<void>(kept.release());
        thread->thread.detach();
        thread_ = std::move(thread);
        return {};
    } catch (const std::bad_alloc&) {
        return host_.session().inner().no_memory;
    }
}

void Callbacks::live(const std::shared_ptr<Thread>& thread) noexcept {
    while (std::shared_ptr<Host> host = thread->host.lock()) {
        Callbacks& self = *thread->callbacks;
        std::shared_ptr<Job> job;
        {
            const Inside inside(*host);
            job = self.pop(self.posted_);
            if (!job && self.closed_) {
                thread->ended = true;
                break;
            }
            thread->asleep = !job;
            if (!job) thread->word.store(0, std::memory_order_relaxed);
        }
        if (job) {
            self.run(job, false);
            job.reset();
            continue;
        }
        host.reset();
        futex_wait(thread->word, 0, never);
    }
    thread->gone.store(1, std::memory_order_release);
    futex_wake_all(thread->gone);
}

std::atomic<std::uint32_t>* Callbacks::word_to_wake() noexcept {
    if ((posted_.empty() && !closed_) || !thread_ || !thread_->asleep) return nullptr;
    thread_->asleep = false;
    thread_->word.store(1, std::memory_order_release);
    return &thread_->word;
}

void Callbacks::closed(bool wanted) noexcept {
    closed_ = true;
    if (wanted) stopped_.store(true, std::memory_order_release);
}

void Callbacks::join() noexcept {
    std::shared_ptr<Thread> thread;
    {
        const Inside inside(host_);
        thread = thread_;
        if (!closed_ || !thread || host_.inherited()) return;
    }
    if (!thread->thread.is_current()) thread->await_end();
}

Callbacks::~Callbacks() {
    while (pop(posted_) || pop(outside_)) {
    }
    if (!thread_ || host_.inherited()) return;  // inherited: it is the parent's
    thread_->word.store(1, std::memory_order_release);
    futex_wake(thread_->word);
    if (!thread_->thread.is_current()) thread_->await_end();
}

}  // namespace v0
}  // namespace anynats
