// How Asio drives a LoopDriver and waits for its operations, for asio.hpp; not for users.
// Pump: descriptor, deadline and turns. Wait: an operation, and the handler that it completes.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <concepts>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <anynats/error_types.hpp>
#include <anynats/loop.hpp>

#ifdef ANYNATS_ASIO_STANDALONE
#define ANYNATS_ASIO_HEADER(name) <asio/name>
#define ANYNATS_ASIO_KIND with_asio
#else
#define ANYNATS_ASIO_HEADER(name) <boost/asio/name>
#define ANYNATS_ASIO_KIND with_boost_asio
#endif
// clang-format off
#include ANYNATS_ASIO_HEADER(any_io_executor.hpp)
#include ANYNATS_ASIO_HEADER(dispatch.hpp)
#include ANYNATS_ASIO_HEADER(executor_work_guard.hpp)
#include ANYNATS_ASIO_HEADER(posix/stream_descriptor.hpp)
#include ANYNATS_ASIO_HEADER(post.hpp)
#include ANYNATS_ASIO_HEADER(steady_timer.hpp)
#include ANYNATS_ASIO_HEADER(use_awaitable.hpp)
// clang-format on

namespace anynats {
inline namespace v0 {
inline namespace ANYNATS_ASIO_KIND {
namespace asio_impl {

#ifdef ANYNATS_ASIO_STANDALONE
namespace asio = ::asio;
using asio::error_code;
using asio::system_error;
#else
namespace asio = boost::asio;
using boost::system::error_code;
using boost::system::system_error;
#endif

/// The completion of an operation with a T.
template <class T>
struct Completion {
    using Signature = void(std::exception_ptr, T);
};
template <>
struct Completion<Done> {
    using Signature = void(std::exception_ptr);
};

inline std::exception_ptr exception_of(const Error& error) {
    if (error.code() == ErrorCode::cancelled) {
        return std::make_exception_ptr(system_error(asio::error::operation_aborted));
    }
    try {
        throw_error(error);
    } catch (...) {
        return std::current_exception();  // of the error's own class
    }
}

/// Whether this thread runs `executor` just now.
template <class Executor>
bool runs_here(const Executor& executor) {
    if constexpr (requires { bool(executor.running_in_this_thread()); }) {
        return executor.running_in_this_thread();
    } else {
        const auto here = std::make_shared<std::atomic<bool>>(false);
        asio::dispatch(executor, [here] { *here = true; });
        return *here;
    }
}

/// A client and its place in the executor: one wait for its descriptor, one timer, and at most one
/// posted turn. These hold it weakly; it lives as long as a handle of the user's.
class Pump : public std::enable_shared_from_this<Pump> {
public:
    template <class Executor>
    static std::shared_ptr<Pump> make(const Executor& executor, Options options) {
        const std::shared_ptr<Pump> pump(new Pump(executor, std::move(options)), [](Pump* last) {
            end_there(*last, std::unique_ptr<Pump>(last));
        });
        pump->watch();
        pump->ask();
        return pump;
    }
    ~Pump() {
        if (descriptor_.is_open()) descriptor_.release();
    }

    /// Let `object` go where what is the pump's may be used: here, or else when the executor runs
    /// or destroys what was posted to it, because nobody else uses the driver then.
    template <class T>
    static void end_there(Pump& pump, T object) {
        LoopDriver& driver = pump.driver;
        if (driver.here()) return;
        const asio::any_io_executor executor = pump.executor;
        std::shared_ptr<T> grave(new T(std::move(object)), [&driver](T* buried) {
            driver.move_here();
            delete buried;
        });
        asio::post(executor, [grave = std::move(grave)] {});
    }

    const asio::any_io_executor executor;
    LoopDriver driver;

private:
    /// One run of `step`. The executor that destroys it instead goes itself: so that no operation
    /// keeps its own handler alive for ever, all of them end.
    struct Turn {
        std::weak_ptr<Pump> pump;  // empty when it was run or moved
        void (Pump::*step)();
        Turn(std::weak_ptr<Pump> pump_, void (Pump::*step_)())
            : pump(std::move(pump_)), step(step_) {}
        Turn(Turn&&) noexcept = default;
        ~Turn() {
            const std::shared_ptr<Pump> left = pump.lock();
            if (!left) return;
            left->driver.move_here();
            left->driver.close();
        }
        void operator()(error_code error = {}) {
            const std::shared_ptr<Pump> held = std::exchange(pump, {}).lock();
            if (held && !error) (held.get()->*step)();
        }
    };
    template <class Executor>
    Pump(const Executor& executor_, Options options)
        : executor(executor_),
          driver(std::move(options), {.drive_soon = [this] { ask(); },
                                      .is_here = [executor_] { return runs_here(executor_); }}),
          descriptor_(executor_, driver.fd()),
          timer_(executor_) {}

    void ask() { asio::post(executor, Turn(weak_from_this(), &Pump::write)); }
    void watch() {
        descriptor_.async_wait(asio::posix::stream_descriptor::wait_read,
                               Turn(weak_from_this(), &Pump::read));
    }
    void read() {
        driver.drive();
        watch();
        end_turn();
    }
    void write() {
        driver.drive(false);
        end_turn();
    }
    void ring() {
        due_ = never;
        driver.drive();
        end_turn();
    }
    void end_turn() {
        if (driver.closed()) {  // then the executor has no work with us any more
            if (descriptor_.is_open()) descriptor_.release();
            timer_.cancel();
            return;
        }
        // A timer that rings early costs less than one that is set anew for each request.
        const Time due = std::min(driver.next_timeout(), after(driver.now(), longest_));
        if (due >= due_) return;
        due_ = due;
        timer_.expires_after(std::max(due - driver.now(), Duration::zero()));
        timer_.async_wait(Turn(weak_from_this(), &Pump::ring));
    }

    static constexpr Duration longest_ = std::chrono::hours(1);  // more may be too far for a clock
    asio::posix::stream_descriptor descriptor_;
    asio::steady_timer timer_;
    Time due_ = never;  // when the timer rings
};

/// An operation and the handler that waits for it. Cancelled before the handler has been called,
/// a message goes back to its subscription.
template <class T, class Handler>
class Wait final : public Continuation, public std::enable_shared_from_this<Wait<T, Handler>> {
public:
    Wait(const std::shared_ptr<Pump>& pump, Handler handler)
        : pump_(pump),
          handler_(std::move(handler)),
          work_(asio::get_associated_executor(handler_, pump->executor)) {}
    ~Wait() override { let_go(); }

    template <class Begin>
    void begin(Pump& pump, Begin& begin) {
        try {
            operation_.emplace(begin(pump.driver));
            listen();
            if (operation_->done()) return run();
            const auto why_not = operation_->try_continue_with(this->shared_from_this());
            if (!why_not) return;
            refused_ = exception_of(*why_not);
        } catch (...) {
            refused_ = std::current_exception();
        }
        run();
    }

    void run() override { asio::post(work_.get_executor(), Call{this->shared_from_this()}); }

private:
    enum class State { waiting, cancelled, called };

    struct Call {
        std::shared_ptr<Wait> wait;
        using allocator_type = asio::associated_allocator_t<Handler>;
        allocator_type get_allocator() const noexcept {
            return asio::get_associated_allocator(wait->handler_);
        }
        void operator()() {
            std::optional<T> value;
            std::exception_ptr failure = wait->take(value);
            Handler handler = std::move(wait->handler_);
            const auto work = std::move(wait->work_);
            wait.reset();  // memory goes back before the handler is called
            if constexpr (std::is_same_v<T, Done>) {
                std::move(handler)(std::move(failure));
            } else {
                std::move(handler)(std::move(failure), value ? *std::move(value) : T());
            }
        }
    };

    std::exception_ptr take(std::optional<T>& value) {
        auto slot = asio::get_associated_cancellation_slot(handler_);
        if (slot.is_connected()) slot.clear();
        if (state_.exchange(State::called) == State::cancelled) {
            refused_ = std::make_exception_ptr(system_error(asio::error::operation_aborted));
        }
        if (!refused_) {
            Result<T> result = operation_->state()->take();
            if (result.ok()) {
                value = *std::move(result);
            } else {
                refused_ = exception_of(result.error());
            }
        }
        let_go();
        return refused_;
    }

    void listen() {
        auto slot = asio::get_associated_cancellation_slot(handler_);
        if (!slot.is_connected()) return;
        slot.assign([weak = this->weak_from_this()](asio::cancellation_type type) {
            const auto self = weak.lock();
            const auto pump = self ? self->pump_.lock() : nullptr;
            if (!pump || type == asio::cancellation_type::none) return;
            if (pump->driver.here()) return self->cancel();
            asio::post(pump->executor, [self] { self->cancel(); });
        });
    }
    void cancel() {
        if (!operation_) return;
        if (!operation_->done()) return operation_->cancel();
        if constexpr (std::is_same_v<T, Message>) {
            State expected = State::waiting;
            if (state_.compare_exchange_strong(expected, State::cancelled)) {
                operation_->state()->abandon();
            }
        }
    }
    void let_go() {
        if (!operation_) return;
        if (auto pump = pump_.lock()) {
            Pump::end_there(*pump, std::pair(pump, std::move(*operation_)));
        }
        operation_.reset();
    }

    const std::weak_ptr<Pump> pump_;
    Handler handler_;
    asio::executor_work_guard<asio::associated_executor_t<Handler, asio::any_io_executor>> work_;
    std::optional<Operation<T>> operation_;
    std::exception_ptr refused_;
    std::atomic<State> state_{State::waiting};
};

/// What a completion token is given to begin with; its executor is the client's.
template <class T>
struct Initiation {
    std::shared_ptr<Pump> pump;
    using executor_type = asio::any_io_executor;
    executor_type get_executor() const noexcept { return pump->executor; }
    template <class Handler, class Begin>
    void operator()(Handler&& handler, Begin begin) const {
        using Kind = Wait<T, std::decay_t<Handler>>;
        const auto allocator = asio::get_associated_allocator(handler);
        const auto wait = std::allocate_shared<Kind>(allocator, pump, std::move(handler));
        wait->begin(*pump, begin);
    }
};

/// Have `begin(driver)` start an operation when `token` asks for it.
template <class T, class Token, class Begin>
auto start(const std::shared_ptr<Pump>& pump, Token& token, Begin begin) {
    using Signature = typename Completion<T>::Signature;
    return asio::async_initiate<Token, Signature>(Initiation<T>{pump}, token, std::move(begin));
}

}  // namespace asio_impl
}  // namespace ANYNATS_ASIO_KIND
}  // namespace v0
}  // namespace anynats
