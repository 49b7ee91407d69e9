// Ending in order, as operations: a subscription, or the whole client.
// Each is over within its timeout, whatever the server or the user's loops do.
#pragma once

#include <memory>

#include "ops/task.hpp"

namespace anynats {
inline namespace v0 {

/// Wait until everything that the server had sent for `subscription` has come and it has ended.
/// TimeoutError when that takes longer than `timeout`; it has ended then too.
Task<Done> drain(Session& session, std::shared_ptr<SubscriptionState> subscription,
                 Duration timeout);

/// Drain every subscription, wait until what came has been worked off and open requests are over,
/// flush, and close. Publishing and requests go on to the end. Within `timeout` all of it is over:
/// with TimeoutError if something was left, which it names.
Task<Done> drain(Session& session, Duration timeout);

}  // namespace v0
}  // namespace anynats
