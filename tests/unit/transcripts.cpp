// Reading the transcripts; strings in them are bytes, one for each of U+0000 to U+00FF.
#include "transcripts.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "core/json.hpp"

#ifndef ANYNATS_TEST_DATA
#define ANYNATS_TEST_DATA "tests/data"
#endif

namespace transcripts {
namespace {

namespace json = boost::json;

std::string latin1(const json::string& text) {
    std::string bytes;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const auto lead = static_cast<unsigned char>(text[at]);
        if (lead < 0x80) {
            bytes += text[at];
        } else {
            if (lead > 0xC3) throw std::runtime_error("a character beyond U+00FF");
            const auto next = static_cast<unsigned char>(text[++at]);
            bytes += static_cast<char>((lead << 6) | (next & 0x3F));
        }
    }
    return bytes;
}

/// A string, or a list of strings and [string, times].
std::string bytes_of(const json::value& value) {
    if (value.is_string()) return latin1(value.get_string());
    std::string bytes;
    for (const json::value& item : value.as_array()) {
        if (item.is_string()) {
            bytes += latin1(item.get_string());
            continue;
        }
        const std::string part = latin1(item.as_array().at(0).as_string());
        for (std::int64_t n = item.as_array().at(1).as_int64(); n > 0; --n) bytes += part;
    }
    return bytes;
}

Frame frame_of(const json::object& object) {
    Frame frame;
    for (const auto& [key, value] : object) {
        if (key == "kind")
            frame.kind = bytes_of(value);
        else if (key == "subject")
            frame.subject = bytes_of(value);
        else if (key == "reply")
            frame.reply = bytes_of(value);
        else if (key == "payload")
            frame.payload = bytes_of(value);
        else if (key == "text")
            frame.text = bytes_of(value);
        else if (key == "sid")
            frame.sid = json::value_to<std::uint64_t>(value);
        else if (key == "status")
            frame.status = value.as_int64();
        else if (key == "description")
            frame.description = bytes_of(value);
        else if (key == "header_error")
            frame.header_error = value.as_bool();
        else if (key == "headers_raw") {
            frame.headers_raw = bytes_of(value);
            frame.with_headers = true;
        } else if (key == "headers") {
            frame.headers.emplace();
            for (const json::value& field : value.as_array()) {
                frame.headers->emplace_back(bytes_of(field.at(0)), bytes_of(field.at(1)));
            }
        } else {
            throw std::runtime_error("unknown key " + std::string(key));
        }
    }
    return frame;
}

void read_limit(const json::object& limits, const char* name, std::size_t& target) {
    if (const json::value* value = limits.if_contains(name)) {
        target = json::value_to<std::size_t>(*value);
    }
}

Transcript transcript_of(const json::object& object) {
    Transcript transcript;
    transcript.name = latin1(object.at("name").as_string());
    transcript.bytes = bytes_of(object.at("chunks"));
    for (const json::value& frame : object.at("frames").as_array()) {
        transcript.frames.push_back(frame_of(frame.as_object()));
    }
    if (const json::value* failed = object.if_contains("failed")) {
        transcript.failed = latin1(failed->as_string());
    }
    if (const json::value* limits = object.if_contains("limits")) {
        read_limit(limits->as_object(), "max_control_line", transcript.limits.max_control_line);
        read_limit(limits->as_object(), "max_info_line", transcript.limits.max_info_line);
        read_limit(limits->as_object(), "max_inbound_message",
                   transcript.limits.max_inbound_message);
    }
    return transcript;
}

}  // namespace

std::vector<Transcript> all() {
    std::vector<Transcript> transcripts;
    const std::filesystem::path folder = std::filesystem::path(ANYNATS_TEST_DATA) / "transcripts";
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (entry.path().extension() != ".json") continue;
        std::stringstream text;
        text << std::ifstream(entry.path(), std::ios::binary).rdbuf();
        try {
            transcripts.push_back(transcript_of(json::parse(text.str()).as_object()));
        } catch (const std::exception& error) {
            throw std::runtime_error(entry.path().string() + ": " + error.what());
        }
    }
    std::sort(transcripts.begin(), transcripts.end(),
              [](const Transcript& a, const Transcript& b) { return a.name < b.name; });
    return transcripts;
}

}  // namespace transcripts
