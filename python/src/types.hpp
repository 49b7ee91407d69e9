// Types that are made by hand, for what Python does per message or per await: their making, and the
// slots that several of them have. With the GIL.
#pragma once

#include "errors.hpp"
#include "native.hpp"

namespace anynats::python {

template <class F>
PyType_Slot slot(int id, F* function) {
    return {id, reinterpret_cast<void*>(function)};
}

/// A type that Python code cannot make objects of. Throws what Python raised.
inline PyTypeObject* make_type(const char* name, std::size_t size, unsigned long flags,
                               PyType_Slot* slots) {
    PyType_Spec spec{};
    spec.name = name;
    spec.basicsize = static_cast<int>(size);
    spec.flags =
        static_cast<unsigned>(Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | flags);
    spec.slots = slots;
    PyObject* const type = PyType_FromSpec(&spec);
    require(type != nullptr);
    return reinterpret_cast<PyTypeObject*>(type);
}

/// For __iter__, __aiter__ and __await__.
inline PyObject* itself(PyObject* self) noexcept {
    Py_INCREF(self);
    return self;
}

}  // namespace anynats::python
