// What a shared library shows to those who link it; everything else in it is hidden. Marked are the
// classes and functions of these headers that have code of their own, and the errors, so that one
// thrown inside is caught outside by its class. ANYNATS_SHARED comes from the build system or
// pkg-config; a static library's code belongs to whoever links it, and nothing is marked.
#pragma once

#if defined(ANYNATS_SHARED)
#define ANYNATS_API [[gnu::visibility("default")]]
#define ANYNATS_LOCAL [[gnu::visibility("hidden")]]
#else
#define ANYNATS_API
#define ANYNATS_LOCAL
#endif
