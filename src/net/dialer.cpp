// See dialer.hpp. A descriptor leaves the poller before it is closed, always: a forked child may
// share it.
#include "net/dialer.hpp"

#include <errno.h>

#include <algorithm>

namespace anynats {
inline namespace v0 {

std::vector<Address> interleave(const std::vector<Address>& found, std::size_t most) {
    std::vector<Address> first, second, mixed;
    for (const Address& address : found) {
        (address.is_v6() == found.front().is_v6() ? first : second).push_back(address);
    }
    for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
        if (i < first.size()) mixed.push_back(first[i]);
        if (i < second.size()) mixed.push_back(second[i]);
    }
    if (mixed.size() > most) mixed.resize(most);
    return mixed;
}

Dialer::~Dialer() {
    end_lookup();
    for (const Fd& fd : attempts_) {
        if (fd) poller_.remove(fd.get());
    }
    if (winner_) poller_.remove(winner_.get());
}

void Dialer::start(const std::string& host, std::uint16_t port, Time now) {
    if (const std::optional<Address> literal = parse_literal(host, port)) {
        use({*literal});
    } else {
        lookup_ = Lookup::start(host, port, why_);
        const int error =
            lookup_ ? poller_.add(lookup_->event_fd(), Poller::readable, lookup_tag) : 0;
        if (error) {
            lookup_.reset();
            why_ = "looking up \"" + host + "\": " + errno_text(error);
        }
        if (!lookup_) status_ = Status::failed;
    }
    start_due(now);
}

void Dialer::end_lookup() noexcept {
    if (!lookup_) return;
    poller_.remove(lookup_->event_fd());
    lookup_.reset();
}

void Dialer::use(std::vector<Address> addresses) {
    addresses_ = interleave(addresses, most_addresses);
    attempts_.reserve(addresses_.size());
    next_start_ = Time::min();
    if (addresses_.empty()) status_ = Status::failed;
}

void Dialer::progress(Time now) {
    if (lookup_ && lookup_->done()) {
        std::vector<Address> addresses = lookup_->take(why_);
        end_lookup();
        use(std::move(addresses));
    }
    std::uint64_t tags[16];
    const std::size_t ready = poller_.wait(tags);
    for (std::size_t i = 0; i < ready && status_ == Status::working; ++i) {
        if (tags[i] < attempts_.size() && attempts_[tags[i]]) finish(tags[i]);
    }
    start_due(now);
}

std::string Dialer::so_far() const {
    if (lookup_) return "its name was not looked up";
    std::string text = why_;
    for (std::size_t i = 0; i < addresses_.size(); ++i) {
        if (i < attempts_.size() && !attempts_[i]) continue;  // has failed, and is in the text
        if (!text.empty()) text += "; ";
        text += addresses_[i].text() + (i < attempts_.size() ? ": no answer" : ": not tried");
    }
    return text;
}

Time Dialer::next_timeout() const noexcept {
    return status_ == Status::working ? next_start_ : Time::min();
}

void Dialer::start_due(Time now) {
    while (status_ == Status::working && now >= next_start_) {
        next_start_ = after(now, stagger);
        open(attempts_.size());
    }
}

void Dialer::open(std::size_t index) {
    const Address& address = addresses_[index];
    int error = 0;
    attempts_.push_back(open_tcp(address, error));
    if (attempts_.size() == addresses_.size()) next_start_ = never;
    ++pending_;
    const int fd = attempts_[index].get();
    if (fd < 0) return give_up(index, errno_text(error));
    // An interrupted connect goes on by itself like one in progress.
    if (sys().connect(fd, &address.any, address.size()) != 0 && errno != EINPROGRESS &&
        errno != EINTR) {
        return give_up(index, errno_text(errno));
    }
    // Also when it is connected already: the poller says so at the next turn.
    error = poller_.add(fd, Poller::writable, index);
    if (error) give_up(index, errno_text(error));
}

void Dialer::finish(std::size_t index) {
    const int fd = attempts_[index].get();
    int error = 0;
    socklen_t size = sizeof error;
    if (sys().getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error == 0 && connected_to_itself(fd)) error = ECONNREFUSED;
    if (error) {
        poller_.remove(fd);
        give_up(index, errno_text(error));
    } else {
        won(index);
    }
}

void Dialer::give_up(std::size_t index, const std::string& reason) {
    attempts_[index].reset();
    --pending_;
    if (!why_.empty()) why_ += "; ";
    why_ += addresses_[index].text() + ": " + reason;
    if (attempts_.size() < addresses_.size()) {
        next_start_ = Time::min();  // at once
    } else if (pending_ == 0) {
        status_ = Status::failed;
    }
}

void Dialer::won(std::size_t index) noexcept {
    winner_ = std::move(attempts_[index]);
    for (Fd& fd : attempts_) {
        if (fd) poller_.remove(fd.get());
        fd.reset();
    }
    status_ = Status::connected;
}

}  // namespace v0
}  // namespace anynats
