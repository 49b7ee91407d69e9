// Boost.JSON compiled into this library: its headers are all we need of it, and no library of
// theirs is linked. This is the only file with its source; nothing of ours may stand here.
#include "core/json.hpp"

#include <boost/json/src.hpp>
