// See done.hpp. It owns nothing and has no state, so it may be awaited any number of times and
// from any thread.
#include "done.hpp"

#include "errors.hpp"

namespace anynats::python {
namespace {

PyObject* done = nullptr;  // as old as the module

PyObject* itself(PyObject* self) noexcept {
    Py_INCREF(self);
    return self;
}

PySendResult step(PyObject*, PyObject*, PyObject** result) noexcept {
    Py_INCREF(Py_None);
    *result = Py_None;
    return PYGEN_RETURN;
}

/// Without an exception set: it has ended, with None.
PyObject* next(PyObject*) noexcept {
    return nullptr;
}

PyObject* send(PyObject*, PyObject*) noexcept {
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

PyObject* close(PyObject*, PyObject*) noexcept {
    Py_RETURN_NONE;
}

PyMethodDef methods[] = {
    {"send", &send, METH_O, "End with None."},
    {"throw", &throw_into, METH_VARARGS, "Raise what is thrown."},
    {"close", &close, METH_NOARGS, "Do nothing."},
    {nullptr, nullptr, 0, nullptr},
};

template <class F>
PyType_Slot slot(int id, F* function) {
    return {id, reinterpret_cast<void*>(function)};
}

}  // namespace

void bind_done() {
    PyType_Slot slots[] = {slot(Py_am_await, &itself), slot(Py_am_send, &step),
                           slot(Py_tp_iter, &itself),  slot(Py_tp_iternext, &next),
                           {Py_tp_methods, methods},   {0, nullptr}};
    PyType_Spec spec{};
    spec.name = "anynats._native.Done";
    spec.basicsize = sizeof(PyObject);
    spec.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION;
    spec.slots = slots;
    PyObject* const type = PyType_FromSpec(&spec);
    require(type != nullptr);
    done = PyObject_New(PyObject, reinterpret_cast<PyTypeObject*>(type));
    require(done != nullptr);
}

PyObject* done_awaitable() noexcept {
    Py_INCREF(done);
    return done;
}

}  // namespace anynats::python
