// See iterators.hpp. Ready is the awaitable of a message that is there already: it ends at its
// first step, so no turn of the loop passes. One object of it serves an iterator again and again.
#include "iterators.hpp"

#include <chrono>
#include <new>

#include "errors.hpp"
#include "gil.hpp"
#include "message.hpp"
#include "operation.hpp"
#include "types.hpp"

namespace anynats::python {
namespace {

using RowClock = std::chrono::steady_clock;

// An `async for` over a full queue lets the loop make a turn after so many messages, or so long.
constexpr unsigned most_in_a_row = 64;
constexpr auto longest_row = std::chrono::milliseconds(1);

struct IteratorObject {
    PyObject_HEAD std::shared_ptr<MessageLoop> loop;
    bool threads;
};

struct ReadyObject {
    PyObject_HEAD PyObject* message;
};

struct AsyncIteratorObject {
    PyObject_HEAD std::shared_ptr<MessageLoop> loop;
    bool threads;
    PyObject* wait;
    ReadyObject* ready;  // kept for reuse
    unsigned in_a_row;
    RowClock::time_point row_began;
};

PyTypeObject *iterator_type, *ready_type, *async_iterator_type;

template <class T>
T& as(PyObject* self) noexcept {
    return *reinterpret_cast<T*>(self);
}

template <class T>
PyObject* as_object(T* object) noexcept {
    return reinterpret_cast<PyObject*>(object);
}

/// Take a message that is there, without waiting: true and a new object (nullptr: an error).
bool take_now(MessageLoop& loop, PyObject*& out) noexcept {
    Message message;
    try {
        if (loop.next(message, Duration::zero()) != Waited::arrived) return false;
        out = make_message(std::move(message));
    } catch (...) {
        out = set_current_error();
    }
    return true;
}

/// Set what an iteration over an ended subscription ends with; returns nullptr.
PyObject* set_end(SubscriptionQueue& queue) noexcept {
    try {
        const bool clean = [&] {
            const Inside inside(*queue.host);
            return !queue.state->end;
        }();
        return clean ? nullptr : set_error(queue.ending());
    } catch (...) {
        return set_current_error();
    }
}

/// The body is done, and the queue may end where its host wants it to.
void end_loop(std::shared_ptr<MessageLoop>& loop) noexcept {
    const std::shared_ptr<Host> host = loop->queue->host;
    loop->come_back();
    bury(host, std::move(loop));
    loop.~shared_ptr();
}

/// Of either iterator: as the queue's, for the body of the loop.
template <class Object>
PyObject* take_next(PyObject* self, PyObject*) noexcept {
    PyObject* message;
    if (take_now(*as<Object>(self).loop, message)) return message;
    Py_RETURN_NONE;
}

template <class Object>
PyObject* start_next(PyObject* self, PyObject*) noexcept {
    try {
        const Object& iterator = as<Object>(self);
        const std::shared_ptr<MessageLoop>& loop = iterator.loop;
        loop->come_back();
        return begin_next(loop->queue, iterator.threads, loop, Duration::max()).release().ptr();
    } catch (...) {
        return set_current_error();
    }
}

template <class Object>
PyMethodDef iterator_methods[] = {{"try_next", &take_next<Object>, METH_NOARGS, nullptr},
                                  {"start_next", &start_next<Object>, METH_NOARGS, nullptr},
                                  {nullptr, nullptr, 0, nullptr}};

// --- for msg in sub -----------------------------------------------------------------------------

PyObject* next_message(PyObject* self) noexcept {
    IteratorObject& iterator = as<IteratorObject>(self);
    MessageLoop& loop = *iterator.loop;
    Message message;
    if (loop.pop(message)) return make_message(std::move(message));
    try {
        Waited how;
        if (iterator.threads) {
            const Unlocked unlocked;
            how = loop.next(message, Duration::max());
        } else {
            how = loop.next(message, Duration::max());
        }
        if (how == Waited::arrived) return make_message(std::move(message));
        if (how == Waited::ended) return set_end(*loop.queue);
        const bool waits = iterator.threads;
        return set_error(Error(waits ? ErrorCode::cancelled : ErrorCode::usage_error,
                               waits ? "the wait was interrupted"
                                     : "nobody drives this subscription: use try_next()"));
    } catch (...) {
        return set_current_error();
    }
}

void end_iterator(PyObject* self) noexcept {
    IteratorObject& iterator = as<IteratorObject>(self);
    end_loop(iterator.loop);
    PyTypeObject* const type = Py_TYPE(self);
    PyObject_Free(self);
    Py_DECREF(type);
}

// --- async for msg in sub -----------------------------------------------------------------------

PySendResult step_ready(PyObject* self, PyObject*, PyObject** result) noexcept {
    ReadyObject& ready = as<ReadyObject>(self);
    *result = std::exchange(ready.message, nullptr);
    if (*result) return PYGEN_RETURN;
    PyErr_SetString(PyExc_RuntimeError, "cannot await this twice");
    return PYGEN_ERROR;
}

PyObject* next_of_ready(PyObject* self) noexcept {
    PyObject* message;
    if (step_ready(self, nullptr, &message) == PYGEN_ERROR) return nullptr;
    PyObject* const stop = PyObject_CallOneArg(PyExc_StopIteration, message);
    Py_DECREF(message);
    if (stop) {
        PyErr_SetObject(PyExc_StopIteration, stop);
        Py_DECREF(stop);
    }
    return nullptr;
}

void end_ready(PyObject* self) noexcept {
    Py_CLEAR(as<ReadyObject>(self).message);
    PyTypeObject* const type = Py_TYPE(self);
    PyObject_Free(self);
    Py_DECREF(type);
}

PyObject* make_ready(AsyncIteratorObject& iterator, PyObject* message) noexcept {
    ReadyObject* ready = iterator.ready;
    if (!ready || Py_REFCNT(as_object(ready)) != 1) {
        ready = PyObject_New(ReadyObject, ready_type);
        if (!ready) {
            Py_DECREF(message);
            return nullptr;
        }
        ready->message = nullptr;
        Py_XDECREF(as_object(std::exchange(iterator.ready, ready)));
    }
    Py_XSETREF(ready->message, message);
    return itself(as_object(ready));
}

/// Whether the row may go on. The clock is looked at after 1, 2, 4... messages: a row takes at most
/// double its time.
bool row_goes_on(AsyncIteratorObject& iterator) noexcept {
    const unsigned n = iterator.in_a_row;
    if (n >= most_in_a_row || (n & (n - 1)) != 0) return n < most_in_a_row;
    const RowClock::time_point now = RowClock::now();
    if (n == 0) iterator.row_began = now;
    return now - iterator.row_began < longest_row;
}

PyObject* anext(PyObject* self) noexcept {
    AsyncIteratorObject& iterator = as<AsyncIteratorObject>(self);
    PyObject* message;
    if (row_goes_on(iterator) && take_now(*iterator.loop, message)) {
        ++iterator.in_a_row;
        return message ? make_ready(iterator, message) : nullptr;
    }
    iterator.loop->come_back();
    // The face makes a turn of the loop first when messages in a row are why it is asked. It takes
    // with us, so that the body has the message in hand.
    PyObject* const in_a_row = PyBool_FromLong(iterator.in_a_row != 0);
    iterator.in_a_row = 0;
    PyObject* const awaitable =
        PyObject_CallFunctionObjArgs(iterator.wait, self, in_a_row, nullptr);
    Py_DECREF(in_a_row);
    return awaitable;
}

int traverse(PyObject* self, visitproc visit, void* arg) noexcept {
    Py_VISIT(as<AsyncIteratorObject>(self).wait);
    Py_VISIT(Py_TYPE(self));
    return 0;
}

int clear(PyObject* self) noexcept {
    Py_CLEAR(as<AsyncIteratorObject>(self).wait);
    return 0;
}

void end_async_iterator(PyObject* self) noexcept {
    PyObject_GC_UnTrack(self);
    AsyncIteratorObject& iterator = as<AsyncIteratorObject>(self);
    clear(self);
    Py_XDECREF(as_object(iterator.ready));
    end_loop(iterator.loop);
    PyTypeObject* const type = Py_TYPE(self);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

}  // namespace

nb::object make_iterator(std::shared_ptr<SubscriptionQueue> queue, bool threads) {
    auto loop = std::make_shared<MessageLoop>(std::move(queue));
    IteratorObject* const made = PyObject_New(IteratorObject, iterator_type);
    require(made != nullptr);
    new (&made->loop) std::shared_ptr<MessageLoop>(std::move(loop));
    made->threads = threads;
    return nb::steal(as_object(made));
}

nb::object make_async_iterator(std::shared_ptr<SubscriptionQueue> queue, bool threads,
                               nb::object wait) {
    auto loop = std::make_shared<MessageLoop>(std::move(queue));
    AsyncIteratorObject* const made = PyObject_GC_New(AsyncIteratorObject, async_iterator_type);
    require(made != nullptr);
    new (&made->loop) std::shared_ptr<MessageLoop>(std::move(loop));
    made->wait = wait.release().ptr();
    made->threads = threads;
    made->ready = nullptr;
    made->in_a_row = 0;
    new (&made->row_began) RowClock::time_point();
    PyObject_GC_Track(as_object(made));
    return nb::steal(as_object(made));
}

void bind_iterators(nb::module_&) {
    PyType_Slot iterator[] = {slot(Py_tp_iter, &itself),
                              slot(Py_tp_iternext, &next_message),
                              {Py_tp_methods, iterator_methods<IteratorObject>},
                              slot(Py_tp_dealloc, &end_iterator),
                              {0, nullptr}};
    iterator_type = make_type("anynats._native.Iterator", sizeof(IteratorObject), 0, iterator);

    PyType_Slot ready[] = {slot(Py_am_await, &itself),      slot(Py_am_send, &step_ready),
                           slot(Py_tp_iter, &itself),       slot(Py_tp_iternext, &next_of_ready),
                           slot(Py_tp_dealloc, &end_ready), {0, nullptr}};
    ready_type = make_type("anynats._native.Ready", sizeof(ReadyObject), 0, ready);

    PyType_Slot async_iterator[] = {slot(Py_am_aiter, &itself),
                                    slot(Py_am_anext, &anext),
                                    {Py_tp_methods, iterator_methods<AsyncIteratorObject>},
                                    slot(Py_tp_traverse, &traverse),
                                    slot(Py_tp_clear, &clear),
                                    slot(Py_tp_dealloc, &end_async_iterator),
                                    {0, nullptr}};
    async_iterator_type = make_type("anynats._native.AsyncIterator", sizeof(AsyncIteratorObject),
                                    Py_TPFLAGS_HAVE_GC, async_iterator);
}

}  // namespace anynats::python
