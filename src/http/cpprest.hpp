#pragma once

// The one way to include cpprestsdk. Its headers read these macros:
//  - `U()` would collide with names in Boost;
//  - by default an exception in a task that nobody looks at raises SIGTRAP. Every chain ends in a
//    continuation that looks; should one slip through, the process must still live.
// NOLINTBEGIN(bugprone-reserved-identifier): the names are its own
#define _TURN_OFF_PLATFORM_STRING
#define _REPORT_PPLTASK_UNOBSERVED_EXCEPTION() static_cast<void>(0)
// NOLINTEND(bugprone-reserved-identifier)

#include <cpprest/containerstream.h>
#include <cpprest/details/http_server.h>
#include <cpprest/details/http_server_api.h>
#include <cpprest/http_listener.h>
#include <cpprest/streams.h>
#include <pplx/pplxtasks.h>
#include <pplx/threadpool.h>

namespace davenport::http {

// Options that make a task's continuations run right where the task completes, without a hop to
// cpprestsdk's thread pool.
pplx::task_options run_inline();

}  // namespace davenport::http
