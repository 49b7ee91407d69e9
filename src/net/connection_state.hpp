// What a connection consists of: the session, the poller, and at any moment a dialer, a socket or
// neither. Each belongs to the epoch in `epoch`; what is of another epoch is closed before.
// One thread at a time, as Connection says; only Read::perform runs without the lock.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include <anynats/connection.hpp>
#include "net/dialer.hpp"
#include "net/filter.hpp"

namespace anynats {
inline namespace v0 {

/// One read, from begin_read to finish_read, where `active`. What it points into is kept alive by
/// it, whatever becomes of the link meanwhile (I03).
struct Connection::Read {
    bool active = false, performed = false;
    int fd = -1;
    std::uint64_t epoch = 0;
    std::span<char> space;
    ChunkRef chunk;                  // holds the space of plain TCP
    std::shared_ptr<Filter> filter;  // holds that of a filter
    Transfer result;
};

struct Connection::State {
    /// Bounds of one turn (style rule 16).
    static constexpr unsigned reads_per_turn = 16;
    static constexpr std::size_t bytes_per_turn = 1 << 20;
    /// Tried again this long after memory was too short even to end a connection.
    static constexpr Duration starved_pause = std::chrono::milliseconds(10);

    /// The socket's in the poller; the dialer uses small numbers and the largest.
    static constexpr std::uint64_t socket_tag = ~std::uint64_t{0} - 1;

    State(Options options, Time now);
    ~State();

    // In place of Options::choose_server, for a driver that does not run user code.
    std::function<void(const Action&)> chooser;

    // connection.cpp: wishes, transports, turns
    template <class Body>
    void guarded(Time now, Body&& body);
    void out_of_memory(Time now) noexcept;
    void leave_to_parent(Time now) noexcept;
    void act(Time now);
    void carry_out(const Action& action, Time now);
    void choose_server(const Action& action, Time now);
    void settle_dial(Time now);
    void give_up_dial(Time now);
    void adopt(Fd fd, Time now);
    void down(std::string_view what, Time now);
    void close_transport() noexcept;
    void unpin() noexcept;
    bool turn(Time now);
    void end_turn(Time now);
    Time next_timeout() const;

    // transfer.cpp: bytes
    Read* begin_read();
    void release_read() noexcept;
    bool deliver(Time now);
    void received(std::size_t n, Time now);
    bool flush(Time now);
    bool flush_plain(Time now);
    bool flush_filter(Time now);
    bool send(std::span<const std::string_view> parts, std::size_t& sent, Time now);
    bool watch_writable(bool yes, Time now);

    Session session;
    Poller poller;
    std::optional<Dialer> dialer;
    Time dial_deadline = never;
    Fd socket;
    std::uint64_t epoch = 0;
    bool blocked = false;  // the socket was full; the poller watches for room
    std::shared_ptr<Filter> filter;
    FilterFactory filter_factory;  // tests and, later, TLS
    Read read;
    unsigned pins = 0;  // threads that may poll or read `socket` or `retired` without the lock
    std::vector<Fd> retired;  // shut down, not yet closed because of them
    Time starved_until = never;
};

}  // namespace v0
}  // namespace anynats
