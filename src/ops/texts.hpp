// What errors of several operations say alike, so that it is said once: what was attempted, for how
// long, and why it cannot be done.
#pragma once

#include <string>
#include <string_view>

#include <anynats/session.hpp>

namespace anynats {
inline namespace v0 {

/// For people: "0.25 s".
std::string in_seconds(Duration time);

/// `what` cannot be done because the client is closed; with the reason, if that was not asked for.
Error closed_error(Session& session, std::string_view what);

}  // namespace v0
}  // namespace anynats
