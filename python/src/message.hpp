// The Python type Message, written by hand because one is made per message: a free list, small
// messages copied into the object, subjects shared as str. With the GIL.
#pragma once

#include <anynats/message.hpp>
#include "native.hpp"

namespace anynats::python {

void bind_message(nb::module_& module);

/// A new Message object that owns `message`; nullptr with the exception set.
PyObject* make_message(Message&& message) noexcept;
/// The same; throws what Python raised.
nb::object message_object(Message&& message);

/// A new anynats.Headers with what `block` holds.
nb::object make_headers(std::string_view block);

}  // namespace anynats::python
