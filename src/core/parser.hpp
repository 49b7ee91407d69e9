// The protocol as the server speaks it: INFO, MSG, HMSG, PING, PONG, +OK, -ERR (wire.md 4.1).
// A resumable byte-loop over memory that somebody else owns: it copies nothing and keeps only how
// far it has looked, so any split of the input gives the same frames and no byte is read twice.
// It must never allocate, and never look beyond the bytes it was given. Threats T01, T02, T03, T08.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <anynats/message.hpp>

namespace anynats {
inline namespace v0 {

enum class FrameKind : std::uint8_t { info, msg, ping, pong, ok, err };

/// One frame, as views into the bytes that were given to Parser::next.
struct Frame {
    FrameKind kind = FrameKind::ok;
    std::string_view text;       // info: the JSON; err: the text without quotes
    std::uint64_t sid = 0;       // msg
    const char* base = nullptr;  // msg: where the subject starts
    MessageLayout layout;        // msg: where the rest lies, from `base`
    bool discarded = false;      // msg: its payload was skipped, only `sid` holds
};

enum class ParseStatus : std::uint8_t {
    frame,      // `frame()` is complete; drop its `consumed()` bytes, then call again
    need_more,  // call again with the same start and more bytes; nothing is to be dropped
    skipped,    // drop `consumed()` bytes of a discarded message and call again with what remains
    failed,     // framing is lost; `reason()` says why. Nothing can follow but reset()
};

struct ParserLimits {
    std::size_t max_control_line = 64 << 10;     // bytes with CRLF, all lines but INFO (T01)
    std::size_t max_info_line = 1 << 20;         // bytes with CRLF (T01)
    std::size_t max_inbound_message = 64 << 20;  // bytes, headers and payload (T02); below 3 GiB
};

/// How `unread` moves: it starts where the last frame or skip ended (its first `consumed()` bytes
/// dropped) and grows at its end. It may lie elsewhere at each call: only offsets are kept, and
/// the views of frame() belong to the `unread` of the call that returned it.
///
/// A line ends with CR LF. A lone LF is a loss of framing (nats.go takes it for an end; our server
/// never sends it, and guessing wrong would read a payload as commands). A lone CR is a byte like
/// any other: it cannot be mistaken for an end, and one publisher must not disconnect subscribers.
/// Blanks at the end of a line mean nothing.
class Parser {
public:
    explicit Parser(ParserLimits limits = {}) noexcept;

    /// Look at `unread`; see above for where it starts. The outcome of one stream of bytes is the
    /// same however it is split, reasons included.
    ParseStatus next(std::string_view unread) noexcept;

    const Frame& frame() const noexcept { return frame_; }
    std::size_t consumed() const noexcept { return consumed_; }
    const char* reason() const noexcept { return reason_; }

    /// After need_more: the line of a message has been read and its payload is awaited.
    bool awaiting_payload() const noexcept { return state_ == State::payload; }
    /// After need_more: how many bytes `unread` must hold for the frame to be complete; 0 unknown.
    std::size_t wanted() const noexcept { return state_ == State::payload ? total_ : 0; }
    std::uint64_t awaited_sid() const noexcept { return frame_.sid; }
    /// While awaiting a payload: skip it instead of buffering it (T08). Call next() again with the
    /// same `unread`: it answers `skipped` for what is there (the line included), as often as more
    /// comes, and at last `frame` with `discarded`, whose `consumed()` is the rest, CR LF included.
    void discard() noexcept;

    /// Forget everything: a new connection begins.
    void reset() noexcept { *this = Parser(limits_); }

private:
    enum class State : std::uint8_t { line, payload, skip, failed };

    template <bool with_headers>
    ParseStatus quick_message(std::string_view unread) noexcept;
    ParseStatus line(std::string_view unread) noexcept;
    ParseStatus partial_line(std::string_view unread, std::size_t limit) noexcept;
    ParseStatus whole_line(std::string_view unread, std::size_t size) noexcept;
    const char* message_line(std::string_view line, std::size_t args_at,
                             bool with_headers) noexcept;
    void lay_out_body(std::uint32_t at, std::uint64_t size, std::uint64_t headers,
                      bool with_headers) noexcept;
    ParseStatus payload(std::string_view unread, std::size_t total) noexcept;
    ParseStatus skip(std::string_view unread) noexcept;
    ParseStatus done(FrameKind kind, std::size_t consumed) noexcept;
    ParseStatus fail(const char* reason) noexcept;

    ParserLimits limits_;
    State state_ = State::line;
    std::size_t scanned_ = 0;  // bytes of the line already looked at
    std::size_t base_at_ = 0;  // where the subject starts in `unread`
    std::size_t total_ = 0;    // bytes of the whole frame from the start of `unread`
    std::size_t consumed_ = 0;
    const char* reason_ = "";
    Frame frame_;
};

}  // namespace v0
}  // namespace anynats
