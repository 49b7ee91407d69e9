// The protocol by itself, for anynats.sansio: the parser, the encoders and header blocks, as the
// core has them. Arguments are checked here, because the encoders expect them checked.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include "arguments.hpp"
#include "core/chunk.hpp"
#include "core/parser.hpp"
#include "core/subject.hpp"
#include "core/writer.hpp"
#include "errors.hpp"
#include "message.hpp"

namespace anynats::python {
namespace {

nb::bytes to_bytes(const Bytes& bytes) {
    return nb::bytes(bytes.view().data(), bytes.view().size());
}

void check_text(const char* name, std::string_view text, const char* flaw) {
    if (flaw) raise(bad_argument(name, text, flaw));
}

nb::bytes publish_frame(Given subject, Given payload, Given reply, Given headers) {
    std::string_view to, answer_to;
    Payload bytes;
    std::string block;
    require(read_text(subject.ptr(), "subject", to));
    require(bytes.read(payload.ptr(), "payload"));
    require(read_text_or_none(reply.ptr(), "reply", answer_to));
    require(read_headers(headers.ptr(), block));
    check_text("subject", to, flaw_in_publish_subject(to));
    if (!answer_to.empty()) check_text("reply", answer_to, flaw_in_publish_subject(answer_to));
    Bytes out;
    encode_publish(out, to, answer_to, block, bytes.view());
    return to_bytes(out);
}

std::uint64_t sid_of(Given value) {
    std::uint64_t sid;
    require(read_count(value.ptr(), "sid", INT64_MAX, sid));
    if (sid == 0) require(refuse("sid", "must be at least 1"));
    return sid;
}

nb::bytes subscribe_frame(Given subject, Given sid, Given queue) {
    std::string_view to, group;
    require(read_text(subject.ptr(), "subject", to));
    require(read_text_or_none(queue.ptr(), "queue", group));
    check_text("subject", to, flaw_in_subscribe_subject(to));
    if (!group.empty()) check_text("queue", group, flaw_in_queue(group));
    Bytes out;
    encode_subscribe(out, to, group, sid_of(sid));
    return to_bytes(out);
}

nb::bytes unsubscribe_frame(Given sid, Given limit) {
    std::uint64_t most = 0;
    if (!limit.is_none()) require(read_count(limit.ptr(), "limit", INT64_MAX, most));
    Bytes out;
    encode_unsubscribe(out, sid_of(sid), most);
    return to_bytes(out);
}

nb::bytes connect_frame(Given json) {
    std::string_view text;
    require(read_text(json.ptr(), "json", text));
    if (text.find_first_of("\r\n") != std::string_view::npos) {
        require(refuse("json", "holds a line end"));
    }
    Bytes out;
    encode_connect(out, text);
    return to_bytes(out);
}

/// The parser with the memory that it parses. Bytes are copied once, when they are fed.
class NativeParser {
public:
    NativeParser(Given line, Given info, Given message) : parser_(limits_) {
        limits_.max_control_line = limit(line, "max_control_line", limits_.max_control_line);
        limits_.max_info_line = limit(info, "max_info_line", limits_.max_info_line);
        limits_.max_inbound_message =
            limit(message, "max_inbound_message", limits_.max_inbound_message);
        parser_ = Parser(limits_);
    }

    /// Frames as (kind, text, message).
    nb::list feed(Given data) {
        Payload bytes;
        require(bytes.read(data.ptr(), "data"));
        if (failed_) raise(Error(ErrorCode::protocol_error, parser_.reason()));
        unread_.append(bytes.view());
        nb::list frames;
        for (;;) {
            switch (parser_.next(unread_.view())) {
                case ParseStatus::frame:
                    frames.append(frame());
                    unread_.consume(parser_.consumed());
                    continue;
                case ParseStatus::failed:
                    failed_ = true;
                    unread_.clear();
                    return frames;
                case ParseStatus::skipped:
                case ParseStatus::need_more:
                    return frames;
            }
        }
    }

    std::optional<std::string> failed() const {
        return failed_ ? std::optional<std::string>(parser_.reason()) : std::nullopt;
    }

private:
    static std::size_t limit(Given value, const char* name, std::size_t otherwise) {
        if (value.is_none()) return otherwise;
        std::uint64_t count;
        require(read_count(value.ptr(), name, 1u << 31, count));
        if (count == 0) require(refuse(name, "must be at least 1"));
        return static_cast<std::size_t>(count);
    }

    nb::tuple frame() {
        const Frame& frame = parser_.frame();
        switch (frame.kind) {
            case FrameKind::info:
                return text_frame("info", frame.text);
            case FrameKind::err:
                return text_frame("err", frame.text);
            case FrameKind::ping:
                return text_frame("ping", {});
            case FrameKind::pong:
                return text_frame("pong", {});
            case FrameKind::ok:
                return text_frame("ok", {});
            case FrameKind::msg:
                break;
        }
        // The bytes fed are reused, so the message gets memory of its own.
        PyObject* const message =
            make_message(Message({}, frame.base, frame.layout, frame.sid).to_owned());
        require(message != nullptr);
        return nb::make_tuple("msg", "", nb::steal(message));
    }

    static nb::tuple text_frame(const char* kind, std::string_view text) {
        return nb::make_tuple(kind, to_str_object(text), nb::none());
    }

    ParserLimits limits_;
    Parser parser_;
    Bytes unread_;
    bool failed_ = false;
};

}  // namespace

void bind_codec(nb::module_& module) {
    module.def("encode_publish", &publish_frame, nb::arg("subject"), nb::arg("payload"),
               nb::arg("reply"), nb::arg("headers"));
    module.def("encode_subscribe", &subscribe_frame, nb::arg("subject"), nb::arg("sid"),
               nb::arg("queue"));
    module.def("encode_unsubscribe", &unsubscribe_frame, nb::arg("sid"), nb::arg("limit"));
    module.def("encode_connect", &connect_frame, nb::arg("json"));
    module.def("encode_ping", [] {
        Bytes out;
        encode_ping(out);
        return to_bytes(out);
    });
    module.def("encode_pong", [] {
        Bytes out;
        encode_pong(out);
        return to_bytes(out);
    });
    module.def("parse_headers", [](Given block) {
        Payload bytes;
        require(bytes.read(block.ptr(), "block"));
        return make_headers(bytes.view());
    });
    nb::class_<NativeParser>(module, "Parser", "What a server sends, as frames.")
        .def(nb::init<Given, Given, Given>(), nb::arg("max_control_line"), nb::arg("max_info_line"),
             nb::arg("max_inbound_message"))
        .def("feed", &NativeParser::feed, nb::arg("data"))
        .def_prop_ro("failed", &NativeParser::failed);
}

}  // namespace anynats::python
