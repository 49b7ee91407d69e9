// The small model of a server behind World: it answers handshakes and pings, keeps the table of
// subscriptions, routes publishes and says when nobody listens.
#include "script.hpp"

#include <algorithm>
#include <cstdio>
#include <new>
#include <span>
#include <sstream>

namespace script {

std::string info_with(const std::string& members) {
    std::string line = info;
    line.insert(line.size() - 3, "," + members);
    return line;
}

void World::route(const ClientFrame& frame) {
    const std::string reply = frame.reply();
    std::vector<std::string> queues;
    bool found = false;
    const auto subs = current_->interest.subs;
    for (const auto& [sid, sub] : subs) {
        const bool taken =
            !sub.queue.empty() && std::count(queues.begin(), queues.end(), sub.queue) > 0;
        if (taken || !matches(sub.subject, frame.subject())) continue;
        found = true;
        if (!sub.queue.empty()) queues.push_back(sub.queue);
        to_client_ += frame.headers.empty()
                          ? msg(frame.subject(), sid, frame.payload, reply)
                          : hmsg(frame.subject(), sid, frame.headers, frame.payload, reply);
        current_->interest.delivered(sid);
    }
    if (reply.empty() || found) return;
    for (const auto& [sid, sub] : current_->interest.subs) {
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
            if (!wire.interest.subscribe(frame)) flaw("subscribed twice: " + frame.line);
        } else if (verb == "UNSUB") {
            wire.interest.unsubscribe(frame);
        } else if (frame.publish()) {
            route(frame);
        }
    }
}

}  // namespace script
