// How the planted bugs work; see mutants.hpp.
#include "mutants.hpp"

#include <algorithm>
#include <chrono>

namespace sim {

using anynats::Message;

anynats::Options mutated(anynats::Options options, Mutant mutant) {
    using namespace std::chrono_literals;
    if (mutant == Mutant::never_stale) options.max_pings_outstanding = 1'000'000;
    if (mutant == Mutant::slow_reconnect) {
        options.reconnect_wait_min *= 20;
        options.reconnect_wait_max *= 20;
    }
    if (mutant == Mutant::more_pending) options.pending_limit = 16u << 20;
    if (mutant == Mutant::longer_queue) options.sub_pending_messages *= 2;
    if (mutant == Mutant::keep_requests) options.fail_requests_on_disconnect = false;
    return options;
}

void Spoiler::spoil(std::vector<ClientFrame>& frames, std::uint64_t epoch) {
    if (mutant_ == Mutant::none) return;
    reconnected_ = reconnected_ || (epoch_ != 0 && epoch != epoch_);
    epoch_ = epoch;
    const auto find = [&](auto is_it) { return std::find_if(frames.begin(), frames.end(), is_it); };
    const auto publish =
        find([](const ClientFrame& frame) { return frame.publish() && frame.reply().empty(); });
    const auto verb = [&](std::string_view name) {
        return find([&](const ClientFrame& frame) { return frame.words[0] == name; });
    };
    const bool found = publish != frames.end();
    switch (mutant_) {
        case Mutant::lose_publish:
            if (found) frames.erase(publish);
            break;
        case Mutant::repeat_publish:
            if (found) frames.insert(publish, ClientFrame(*publish));
            break;
        case Mutant::swap_publishes:
            if (found && publish + 1 != frames.end() && publish[1].publish()) {
                std::swap(publish[0], publish[1]);
            }
            break;
        case Mutant::alter_publish:
            if (found) publish->payload += '!';
            break;
        case Mutant::skip_pong:
            if (const auto at = verb("PONG"); at != frames.end()) frames.erase(at);
            break;
        case Mutant::revive_subscription:
            if (const auto at = verb("UNSUB"); at != frames.end() && !at->max()) frames.erase(at);
            break;
        case Mutant::lose_resubscription:
            if (const auto at = verb("SUB"); reconnected_ && at != frames.end()) frames.erase(at);
            break;
        case Mutant::forget_count:
            if (const auto at = verb("UNSUB"); reconnected_ && at != frames.end()) {
                if (at->max()) at->words[2] = std::to_string(at->max() + 1);
            }
            break;
        default:
            break;
    }
}

void Spoiler::spoil(Message& reply) {
    if (mutant_ != Mutant::give_old_reply) return;
    if (old_reply_)
        std::swap(*old_reply_, reply);
    else
        old_reply_ = reply;
}

void Spoiler::spoil(std::vector<Message>& messages) {
    if (messages.empty()) return;
    Message& first = messages.front();
    switch (mutant_) {
        case Mutant::lose_message:
            messages.pop_back();
            break;
        case Mutant::repeat_message:
            messages.push_back(first);
            break;
        case Mutant::swap_messages:
            if (messages.size() > 1) std::swap(messages[0], messages[1]);
            break;
        case Mutant::alter_message: {
            anynats::MessageLayout layout = first.layout();
            if (layout.payload_size == 0) break;
            --layout.payload_size;
            first = Message(first.chunk(), first.subject().data(), layout, first.sid());
            break;
        }
        default:
            break;
    }
}

}  // namespace sim
