// Waiting for news as an operation: for room to publish again, for an event. That it is done is a
// reason to look again, and nothing more: others may have been faster.
// Under the host's lock.
#pragma once

#include "drive/ended_once.hpp"

namespace anynats {
inline namespace v0 {

class NewsOperation final : public EndedOnce<Done>, public Waiter {
public:
    explicit NewsOperation(const Error& cancelled) : cancelled_(cancelled) {}

    void wake() noexcept override { finish(Done{}); }
    void cancel() noexcept override {
        if (!done()) finish(cancelled_);
    }

private:
    void finish(Result<Done> ending) noexcept {
        unlink();
        end(std::move(ending));
    }

    const Error cancelled_;
};

}  // namespace v0
}  // namespace anynats
