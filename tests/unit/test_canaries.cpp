// What the fenced style of coroutines relies on, with the compiler at hand (GCC 12.2 miscompiles
// what tests/tidy.py forbids): nesting, exceptions, dropping at every step, member functions,
// parameters by value. Built at the build's own optimisation level, at -O0 and at -O2.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ops/start.hpp"

using namespace anynats;
using namespace std::chrono_literals;

namespace {

/// Counts live copies, and notices one that is destroyed twice or never.
class Counted {
public:
    explicit Counted(std::string name) : text(std::move(name)) { ++live; }
    Counted(const Counted& other) : text(other.text) { ++live; }
    Counted(Counted&& other) noexcept : text(std::move(other.text)) { ++live; }
    Counted& operator=(const Counted&) = default;
    Counted& operator=(Counted&&) = default;
    ~Counted() {
        EXPECT_EQ(alive_, 0x600df00du);
        alive_ = 0xdeadbeefu;
        --live;
    }
    std::string text;
    static inline int live = 0;

private:
    unsigned alive_ = 0x600df00du;
};

constexpr const char* long_name = "a name that does not fit into the string itself";

struct Signal : Wait {};

/// Where the coroutines under test leave their waits, so that the test can end them.
struct Stage {
    Stage() : session(Options(), Seed{}, Time() + 1s) {}
    Session session;
    std::vector<Signal*> waits;
    std::vector<std::string> log;
    bool step() {
        if (waits.empty()) return false;
        Signal* wait = waits.back();
        waits.pop_back();
        wait->wake();
        session.run_ready();
        return true;
    }
};

Task<int> leaf(Session& session, Stage* stage, int value, Counted what) {
    Signal signal;
    stage->waits.push_back(&signal);
    co_await until(session, signal, never);
    stage->log.push_back(what.text);
    co_return value;
}

Task<int> ready_leaf(Session&, int value) {
    co_return value;
}

Task<int> nested(Session& session, Stage* stage, Counted what, int depth) {
    if (depth == 0) {
        auto last = co_await leaf(session, stage, 1, Counted(long_name));
        co_return last.value() + 1;
    }
    auto below = co_await nested(session, stage, what, depth - 1);
    if (!below.ok()) co_return below.error();
    Signal signal;
    stage->waits.push_back(&signal);
    co_await until(session, signal, never);
    co_return below.value() + static_cast<int>(what.text.size() % 2);
}

Task<int> throwing(Session& session, Stage* stage, Counted what, int how) {
    Counted local(what.text + "!");
    Signal signal;
    stage->waits.push_back(&signal);
    co_await until(session, signal, never);
    if (how == 1) throw Error(ErrorCode::disconnected, local.text);
    if (how == 2) throw std::bad_alloc();
    if (how == 3) throw std::runtime_error(local.text);
    co_return Error(ErrorCode::timeout_error, local.text);
}

Task<int> through(Session& session, Stage* stage, int how) {
    Counted local(long_name);
    auto result = co_await throwing(session, stage, Counted(long_name), how);
    // No co_await in a condition: the value first, then the question.
    if (!result.ok()) co_return result.error();
    co_return result.value();
}

Task<int> rethrowing(Session& session, Stage* stage, int how) {
    Counted local(long_name);
    auto result = co_await throwing(session, stage, Counted(long_name), how);
    co_return result.value();  // throws inside the coroutine
}

Task<int> many(Session& session, int count) {
    int sum = 0;
    for (int i = 0; i < count; ++i) {
        auto one = co_await ready_leaf(session, i);
        sum += one.value() % 3;
    }
    co_return sum;
}

Task<int> loop_with_scopes(Session& session, Stage* stage, std::vector<std::string> names) {
    int total = 0;
    for (const std::string& name : names) {
        Counted in_scope(name);
        const std::string copy = name.size() > 3 ? name + long_name : std::string(long_name);
        auto value = co_await leaf(session, stage, static_cast<int>(name.size()), in_scope);
        if (!value.ok()) co_return value.error();
        total += value.value() + static_cast<int>(copy.size() - copy.size());
    }
    co_return total;
}

Task<std::string> returns_string(Session& session, Stage* stage, std::string text,
                                 std::function<std::string(std::string)> named) {
    Signal signal;
    stage->waits.push_back(&signal);
    co_await until(session, signal, never);
    co_return named(std::move(text));
}

/// A flow with state of its own. Member coroutines are static and take the session first, as the
/// promise wants it (GCC 12.2 finds no promise constructor that converts `*this`).
class Flow {
public:
    Flow(Session& session, Stage& stage) : session_(session), stage_(stage), held_(long_name) {}
    Task<int> run(int times, Counted what) { return all(session_, this, times, what); }

private:
    static Task<int> all(Session& session, Flow* self, int times, Counted what) {
        for (int i = 0; i < times; ++i) {
            auto one = co_await step(session, self, i, what);
            self->sum_ += one.value();
        }
        co_return self->sum_;
    }
    static Task<int> step(Session& session, Flow* self, int i, Counted what) {
        Signal signal;
        self->stage_.waits.push_back(&signal);
        co_await until(session, signal, never);
        self->stage_.log.push_back(self->held_.text + what.text);
        co_return i;
    }
    Session& session_;
    Stage& stage_;
    Counted held_;
    int sum_ = 0;
};

class Canary : public ::testing::Test {
protected:
    void TearDown() override {
        EXPECT_EQ(Counted::live, 0);
        EXPECT_EQ(stage.session.dump(), "");
    }
    Stage stage;
    Session& session = stage.session;
};

TEST_F(Canary, Nesting) {
    const auto operation =
        start(session, "nested", nested(session, &stage, Counted(long_name), 20));
    const int odd = static_cast<int>(std::string(long_name).size() % 2);
    int steps = 0;
    while (stage.step()) ++steps;
    ASSERT_TRUE(operation->done());
    EXPECT_EQ(steps, 21);
    EXPECT_EQ(operation->result->value(), 2 + 20 * odd);
}

TEST_F(Canary, ExceptionsBecomeResults) {
    const ErrorCode expected[] = {ErrorCode::timeout_error, ErrorCode::disconnected,
                                  ErrorCode::out_of_memory, ErrorCode::error};
    for (int how = 0; how < 4; ++how) {
        const auto through_it = start(session, "through", through(session, &stage, how));
        while (stage.step()) {
        }
        const auto again = start(session, "rethrowing", rethrowing(session, &stage, how));
        while (stage.step()) {
        }
        ASSERT_TRUE(through_it->done() && again->done());
        EXPECT_EQ(through_it->result->error().code(), expected[how]);
        EXPECT_EQ(again->result->error().code(), expected[how]);
        if (how < 2) {
            EXPECT_EQ(through_it->result->error().message(), std::string(long_name) + "!");
        }
        EXPECT_EQ(Counted::live, 0);
    }
}

TEST_F(Canary, DroppingAtEveryStep) {
    const std::function<std::shared_ptr<OperationState>()> kinds[] = {
        [&] { return start(session, "nested", nested(session, &stage, Counted(long_name), 5)); },
        [&] { return start(session, "through", through(session, &stage, 1)); },
        [&] {
            return start(session, "loop",
                         loop_with_scopes(session, &stage, {"a", "bb", "ccccc", long_name}));
        },
        [&] {
            return start(session, "string",
                         returns_string(session, &stage, long_name,
                                        [](std::string text) { return text + text; }));
        },
    };
    for (const auto& begin : kinds) {
        for (int steps = 0; steps < 8; ++steps) {
            for (const bool ready : {false, true}) {
                auto operation = begin();
                for (int i = 0; i < steps; ++i) stage.step();
                // Also while it stands in the ready queue.
                if (ready && !stage.waits.empty()) stage.waits.back()->wake();
                stage.waits.clear();
                operation.reset();
                session.run_ready();
                EXPECT_EQ(Counted::live, 0);
            }
        }
    }
}

TEST_F(Canary, NeverStarted) {
    {
        Task<int> task = nested(session, &stage, Counted(long_name), 3);
        EXPECT_EQ(Counted::live, 1);
        Task<int> moved = std::move(task);
        task = nested(session, &stage, Counted(long_name), 1);
        std::swap(task, moved);
    }
    EXPECT_EQ(Counted::live, 0);
}

TEST_F(Canary, AHundredThousandReadyTasks) {
    const auto operation = start(session, "many", many(session, 100'000));
    session.run_ready();
    ASSERT_TRUE(operation->done());
    EXPECT_EQ(operation->result->value(), 99'999);
}

TEST_F(Canary, ParametersByValueAndScopes) {
    auto operation =
        start(session, "loop", loop_with_scopes(session, &stage, {"a", "bb", "ccccc", long_name}));
    while (stage.step()) {
    }
    ASSERT_TRUE(operation->done());
    EXPECT_EQ(operation->result->value(),
              1 + 2 + 5 + static_cast<int>(std::string(long_name).size()));
    EXPECT_EQ(stage.log, (std::vector<std::string>{"a", "bb", "ccccc", long_name}));
    std::string captured = long_name;
    auto text = start(session, "string",
                      returns_string(session, &stage, std::string(long_name),
                                     [captured](std::string given) { return given + captured; }));
    captured = "changed";
    stage.step();
    EXPECT_EQ(text->result->value(), std::string(long_name) + long_name);
}

TEST_F(Canary, MemberFunctions) {
    {
        Flow flow(session, stage);
        auto operation = start(session, "flow", flow.run(4, Counted("x")));
        while (stage.step()) {
        }
        ASSERT_TRUE(operation->done());
        EXPECT_EQ(operation->result->value(), 6);
        EXPECT_EQ(stage.log.size(), 4u);
        EXPECT_EQ(stage.log[0], std::string(long_name) + "x");
        auto dropped = start(session, "flow", flow.run(4, Counted("y")));
        stage.step();
        stage.waits.clear();
    }
    EXPECT_EQ(Counted::live, 0);
}

TEST_F(Canary, DeadlinesEndWaits) {
    struct Pause {
        static Task<int> pause(Session& session, Time deadline) {
            Signal signal;
            co_await until(session, signal, deadline);
            co_return signal.timed_out() ? 1 : 0;
        }
    };
    const Time start_time = session.now();
    auto one = start(session, "pause", Pause::pause(session, start_time + 1s));
    auto two = start(session, "pause", Pause::pause(session, start_time + 2s));
    auto dropped = start(session, "pause", Pause::pause(session, start_time + 3s));
    session.handle_timeout(start_time + 1s);
    EXPECT_TRUE(one->done());
    EXPECT_FALSE(two->done());
    dropped.reset();
    session.handle_timeout(start_time + 2s);
    EXPECT_TRUE(two->done());
    EXPECT_EQ(two->result->value(), 1);
}

}  // namespace
