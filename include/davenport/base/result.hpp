#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace davenport {

// What went wrong, in the one vocabulary every module shares. `traits` says what each means to an
// HTTP client, to a shell and to a retry loop.
enum class ErrorCode {
    invalid_argument,  // the caller's input is wrong; the message names what and where
    unauthorized,      // no credentials, or wrong ones
    forbidden,         // credentials without the right
    not_found,
    conflict,        // the revision given is not the current one
    already_exists,  //
    in_progress,     // an exclusive operation is running; detail holds its id or URL
    in_use,          // something else still needs it
    too_large,       // over a configured limit
    too_many,        // rate limited
    unavailable,     // a dependency or a resource is out of reach for now
    timeout,         //
    corrupt,         // stored bytes are not what was written
    io,              // the operating system refused a read or write
    no_space,        // disk full or quota reached
    unsupported,     //
    cancelled,       // stopped on request, for instance by a shutdown
    locked,          // encrypted with a key that is not configured here
    internal,        // our own mistake
};

struct Error {
    ErrorCode code = ErrorCode::internal;
    std::string message;  // one sentence for a person; never holds a secret
    std::string detail;   // machine-readable extra, its meaning depends on the code; often empty
};

struct ErrorTraits {
    std::string_view name;  // stable, as written into JSON
    int http_status;
    int exit_code;     // of the command line; documented in docs/cli.md
    bool worth_retry;  // the same call may succeed later without a change by the caller
};

// Never fails; every code has a row.
const ErrorTraits& traits(ErrorCode code);

// An expected value, or the Error that stood in its way. Ignoring one is a compile error.
template <class T = void>
class [[nodiscard]] Result : public tl::expected<T, Error> {
  public:
    using Base = tl::expected<T, Error>;
    using Base::Base;
    Result(const Base& other) : Base(other) {}
    Result(Base&& other) : Base(std::move(other)) {}
};

inline tl::unexpected<Error> fail(Error error) {
    return tl::unexpected<Error>(std::move(error));
}

// fail(ErrorCode::not_found, "no database {}", name)
template <class... Args>
tl::unexpected<Error> fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
    return tl::unexpected<Error>(Error{code, fmt::format(format, std::forward<Args>(args)...), {}});
}

// The error of a failed POSIX call, with the path or object it was about. `error_number` is errno.
Error posix_error(std::string_view what, int error_number);

}  // namespace davenport

#define DAVENPORT_CONCAT_(a, b) a##b
#define DAVENPORT_CONCAT(a, b) DAVENPORT_CONCAT_(a, b)

// Returns the error of `expr` to the caller, or goes on.
#define DAVENPORT_TRY(...)                                                                    \
    do {                                                                                      \
        auto davenport_result = (__VA_ARGS__);                                                \
        if (!davenport_result) return ::davenport::fail(std::move(davenport_result).error()); \
    } while (false)

// DAVENPORT_ASSIGN(auto db, store.open(name)); returns the error to the caller, or assigns.
#define DAVENPORT_ASSIGN(lhs, ...) \
    DAVENPORT_ASSIGN_(DAVENPORT_CONCAT(davenport_result_, __LINE__), lhs, __VA_ARGS__)
#define DAVENPORT_ASSIGN_(temporary, lhs, ...)                              \
    auto temporary = (__VA_ARGS__);                                         \
    if (!temporary) return ::davenport::fail(std::move(temporary).error()); \
    lhs = std::move(*temporary)
