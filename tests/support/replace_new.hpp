// Replaces operator new and delete of a test program, which says before what they do:
//     void* allocate(std::size_t size, std::size_t alignment) noexcept;  // null: there is none
//     void release(void* memory) noexcept;
// Include it in one file, once; `allocate` may call allocate_for_real.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

namespace replace_new {

void* allocate(std::size_t size, std::size_t alignment) noexcept;
void release(void* memory) noexcept;

inline void* allocate_for_real(std::size_t size, std::size_t alignment) noexcept {
    return alignment > alignof(std::max_align_t)
               ? std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment)
               : std::malloc(size ? size : 1);
}

inline void* allocate_or_throw(std::size_t size, std::size_t alignment) {
    if (void* const memory = allocate(size, alignment)) return memory;
    throw std::bad_alloc();
}

}  // namespace replace_new

void* operator new(std::size_t n) {
    return replace_new::allocate_or_throw(n, 1);
}
void* operator new[](std::size_t n) {
    return replace_new::allocate_or_throw(n, 1);
}
void* operator new(std::size_t n, std::align_val_t a) {
    return replace_new::allocate_or_throw(n, static_cast<std::size_t>(a));
}
void* operator new[](std::size_t n, std::align_val_t a) {
    return replace_new::allocate_or_throw(n, static_cast<std::size_t>(a));
}
void* operator new(std::size_t n, const std::nothrow_t&) noexcept {
    return replace_new::allocate(n, 1);
}
void* operator new[](std::size_t n, const std::nothrow_t&) noexcept {
    return replace_new::allocate(n, 1);
}
void operator delete(void* p) noexcept {
    replace_new::release(p);
}
void operator delete[](void* p) noexcept {
    replace_new::release(p);
}
void operator delete(void* p, std::size_t) noexcept {
    replace_new::release(p);
}
void operator delete[](void* p, std::size_t) noexcept {
    replace_new::release(p);
}
void operator delete(void* p, std::align_val_t) noexcept {
    replace_new::release(p);
}
void operator delete[](void* p, std::align_val_t) noexcept {
    replace_new::release(p);
}
void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
    replace_new::release(p);
}
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept {
    replace_new::release(p);
}
void operator delete(void* p, const std::nothrow_t&) noexcept {
    replace_new::release(p);
}
void operator delete[](void* p, const std::nothrow_t&) noexcept {
    replace_new::release(p);
}
