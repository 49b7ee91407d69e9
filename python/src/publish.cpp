// See publish.hpp. The GIL is kept while the lock is free and no system call is due: giving it up
// and taking it back would cost more than the publish itself.
#include "publish.hpp"

#include <algorithm>
#include <array>

#include "arguments.hpp"
#include "done.hpp"
#include "errors.hpp"
#include "gil.hpp"

namespace anynats::python {
namespace {

enum Argument { subject_argument, payload_argument, reply_argument, headers_argument };
constexpr const char* names[] = {"subject", "payload", "reply", "headers"};
constexpr std::size_t most_positional = 2;

struct Arguments {
    std::array<PyObject*, 4> given{};

    bool collect(PyObject* const* args, Py_ssize_t count, PyObject* keywords) noexcept {
        if (count > static_cast<Py_ssize_t>(most_positional)) {
            PyErr_Format(PyExc_TypeError,
                         "publish() takes from 1 to 2 positional arguments, %zd were given", count);
            return false;
        }
        for (Py_ssize_t i = 0; i < count; ++i) given[static_cast<std::size_t>(i)] = args[i];
        const Py_ssize_t named = keywords ? PyTuple_GET_SIZE(keywords) : 0;
        for (Py_ssize_t i = 0; i < named; ++i) {
            if (!put(PyTuple_GET_ITEM(keywords, i), args[count + i])) return false;
        }
        if (given[subject_argument]) return true;
        PyErr_SetString(PyExc_TypeError, "publish() misses the argument 'subject'");
        return false;
    }

    bool put(PyObject* name, PyObject* value) noexcept {
        for (std::size_t i = 0; i < given.size(); ++i) {
            if (PyUnicode_CompareWithASCIIString(name, names[i]) != 0) continue;
            if (given[i]) {
                PyErr_Format(PyExc_TypeError, "publish() got '%s' twice", names[i]);
                return false;
            }
            given[i] = value;
            return true;
        }
        PyErr_Format(PyExc_TypeError, "publish() has no argument '%U'", name);
        return false;
    }
};

struct Outgoing {
    std::string_view subject, reply;
    Payload payload;
    std::string headers;

    bool read(const Arguments& arguments) {
        const auto& given = arguments.given;
        if (!read_text(given[subject_argument], "subject", subject)) return false;
        if (given[payload_argument] && !payload.read(given[payload_argument], "payload")) {
            return false;
        }
        if (given[reply_argument] && !read_text_or_none(given[reply_argument], "reply", reply)) {
            return false;
        }
        return !given[headers_argument] || read_headers(given[headers_argument], headers);
    }
};

std::optional<Error> publish_inside(Host& host, const Outgoing& out) {
    return host.session().publish(out.subject, out.payload.view(), out.reply, out.headers);
}

struct Leaving {
    Host& host;
    ~Leaving() { host.leave(); }
};

PyObject* send(PyObject* self, const Arguments& arguments, bool may_wait) {
    NativeClient& client = *nb::inst_ptr<NativeClient>(self);
    Host& host = *client.host;
    Outgoing out;
    if (!out.read(arguments)) return nullptr;
    std::optional<Error> refusal;
    if (host.try_enter()) {
        {
            // The lock is given back before the GIL is taken: its holder never waits for the GIL.
            std::optional<Unlocked> unlocked;
            const Leaving leaving{host};
            refusal = publish_inside(host, out);
            if (!refusal && host.published()) {
                if (client.threads) unlocked.emplace();
                host.push();
            }
        }
        if (!refusal) Py_RETURN_NONE;
        const bool is_full = refusal->code() == ErrorCode::would_block;
        if (!is_full || !client.threads || !may_wait) return set_error(*refusal);
    }
    if (!client.threads) {  // another thread than the loop's: enter says so
        const Inside inside(host);
    }
    {
        const Unlocked unlocked;
        if (may_wait) {
            refusal = host.publish(out.subject, out.payload.view(), out.reply, out.headers);
        } else {
            const Inside inside(host);
            refusal = publish_inside(host, out);
            if (!refusal && host.published()) host.push();
        }
    }
    if (refusal) return set_error(*refusal);
    Py_RETURN_NONE;
}

template <bool may_wait>
PyObject* publish(PyObject* self, PyObject* const* args, Py_ssize_t count,
                  PyObject* keywords) noexcept {
    try {
        Arguments arguments;
        if (!arguments.collect(args, count, keywords)) return nullptr;
        return send(self, arguments, may_wait);
    } catch (...) {
        return set_current_error();
    }
}

/// The publish of an event loop's face: an awaitable that is done, or None when the face must see
/// to it: no publishes in a row are granted, there is no room, this is not the loop's thread.
PyObject* publish_in_row(PyObject* self, PyObject* const* args, Py_ssize_t count) noexcept {
    try {
        NativeClient& client = *nb::inst_ptr<NativeClient>(self);
        Arguments arguments;
        if (count != static_cast<Py_ssize_t>(arguments.given.size())) {
            PyErr_SetString(PyExc_TypeError, "publish_in_row() takes 4 arguments");
            return nullptr;
        }
        if (client.granted == 0 || !client.host->try_enter()) Py_RETURN_NONE;
        const Leaving leaving{*client.host};
        std::copy_n(args, arguments.given.size(), arguments.given.begin());
        Outgoing out;
        if (!out.read(arguments)) return nullptr;
        if (const auto refusal = publish_inside(*client.host, out)) {
            if (refusal->code() == ErrorCode::would_block) Py_RETURN_NONE;
            return set_error(*refusal);
        }
        --client.granted;
        if (client.host->published()) client.host->push();
        return done_awaitable();
    } catch (...) {
        return set_current_error();
    }
}

PyCFunction as_method(PyObject* (*function)(PyObject*, PyObject* const*, Py_ssize_t,
                                            PyObject*) noexcept) {
    return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

}  // namespace

PyMethodDef publish_methods[] = {
    {"publish", as_method(&publish<true>), METH_FASTCALL | METH_KEYWORDS,
     "publish($self, subject, payload=b'', *, reply=None, headers=None)\n--\n\n"
     "Queue one message for sending; see anynats.Client.publish."},
    {"publish_nowait", as_method(&publish<false>), METH_FASTCALL | METH_KEYWORDS,
     "publish_nowait($self, subject, payload=b'', *, reply=None, headers=None)\n--\n\n"
     "Queue one message for sending, or raise WouldBlock."},
    {"publish_in_row", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(&publish_in_row)),
     METH_FASTCALL,
     "publish_in_row($self, subject, payload, reply, headers, /)\n--\n\n"
     "Queue one message and return an awaitable; None if that has to be done in another way."},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace anynats::python
