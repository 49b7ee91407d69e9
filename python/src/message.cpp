// See message.hpp. A message of up to inline_size bytes is copied whole into its object, so that
// it does not keep the memory of a whole read alive; a larger one keeps its part of the read only
// if that is at least a quarter of it. The same rule as in Subscriptions::compact.
#include "message.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include "arguments.hpp"
#include "core/chunk.hpp"
#include "types.hpp"

namespace anynats::python {
namespace {

constexpr std::size_t inline_size = 256;   // bytes
constexpr std::size_t most_free = 256;     // objects kept for reuse
constexpr std::size_t most_subject = 128;  // bytes of a subject that is worth sharing

struct MessageObject {
    PyObject_HEAD Message message;
    PyObject *subject, *payload, *headers;  // made when first asked for
    char here[inline_size];
};

PyTypeObject* message_type = nullptr;
PyObject* headers_class = nullptr;
PyObject* no_headers = nullptr;
std::array<MessageObject*, most_free> free_objects;
std::size_t free_count = 0;
std::array<PyObject*, 256> known_subjects{};  // ASCII, by their last bytes

MessageObject& of(PyObject* self) noexcept {
    return *reinterpret_cast<MessageObject*>(self);
}

/// A str for `subject`, mostly one that was made before.
PyObject* subject_str(std::string_view subject) noexcept {
    if (subject.empty() || subject.size() > most_subject) return to_str(subject);
    std::size_t hash = subject.size();
    for (const char c : subject.substr(subject.size() - std::min<std::size_t>(subject.size(), 8))) {
        hash = hash * 31 + static_cast<unsigned char>(c);
    }
    PyObject*& known = known_subjects[hash % known_subjects.size()];
    if (known && static_cast<std::size_t>(PyUnicode_GET_LENGTH(known)) == subject.size() &&
        std::memcmp(PyUnicode_1BYTE_DATA(known), subject.data(), subject.size()) == 0) {
        Py_INCREF(known);
        return known;
    }
    PyObject* const made = to_str(subject);
    if (made && PyUnicode_IS_ASCII(made)) {
        Py_INCREF(made);
        Py_XSETREF(known, made);
    }
    return made;
}

PyObject* new_reference(PyObject* object) noexcept {
    Py_XINCREF(object);
    return object;
}

PyObject* get_subject(PyObject* self, void*) noexcept {
    MessageObject& object = of(self);
    if (!object.subject) object.subject = subject_str(object.message.subject());
    return new_reference(object.subject);
}

PyObject* get_payload(PyObject* self, void*) noexcept {
    MessageObject& object = of(self);
    if (!object.payload) {
        const std::string_view payload = object.message.payload();
        object.payload =
            PyBytes_FromStringAndSize(payload.data(), static_cast<Py_ssize_t>(payload.size()));
    }
    return new_reference(object.payload);
}

PyObject* get_reply(PyObject* self, void*) noexcept {
    const std::string_view reply = of(self).message.reply();
    return reply.empty() ? new_reference(Py_None) : to_str(reply);
}

PyObject* get_headers(PyObject* self, void*) noexcept {
    MessageObject& object = of(self);
    try {
        if (!object.headers) {
            object.headers = object.message.has_headers()
                                 ? make_headers(object.message.raw_headers()).release().ptr()
                                 : new_reference(no_headers);
        }
        return new_reference(object.headers);
    } catch (...) {
        return set_current_error();
    }
}

PyObject* get_raw_headers(PyObject* self, void*) noexcept {
    const std::string_view raw = of(self).message.raw_headers();
    return PyBytes_FromStringAndSize(raw.data(), static_cast<Py_ssize_t>(raw.size()));
}

PyObject* get_status(PyObject* self, void*) noexcept {
    const int status = of(self).message.status();
    return status ? PyLong_FromLong(status) : new_reference(Py_None);
}

PyObject* get_description(PyObject* self, void*) noexcept {
    const Message& message = of(self).message;
    return message.status() ? to_str(message.description()) : new_reference(Py_None);
}

PyObject* get_header_error(PyObject* self, void*) noexcept {
    return PyBool_FromLong(of(self).message.header_error());
}

PyObject* get_sid(PyObject* self, void*) noexcept {
    return PyLong_FromUnsignedLongLong(of(self).message.sid());
}

PyObject* repr(PyObject* self) noexcept {
    PyObject* const subject = get_subject(self, nullptr);
    if (!subject) return nullptr;
    const std::size_t size = of(self).message.payload().size();
    PyObject* const text = PyUnicode_FromFormat("<anynats.Message %R, %zu bytes>", subject, size);
    Py_DECREF(subject);
    return text;
}

int get_buffer(PyObject* self, Py_buffer* view, int flags) noexcept {
    const std::string_view payload = of(self).message.payload();
    return PyBuffer_FillInfo(view, self, const_cast<char*>(payload.data()),
                             static_cast<Py_ssize_t>(payload.size()), 1, flags);
}

void deallocate(PyObject* self) noexcept {
    MessageObject& object = of(self);
    Py_CLEAR(object.subject);
    Py_CLEAR(object.payload);
    Py_CLEAR(object.headers);
    object.message = Message();
    if (free_count < most_free) {
        free_objects[free_count++] = &object;
    } else {
        object.message.~Message();
        PyObject_Free(self);
    }
    Py_DECREF(message_type);  // a heap type is counted by its instances
}

/// Where the last part of the message ends, from the start of its subject.
std::size_t extent(const MessageLayout& layout) noexcept {
    return std::max({layout.subject_size, layout.reply_at + layout.reply_size,
                     layout.headers_at + layout.headers_size,
                     layout.payload_at + layout.payload_size});
}

PyGetSetDef attributes[] = {
    {"subject", get_subject, nullptr, "The subject it was published to.", nullptr},
    {"reply", get_reply, nullptr, "The subject for replies, or None.", nullptr},
    {"payload", get_payload, nullptr, "The payload; made once, then kept.", nullptr},
    {"headers", get_headers, nullptr, "The headers; empty when there are none.", nullptr},
    {"raw_headers", get_raw_headers, nullptr, "The header block as it came, or b''.", nullptr},
    {"header_error", get_header_error, nullptr,
     "Whether the header block breaks the grammar; the message is delivered all the same.",
     nullptr},
    {"status", get_status, nullptr, "The status of the header block, or None.", nullptr},
    {"description", get_description, nullptr, "The text behind the status, or None.", nullptr},
    {"sid", get_sid, nullptr, "The number of the subscription it came by.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

const char* const doc =
    "One received message; read-only.\n\n"
    "`memoryview(msg)` shows the payload without a copy. A subject, reply or header value that is\n"
    "not UTF-8 holds lone surrogates in place of the bytes (errors=\"surrogateescape\").";

}  // namespace

nb::object make_headers(std::string_view block) {
    nb::list fields;
    for (const auto& [name, value] : parse_headers(block)) {
        fields.append(nb::make_tuple(to_str_object(name), to_str_object(value)));
    }
    return nb::borrow(headers_class)(fields, nb::bytes(block.data(), block.size()));
}

PyObject* make_message(Message&& message) noexcept {
    const std::size_t size = extent(message.layout());
    const bool is_small = size <= inline_size;
    if (!is_small && message.chunk().get() && size < message.chunk().get()->capacity / 4) {
        try {
            message = message.to_owned();
        } catch (...) {
            return set_current_error();
        }
    }
    MessageObject* object;
    if (free_count > 0) {
        object = free_objects[--free_count];
    } else {
        object = static_cast<MessageObject*>(PyObject_Malloc(sizeof(MessageObject)));
        if (!object) return PyErr_NoMemory();
        new (&object->message) Message();
        object->subject = object->payload = object->headers = nullptr;
    }
    PyObject_Init(reinterpret_cast<PyObject*>(object), message_type);
    if (is_small) {
        std::memcpy(object->here, message.subject().data(), size);
        object->message = Message({}, object->here, message.layout(), message.sid());
    } else {
        object->message = std::move(message);
    }
    return reinterpret_cast<PyObject*>(object);
}

nb::object message_object(Message&& message) {
    PyObject* const made = make_message(std::move(message));
    require(made != nullptr);
    return nb::steal(made);
}

void bind_message(nb::module_& module) {
    headers_class =
        nb::object(nb::module_::import_("anynats._headers").attr("Headers")).release().ptr();
    no_headers = nb::borrow(headers_class)().release().ptr();
    PyType_Slot slots[] = {slot(Py_tp_dealloc, &deallocate),   slot(Py_tp_repr, &repr),
                           {Py_tp_getset, attributes},         {Py_tp_doc, const_cast<char*>(doc)},
                           slot(Py_bf_getbuffer, &get_buffer), {0, nullptr}};
    message_type =
        make_type("anynats.Message", sizeof(MessageObject), Py_TPFLAGS_IMMUTABLETYPE, slots);
    module.attr("Message") = nb::borrow(reinterpret_cast<PyObject*>(message_type));
}

}  // namespace anynats::python
