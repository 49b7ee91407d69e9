// The slot table behind replies.hpp. A slot is free again as soon as its request is over; its
// generation tells a late reply from one for the slot's next request.
#include "core/replies.hpp"

#include <charconv>

namespace anynats {
inline namespace v0 {

ReplyWait::~ReplyWait() {
    if (table_) table_->close(*this);
}

Replies::~Replies() {
    for (Slot& slot : slots_) {
        if (slot.wait) slot.wait->table_ = nullptr;
    }
}

void Replies::open(ReplyWait& wait) {
    if (free_.empty()) {
        if (slots_.size() == slots_.capacity()) slots_.reserve(2 * slots_.size() + 16);
        free_.reserve(slots_.capacity());  // so that close() never has to allocate
        slots_.emplace_back();
        free_.push_back(static_cast<std::uint32_t>(slots_.size() - 1));
    }
    const std::uint32_t index = free_.back();
    wait.token_ = std::to_string(index) + '_' + std::to_string(generation_);
    free_.pop_back();
    slots_[index] = {&wait, generation_++, false};
    wait.slot_ = index;
    wait.table_ = this;
    ++open_;
}

void Replies::close(ReplyWait& wait) noexcept {
    slots_[wait.slot_].wait = nullptr;
    free_.push_back(wait.slot_);
    wait.table_ = nullptr;
    if (--open_ == 0) idle_.wake_all();
}

Replies::Delivery Replies::deliver(std::string_view token, Message message) {
    std::uint32_t index = 0;
    std::uint64_t generation = 0;
    const char* end = token.data() + token.size();
    auto [at, bad] = std::from_chars(token.data(), end, index);
    if (bad != std::errc() || at == end || *at != '_') return Delivery::late;
    auto [stop, worse] = std::from_chars(at + 1, end, generation);
    if (worse != std::errc() || stop != end) return Delivery::late;
    if (index >= slots_.size() || slots_[index].generation != generation) return Delivery::late;
    Slot& slot = slots_[index];
    if (slot.answered) return Delivery::duplicate;
    if (!slot.wait || slot.wait->finished()) return Delivery::late;
    slot.answered = true;
    slot.wait->message_.emplace(std::move(message));
    slot.wait->wake();
    return Delivery::taken;
}

void Replies::fail_all(const Error& error) noexcept {
    fail([](const Slot&) { return true; }, error);
}

void Replies::fail_subject(std::string_view subject, const Error& error) noexcept {
    fail([&](const Slot& slot) { return slot.wait->subject == subject; }, error);
}

void Replies::fail_token(std::string_view token, const Error& error) noexcept {
    fail([&](const Slot& slot) { return slot.wait->token() == token; }, error);
}

bool Replies::waiting_before(std::uint64_t generation) const noexcept {
    for (const Slot& slot : slots_) {
        if (slot.wait && !slot.wait->finished() && slot.generation < generation) return true;
    }
    return false;
}

void Replies::fail_before(std::uint64_t generation, const Error& error) noexcept {
    fail([&](const Slot& slot) { return slot.generation < generation; }, error);
}

bool Replies::check() const noexcept {
    std::size_t waiting = 0;
    for (const Slot& slot : slots_) waiting += slot.wait ? 1 : 0;
    return waiting == open_ && free_.size() + open_ == slots_.size();
}

}  // namespace v0
}  // namespace anynats
