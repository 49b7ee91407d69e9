// Everything of anynats: `#include <anynats/anynats.hpp>` and link anynats::anynats.
// A client for the NATS messaging system, written once for every way of waiting.
#pragma once

#include <anynats/client.hpp>
#include <anynats/connection.hpp>
#include <anynats/error_types.hpp>
#include <anynats/executor.hpp>
#include <anynats/message.hpp>
#include <anynats/operation.hpp>
#include <anynats/options.hpp>
#include <anynats/session.hpp>
#include <anynats/subscription.hpp>
