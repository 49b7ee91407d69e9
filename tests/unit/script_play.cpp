// Scripts: a list of steps, played whole, and again with a failure put in at each step.
// After a failure the model takes over and all must end well.
#include "script.hpp"

#include <algorithm>
#include <cstdio>
#include <new>
#include <span>
#include <sstream>

namespace script {

Script& Script::server(std::string bytes) {
    Step step{};
    step.kind = Kind::server;
    step.bytes = std::move(bytes);
    steps_.push_back(std::move(step));
    return *this;
}

Script& Script::client(std::vector<std::string> lines) {
    Step step{};
    step.kind = Kind::client;
    step.lines = std::move(lines);
    steps_.push_back(std::move(step));
    return *this;
}

Script& Script::call(std::function<void(World&)> what) {
    Step step{};
    step.kind = Kind::call;
    step.what = std::move(what);
    steps_.push_back(std::move(step));
    return *this;
}

Script& Script::expect(std::function<void(World&)> what) {
    Step step{};
    step.kind = Kind::expect;
    step.what = std::move(what);
    steps_.push_back(std::move(step));
    return *this;
}

Script& Script::after(Duration time) {
    Step step{};
    step.kind = Kind::after;
    step.time = time;
    steps_.push_back(std::move(step));
    return *this;
}

Script& Script::eof() {
    Step step{};
    step.kind = Kind::eof;
    steps_.push_back(std::move(step));
    return *this;
}

Script& Script::handshake() {
    return server(info).client({"CONNECT {", "PING"}).server("PONG\r\n");
}

void Script::one(World& world, const Step& step, bool model) {
    switch (step.kind) {
        case Kind::server:
            if (!model) world.server(step.bytes);
            break;
        case Kind::client: {
            if (model) break;
            world.settle();
            const std::vector<std::string> lines = world.lines();
            if (world.write_budget != no_limit) break;  // it will be cut
            EXPECT_EQ(lines.size(), step.lines.size());
            for (std::size_t i = 0; i < std::min(lines.size(), step.lines.size()); ++i) {
                EXPECT_EQ(lines[i].substr(0, step.lines[i].size()), step.lines[i]);
            }
            break;
        }
        case Kind::call:
            step.what(world);
            world.settle();
            break;
        case Kind::expect:
            if (!model && world.write_budget == no_limit) step.what(world);
            break;
        case Kind::after:
            world.after(step.time);
            break;
        case Kind::eof:
            if (!model) world.eof();
            break;
    }
}

void Script::play(World& world, const Cut& cut) {
    bool was_cut = false;
    const auto sever = [&] {
        world.model = true;
        world.write_budget = no_limit;
        was_cut = true;
        if (cut.by_error) {
            world.fail_transport();
        } else {
            world.eof();
        }
    };
    world.write_budget = cut.written;
    world.settle();
    for (std::size_t i = 0; i < steps_.size(); ++i) {
        SCOPED_TRACE("step " + std::to_string(i));
        const Step& step = steps_[i];
        if (i == cut.step) {
            if (cut.byte) world.server(std::string_view(step.bytes).substr(0, cut.byte));
            sever();
        } else if (!was_cut && world.write_budget == 0) {
            sever();
        }
        one(world, step, was_cut);
    }
    if (!was_cut && (cut.step != no_limit || cut.written != no_limit)) sever();
}

std::size_t Script::again(const Cut& cut) {
    SCOPED_TRACE(
        name_ + ": cut " + (cut.by_error ? "by an error " : "by the end ") +
        (cut.written != no_limit
             ? "after the client wrote " + std::to_string(cut.written) + " bytes"
             : "at step " + std::to_string(cut.step) + ", byte " + std::to_string(cut.byte)));
    World world(options_);
    play(world, cut);
    world.recover();
    return 1;
}

std::size_t Script::run() {
    {
        SCOPED_TRACE(name_ + ": whole");
        World world(options_);
        play(world, {});
        written_ = 0;
        for (const auto& wire : world.wires) written_ += wire->sent.size();
    }
    std::size_t runs = 0;
    for (const bool by_error : {false, true}) {
        for (std::size_t step = 0; step <= steps_.size(); ++step) {
            if (::testing::Test::HasFailure()) return runs;
            runs += again({step, 0, no_limit, by_error});
            const bool bytes = step < steps_.size() && steps_[step].kind == Kind::server;
            const std::size_t size = bytes ? steps_[step].bytes.size() : 0;
            const std::size_t stride = size <= 1'024 ? 1 : size / 512;
            for (std::size_t byte = 1; byte < size; byte += stride) {
                if (::testing::Test::HasFailure()) return runs;
                runs += again({step, byte, no_limit, by_error});
            }
        }
        const std::size_t stride = written_ <= 2'048 ? 1 : written_ / 1'024;
        for (std::size_t written = 0; written < written_; written += stride) {
            if (::testing::Test::HasFailure()) return runs;
            runs += again({no_limit, 0, written, by_error});
        }
    }
    std::printf("[ re-runs  ] %s: %zu\n", name_.c_str(), runs);
    ::testing::Test::RecordProperty("reruns", static_cast<int>(runs));
    return runs;
}

}  // namespace script
