// Boost.JSON under a namespace of our own: the library holds its code (json_impl.cpp), and a
// program that links us may hold that of another version. Else the linker would mix the two.
// For info.cpp and json_impl.cpp; nothing of Boost may be included before it.
#pragma once

#ifdef BOOST_VERSION
#error "Boost was included before core/json.hpp, under its usual name"
#endif
#define BOOST_NO_USER_CONFIG  // a header of this name is spelt without quotes: renamed, not found
#define boost anynats_boost
#include <boost/config.hpp>
// Nor may a shared library show any of it.
#undef BOOST_SYMBOL_VISIBLE
#define BOOST_SYMBOL_VISIBLE
#include <boost/json.hpp>
