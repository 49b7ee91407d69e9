// UserCode: all that a host needs to run the user's callbacks: where they run, who tells of events,
// who chooses servers. Takes its part of the options; the host wires it up once it is shared.
#pragma once

#include <memory>
#include <utility>

#include "core/session_state.hpp"
#include "drive/callback_jobs.hpp"
#include "net/connection_state.hpp"

namespace anynats {
inline namespace v0 {

struct UserCode {
    /// `executor`: where callbacks run; empty is a thread of their own.
    UserCode(Host& host, Options& options, Executor executor)
        : callbacks(host, std::move(executor)),
          listener(callbacks, std::exchange(options.on_event, {})) {
        if (!options.choose_server) return;
        options.ask_for_server = true;
        choices = std::make_shared<ChoiceJob>(callbacks, std::exchange(options.choose_server, {}));
    }

    /// Inside, when the host is held by a shared_ptr. Throws OutOfMemory.
    void begin(Connection& connection) {
        if (choices) {
            connection.inner().chooser = [job = choices](const Action& action) {
                job->ask(action);
            };
        }
        if (choices || listener.wants_events()) {
            if (auto error = callbacks.prepare()) throw_error(*error);
        }
        connection.session().inner().listener = &listener;
    }
    /// No event is told any more.
    void end(Connection& connection) noexcept { connection.session().inner().listener = nullptr; }

    Callbacks callbacks;
    EventListener listener;
    std::shared_ptr<ChoiceJob> choices;  // none: the pool chooses
};

}  // namespace v0
}  // namespace anynats
