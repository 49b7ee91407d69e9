// ClientAccess: what makes a host, by any way of waiting, makes the public Client of it here.
// Holds nothing.
#pragma once

#include <memory>
#include <utility>

#include <anynats/client.hpp>
#include "drive/host.hpp"

namespace anynats {
inline namespace v0 {

struct ClientAccess {
    static Client make(std::shared_ptr<Host> host) { return Client(std::move(host)); }
};

}  // namespace v0
}  // namespace anynats
