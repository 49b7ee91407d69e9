// See texts.hpp. Pure functions of their arguments; they may throw std::bad_alloc, which the
// coroutine that asks turns into OutOfMemory.
#include "ops/texts.hpp"

#include <cstdio>

#include "core/session_state.hpp"

namespace anynats {
inline namespace v0 {

std::string in_seconds(Duration time) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3g s", std::chrono::duration<double>(time).count());
    return text;
}

Error closed_error(Session& session, std::string_view what) {
    return session.inner().closed(what);
}

}  // namespace v0
}  // namespace anynats
