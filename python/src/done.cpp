// See done.hpp. It owns nothing and has no state, so it may be awaited any number of times and
// from any thread.
#include "done.hpp"

#include "types.hpp"

namespace anynats::python {
namespace {

PyObject* done = nullptr;  // as old as the module

PySendResult step_done(PyObject*, PyObject*, PyObject** result) noexcept {
    Py_INCREF(Py_None);
    *result = Py_None;
    return PYGEN_RETURN;
}

/// Without an exception set: it has ended, with None.
PyObject* next_of_done(PyObject*) noexcept {
    return nullptr;
}

PyObject* send_done(PyObject*, PyObject*) noexcept {
    PyErr_SetNone(PyExc_StopIteration);
    return nullptr;
}

/// As a coroutine that has not begun: what is thrown into it comes out of it.
PyObject* throw_into(PyObject*, PyObject* args) noexcept {
    PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
    if (!PyArg_UnpackTuple(args, "throw", 1, 3, &type, &value, &traceback)) return nullptr;
    if (PyExceptionInstance_Check(type)) {
        PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(type)), type);
    } else {
        PyErr_SetObject(type, value);
    }
    return nullptr;
}

PyObject* close_done(PyObject*, PyObject*) noexcept {
    Py_RETURN_NONE;
}

PyMethodDef done_methods[] = {
    {"send", &send_done, METH_O, "End with None."},
    {"throw", &throw_into, METH_VARARGS, "Raise what is thrown."},
    {"close", &close_done, METH_NOARGS, "Do nothing."},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

void bind_done() {
    PyType_Slot slots[] = {slot(Py_am_await, &itself),    slot(Py_am_send, &step_done),
                           slot(Py_tp_iter, &itself),     slot(Py_tp_iternext, &next_of_done),
                           {Py_tp_methods, done_methods}, {0, nullptr}};
    PyTypeObject* const type = make_type("anynats._native.Done", sizeof(PyObject), 0, slots);
    done = PyObject_New(PyObject, type);
    require(done != nullptr);
}

PyObject* done_awaitable() noexcept {
    Py_INCREF(done);
    return done;
}

}  // namespace anynats::python
