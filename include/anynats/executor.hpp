// Where user code runs: callbacks, `.then`, coroutines after a wait. By default a client has one
// thread of its own for it; Options::executor hands it to yours.
#pragma once

#include <functional>

namespace anynats {
inline namespace v0 {

/// Take a function and run it later, once, in a thread of your choice:
/// `[&io](std::function<void()> f) { boost::asio::post(io, std::move(f)); }`.
/// It is called by whatever thread drives the client, with no lock held, so it must not block.
/// Functions of one subscription come one after the other, whatever the number of your threads.
/// What an executor destroys without running it is over: a subscription ends, `.then` is not
/// called, a coroutine is not resumed.
using Executor = std::function<void(std::function<void()>)>;

}  // namespace v0
}  // namespace anynats
