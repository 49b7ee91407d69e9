// Open requests and the replies that come for them, all over one subscription (wire.md 4.3).
// A token names a slot and its generation, so a late or second reply finds nobody (T22, T23, B45).
// Under the session's lock.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <anynats/message.hpp>
#include "core/wait.hpp"

namespace anynats {
inline namespace v0 {

class Replies;

/// One awaited reply. Closes itself when it dies.
class ReplyWait : public Wait {
public:
    ~ReplyWait() override;
    /// `<slot>_<generation>`, one subject token.
    const std::string& token() const noexcept { return token_; }
    std::optional<Message>& message() noexcept { return message_; }
    /// What was asked, while it waits.
    std::string_view subject;

private:
    friend class Replies;
    Replies* table_ = nullptr;
    std::uint32_t slot_ = 0;
    std::string token_;
    std::optional<Message> message_;
};

class Replies {
public:
    /// `first_generation` is random: tokens cannot be guessed from a count.
    explicit Replies(std::uint32_t first_generation) noexcept : generation_(first_generation) {}
    ~Replies();

    void open(ReplyWait& wait);
    void close(ReplyWait& wait) noexcept;
    enum class Delivery { taken, late, duplicate };
    Delivery deliver(std::string_view token, Message message);
    /// End every open request with `error`; or those on one subject; or the one with this token.
    void fail_all(const Error& error) noexcept;
    void fail_subject(std::string_view subject, const Error& error) noexcept;
    void fail_token(std::string_view token, const Error& error) noexcept;
    /// The generation of the next request: those that are older were open before it.
    std::uint64_t next_generation() const noexcept { return generation_; }
    /// Whether a request older than `generation` waits; and the end of all such.
    bool waiting_before(std::uint64_t generation) const noexcept;
    void fail_before(std::uint64_t generation, const Error& error) noexcept;
    std::size_t open_count() const noexcept { return open_; }
    /// Be woken when none is open any more.
    void join_idle(Waiter& waiter) noexcept { idle_.join(waiter); }
    bool check() const noexcept;

private:
    struct Slot {
        ReplyWait* wait = nullptr;
        std::uint64_t generation = 0;
        bool answered = false;
    };
    template <class Which>
    void fail(Which which, const Error& error) noexcept {
        for (Slot& slot : slots_) {
            if (slot.wait && !slot.wait->finished() && which(slot)) slot.wait->fail(error);
        }
    }

    std::vector<Slot> slots_;
    std::vector<std::uint32_t> free_;
    std::uint64_t generation_;
    std::size_t open_ = 0;
    WaitQueue idle_;
};

}  // namespace v0
}  // namespace anynats
