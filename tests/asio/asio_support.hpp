// What the tests of asio.hpp share. They are compiled against Boost.Asio and against standalone
// Asio, of different ages: what one of them calls otherwise, or does not have, is told apart here.
#pragma once

#include <future>

#include <anynats/asio.hpp>

#include "../support/async.hpp"
#include "../support/nats_server.hpp"

#ifdef ANYNATS_ASIO_STANDALONE
#include <asio.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/experimental/deferred.hpp>
#else
#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#endif

namespace test_support {

using namespace anynats;
using namespace asio_impl::asio::experimental::awaitable_operators;
namespace net = asio_impl::asio;
using asio_impl::system_error;

#if defined(ANYNATS_ASIO_STANDALONE) && ASIO_VERSION < 102400
using net::experimental::as_tuple;
using net::experimental::deferred;
#else
using net::as_tuple;
using net::deferred;
#endif

/// The code of an operation's failure; none when it went well, `cancelled` for Asio's own.
inline std::optional<ErrorCode> code_of(std::exception_ptr failure) {
    if (!failure) return {};
    try {
        std::rethrow_exception(failure);
    } catch (const Error& error) {
        return error.code();
    } catch (const system_error& error) {
        EXPECT_EQ(error.code(), net::error::operation_aborted);
        return ErrorCode::cancelled;
    }
}

/// What a callback was told.
template <class T>
struct Told {
    std::optional<ErrorCode> code;
    T value{};
    int times = 0;
    auto handler() {
        return [this](std::exception_ptr failure, T got) {
            code = code_of(std::move(failure));
            value = std::move(got);
            ++times;
        };
    }
};

class AsioTest : public testing::Test {
protected:
    static void SetUpTestSuite() { server = std::make_unique<NatsServer>(); }
    static void TearDownTestSuite() { server.reset(); }

    static Options options() {
        Options options;
        options.servers = {server->url()};
        options.reconnect_wait_min = 1ms;
        options.reconnect_wait_max = 20ms;
        return options;
    }

    /// Run the io_context until `done`; false when it has nothing left to do before.
    template <class Done>
    bool run_until(Done done) {
        if (io.stopped()) io.restart();
        while (!done()) {
            if (io.run_one() == 0) return false;
        }
        return true;
    }
    /// Run what `body()` returns, an awaitable, to its end.
    template <class Body>
    auto run(Body body) {
        auto result = net::co_spawn(io, body(), net::use_future);
        EXPECT_TRUE(run_until([&] { return result.wait_for(0s) == std::future_status::ready; }));
        return result.get();
    }

    static std::unique_ptr<NatsServer> server;
    const EndsWithin limit{100};
    net::io_context io;
};

inline std::unique_ptr<NatsServer> AsioTest::server;

}  // namespace test_support
