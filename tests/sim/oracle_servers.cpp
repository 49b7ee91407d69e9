// What the oracle knows of the pool of servers: who is in it, whose turn it is (I18), and what the
// user says to both (ADR-40).
#include "oracle.hpp"

namespace sim {

std::string place_of(std::string_view url) {
    return std::string(url.substr(url.find("://") + 3));
}

void Oracle::pool_is(std::set<std::string> places) {
    servers_ = failures_ + places.size();
    pool_ = std::move(places);
    chosen_.clear();
    for (auto& [place, known] : places_) {  // the new ones have failed at nothing
        known.others.clear();
        if (!wire_ || place != place_) known.failed_at = Time::min();
    }
    dial_by_ = clock_.now() + options_.reconnect_wait_max;
}

void Oracle::may_choose(const anynats::Action& action) {
    require(Invariant::I18, !action.servers.empty(), "no server is there to be chosen");
    for (const anynats::ServerCandidate& server : action.servers) {
        const std::string place = place_of(server.url);
        require(Invariant::I18, pool_.count(place), "not of the pool, and to be chosen: " + place);
    }
    chosen_.clear();
    dial_by_ = clock_.now() + options_.connect_timeout + options_.reconnect_wait_max;
}

void Oracle::chooses(std::uint64_t epoch, const std::string& place, Duration wait) {
    if (inner_.choice != epoch) return stale_input();
    chosen_ = place;
    dial_by_ = clock_.now() + (place.empty() ? options_.reconnect_wait_max : wait);
}

void Oracle::judge_dial(const std::string& place) {
    require(Invariant::I18, pool_.count(place), "not of the pool, and dialed: " + place);
    require(Invariant::I18, chosen_.empty() || chosen_ == place,
            "another server is dialed than was chosen: " + place);
    Place& known = places_[place];
    require(Invariant::I18,
            forced_ || !chosen_.empty() || known.failed_at == Time::min() ||
                clock_.now() >= known.failed_at + 1ms,
            "a server that failed is tried again at once: " + place);
    known.failed_at = Time::min();
    std::map<std::string, std::uint64_t> others;
    for (const anynats::Server& server : inner_.pool.servers()) {
        // A user that chooses starves whom it likes.
        if (server.discovered || options_.ask_for_server) continue;
        const std::string other = server.url.host + ':' + std::to_string(server.url.port);
        others[other] = server.attempts;
        const auto before = known.others.find(other);
        if (other == place || before == known.others.end()) continue;
        require(Invariant::I18, server.attempts > before->second, "a server has no turn: " + other);
    }
    known.others = std::move(others);
}

/// It may give up for few reasons only (I22).
void Oracle::judge_closing() {
    const bool never_connected =
        !ever_linked_ && !options_.retry_on_failed_connect && failures_ >= servers_;
    const bool not_again = !options_.reconnect && losses_ > 0;
    const bool too_often = options_.max_reconnects && inner_.pool.empty();
    require(Invariant::I22, asked_to_close_ || never_connected || not_again || too_often,
            "it gave up for no reason that is documented");
}

}  // namespace sim
