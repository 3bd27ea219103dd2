#pragma once

#include "davenport/jobs/runner.hpp"
#include "job_store.hpp"
#include "support/control_database.hpp"
#include "support/eventually.hpp"

#include <catch2/catch.hpp>

namespace davenport::jobs::test {

using davenport::test::ControlDatabase;
using davenport::test::Engine;
using davenport::test::eventually;
using std::chrono::milliseconds;

inline const SystemClock& system_clock() {
    static const SystemClock clock;
    return clock;
}

// Long leases: whatever a test sees taken over was not waited for.
inline Options patient() {
    Options options;
    options.lease = std::chrono::hours(1);
    options.poll = milliseconds(20);
    return options;
}

inline std::unique_ptr<Runner> make_runner(std::shared_ptr<documents::Database> control,
                                           Options options = patient()) {
    auto runner = Runner::create(std::move(control), system_clock(), options);
    REQUIRE(runner);
    return std::move(*runner);
}

inline Kind kind_of(std::function<Result<json::object>(Context&)> run) {
    return {std::move(run), {}};
}

inline Result<Job> wait_for(Runner& runner, std::string_view id) {
    return runner.wait(id, milliseconds(30'000));
}

template <class T>
ErrorCode code_of(const Result<T>& result) {
    REQUIRE_FALSE(result);
    return result.error().code;
}

// Returns when the job should stop.
inline Result<json::object> run_until_stopped(Context& context) {
    while (!context.stopping()) std::this_thread::sleep_for(milliseconds(1));
    return fail(ErrorCode::cancelled, "asked to stop");
}

}  // namespace davenport::jobs::test
