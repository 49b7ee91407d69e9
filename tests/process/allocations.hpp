// operator new of this program: it counts what is alive, and can fail chosen allocations of the
// library. Counted as the library's are those of a thread inside LibraryCall and of every thread
// that is not exempt, such as the background thread.
#pragma once

#include <cstddef>

namespace process_test {

struct Alive {
    long blocks = 0, bytes = 0;
};
/// What is allocated in the whole process just now.
Alive alive();

/// This thread's allocations are never counted nor failed, outside of LibraryCall.
void exempt_this_thread();
void exempt_thread(int tid);

class LibraryCall {
public:
    LibraryCall();
    ~LibraryCall();
};

/// Fail the library's allocations number [from, to), counted from now; 0 fails none.
void fail_allocations(long from, long to);
/// How many were asked for, and how many failed, since then.
long asked_for();
long failed();

}  // namespace process_test
