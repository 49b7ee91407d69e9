// The parser over any bytes: frames lie within what it was given and within the limits, and the
// outcome is the same however the stream is split (FZ-01, FZ-02).
// Input: a byte of flags, a byte that counts the splits, the splits, the stream.
#include "core/parser.hpp"

#include <algorithm>
#include <vector>

#include "fuzz.hpp"

using namespace anynats;
using fuzz::require;

namespace {

constexpr std::string_view blanks = " \t\n";

/// One reading of a stream: it is told how far the stream has come, and writes down what it saw.
class Reading {
public:
    Reading(std::string_view stream, ParserLimits limits, bool discard)
        : stream_(stream), limits_(limits), parser_(limits), discard_(discard) {}

    void reach(std::size_t end) {
        end_ = end;
        while (!failed_ && step()) {
        }
    }

    std::string log;

private:
    /// Whether messages for `sid` are not wanted: they may come whole or be skipped in parts.
    bool unwanted(std::uint64_t sid) const { return discard_ && sid % 2 == 1; }

    bool step() {
        const fuzz::Exact unread(stream_.substr(start_, end_ - start_));
        const ParseStatus status = parser_.next(unread.view());
        switch (status) {
            case ParseStatus::frame:
                note(unread.view());
                start_ += parser_.consumed();
                return true;
            case ParseStatus::skipped:
                require(parser_.consumed() > 0, "a skip of nothing");
                require(parser_.consumed() <= unread.view().size(), "a skip beyond the end");
                start_ += parser_.consumed();
                wanted_ = 0;
                return true;
            case ParseStatus::need_more:
                return waits(unread.view());
            case ParseStatus::failed:
                break;
        }
        log += std::string("failed: ") + parser_.reason() + '\n';
        require(*parser_.reason() != 0, "a failure without a reason");
        require(parser_.next(unread.view()) == ParseStatus::failed, "it goes on after a failure");
        failed_ = true;
        return false;
    }

    /// Look at a wait for more; returns whether to call again at once.
    bool waits(std::string_view unread) {
        if (!parser_.awaiting_payload()) {
            const bool info = !unread.empty() && (unread[0] | 0x20) == 'i';
            const std::size_t limit = info ? limits_.max_info_line : limits_.max_control_line;
            require(unread.size() <= limit, "it waits for a line beyond its limit");
            return false;
        }
        wanted_ = parser_.wanted();
        require(wanted_ > unread.size(), "it waits for what is there");
        require(wanted_ <= limits_.max_control_line + limits_.max_inbound_message + 2,
                "it wants more than the limits allow");
        if (!unwanted(parser_.awaited_sid())) return false;
        parser_.discard();
        return true;
    }

    void note(std::string_view unread) {
        const Frame& frame = parser_.frame();
        const std::size_t size = parser_.consumed();
        require(size > 0 && size <= unread.size(), "a frame beyond what was given");
        require(unread.substr(size - 2, 2) == "\r\n", "a frame without an end");
        log += std::to_string(start_ + size) + ' ' + std::to_string(static_cast<int>(frame.kind));
        if (frame.kind == FrameKind::msg) {
            note_message(frame, unread.substr(0, size));
        } else {
            const bool info = frame.kind == FrameKind::info;
            require(size <= (info ? limits_.max_info_line : limits_.max_control_line),
                    "a line beyond its limit");
        }
        if (frame.kind == FrameKind::info || frame.kind == FrameKind::err) {
            require(frame.text.empty() ||
                        (frame.text.data() >= unread.data() &&
                         frame.text.data() + frame.text.size() <= unread.data() + size),
                    "a text that lies elsewhere");
            (log += ' ') += frame.text;
        }
        log += '\n';
    }

    void note_message(const Frame& frame, std::string_view bytes) {
        require(frame.sid != 0, "a message for nobody");
        log += " sid " + std::to_string(frame.sid);
        if (unwanted(frame.sid)) return;
        require(!frame.discarded, "discarded without being asked");
        require(wanted_ == 0 || wanted_ == bytes.size(), "it wanted another size");
        wanted_ = 0;
        require(frame.base > bytes.data() && frame.base < bytes.data() + bytes.size(),
                "a message that lies elsewhere");
        const auto at = static_cast<std::size_t>(frame.base - bytes.data());
        const std::string_view body = bytes.substr(at);
        const MessageLayout& layout = frame.layout;
        const std::string_view subject = body.substr(0, layout.subject_size);
        require(!subject.empty() && subject.find_first_of(blanks) == subject.npos, "a bad subject");
        const std::string_view reply = part(body, layout.reply_at, layout.reply_size);
        require(reply.find_first_of(blanks) == reply.npos, "a bad reply");
        const std::size_t content = std::size_t{layout.headers_size} + layout.payload_size;
        require(content <= limits_.max_inbound_message, "a message beyond its limit");
        require(bytes.size() - content - 2 <= limits_.max_control_line, "a line beyond its limit");
        require(at + layout.payload_at + layout.payload_size + 2 == bytes.size(),
                "the payload does not end the frame");
        require(
            layout.headers_at == 0 || layout.headers_at + layout.headers_size == layout.payload_at,
            "the payload does not follow the headers");
        require(layout.headers_at != 0 || layout.headers_size == 0, "headers that lie nowhere");
        for (const std::string_view text :
             {subject, reply, part(body, layout.headers_at, layout.headers_size),
              part(body, layout.payload_at, layout.payload_size)}) {
            (log += " [") += text;
            log += ']';
        }
        log += layout.headers_at ? " with headers" : "";
    }

    static std::string_view part(std::string_view body, std::size_t at, std::size_t size) {
        require(at <= body.size() && size <= body.size() - at, "a part that lies elsewhere");
        return body.substr(at, size);
    }

    std::string_view stream_;
    ParserLimits limits_;
    Parser parser_;
    bool discard_;
    bool failed_ = false;
    std::size_t start_ = 0, end_ = 0;
    std::size_t wanted_ = 0;  // the size of the frame that is waited for, once it is known
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const unsigned flags = input.byte();
    ParserLimits limits;
    if (flags & 1) limits = {32, 48, 16};
    const bool discard = flags & 2;
    std::string splits(input.take(input.byte() % 16));
    if (splits.empty()) splits = std::string(1, '\0');
    const std::string_view stream = input.rest();

    Reading whole(stream, limits, discard);
    whole.reach(stream.size());

    Reading split(stream, limits, discard);
    for (std::size_t at = 0, n = 0; at < stream.size(); ++n) {
        at += static_cast<unsigned char>(splits[n % splits.size()]) + 1u;
        split.reach(std::min(at, stream.size()));
    }
    require(whole.log == split.log, "the outcome depends on the splits");

    Reading bytes(stream, limits, discard);
    for (std::size_t at = 1; at <= stream.size(); ++at) bytes.reach(at);
    require(whole.log == bytes.log, "the outcome depends on bytes coming one by one");
    return 0;
}
