// The small model of a server behind World: it answers handshakes and pings, keeps the table of
// subscriptions, routes publishes and says when nobody listens.
#include "script.hpp"

#include <algorithm>
#include <cstdio>
#include <new>
#include <span>
#include <sstream>

namespace script {

namespace {

bool matches(std::string_view pattern, std::string_view subject) {
    for (;;) {
        const std::size_t p = pattern.find('.'), s = subject.find('.');
        const std::string_view want = pattern.substr(0, p), have = subject.substr(0, s);
        if (want == ">") return true;
        if (want != "*" && want != have) return false;
        if (p == std::string_view::npos || s == std::string_view::npos) return p == s;
        pattern.remove_prefix(p + 1);
        subject.remove_prefix(s + 1);
    }
}

}  // namespace

void World::route(const ClientFrame& frame) {
    const std::string reply = frame.reply();
    std::vector<std::string> queues;
    bool found = false;
    for (auto at = current_->subs.begin(); at != current_->subs.end();) {
        auto& [sid, sub] = *at;
        const bool taken =
            !sub.queue.empty() && std::count(queues.begin(), queues.end(), sub.queue) > 0;
        if (taken || !matches(sub.subject, frame.subject())) {
            ++at;
            continue;
        }
        found = true;
        if (!sub.queue.empty()) queues.push_back(sub.queue);
        to_client_ += frame.headers.empty()
                          ? msg(frame.subject(), sid, frame.payload, reply)
                          : hmsg(frame.subject(), sid, frame.headers, frame.payload, reply);
        ++sub.delivered;
        if (sub.max && sub.delivered >= sub.max) {
            at = current_->subs.erase(at);
        } else {
            ++at;
        }
    }
    if (reply.empty() || found) return;
    for (const auto& [sid, sub] : current_->subs) {
        if (!matches(sub.subject, reply)) continue;
        to_client_ += frame.subject() == "svc" ? msg(reply, sid, "re:" + frame.payload)
                                               : hmsg(reply, sid, no_responders, {});
        break;
    }
}

void World::answer() {
    if (!model || !current_ || !current_->open) return;
    Wire& wire = *current_;
    for (; wire.answered < wire.reader.frames.size(); ++wire.answered) {
        const ClientFrame& frame = wire.reader.frames[wire.answered];
        const std::string& verb = frame.words[0];
        if (verb == "PING") {
            to_client_ += "PONG\r\n";
        } else if (verb == "SUB") {
            const std::uint64_t sid = std::stoull(frame.words.back());
            if (wire.subs.count(sid)) flaw("subscribed twice: " + frame.line);
            wire.subs[sid] = {frame.subject(), frame.words.size() == 4 ? frame.words[2] : "", 0, 0};
        } else if (verb == "UNSUB") {
            const auto sub = wire.subs.find(std::stoull(frame.words[1]));
            if (sub == wire.subs.end()) continue;
            sub->second.max = frame.words.size() == 3 ? std::stoull(frame.words[2]) : 0;
            if (sub->second.max <= sub->second.delivered) wire.subs.erase(sub);
        } else if (frame.publish()) {
            route(frame);
        }
    }
}

}  // namespace script
