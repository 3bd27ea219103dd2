#pragma once

#include "davenport/audit/log.hpp"
#include "davenport/base/result.hpp"

#include <string_view>
#include <utility>

// Lines of the audit log for what happens without a request.
namespace davenport::service {

// By the user of the operating system who runs this program, at its command line. The target is
// what was typed: see audit_target().
audit::Event command_line_event(std::string_view action, std::string_view target = {});
// By the service on its own.
audit::Event service_event(std::string_view action, std::string_view target = {});

// Does something that changes what is kept, between two lines: one that says so before, without
// which it is not done, and one with its outcome after. `target_of` names, of the value, what was
// made; else the event's target stands.
template <class Call, class TargetOf>
auto recorded(audit::Log& log, audit::Event event, Call call, TargetOf target_of)
    -> decltype(call()) {
    event.outcome = audit::Outcome::begun;
    DAVENPORT_ASSIGN(event.begun_at, log.record(event));
    auto result = call();
    event.outcome = audit::Outcome::done;
    if (result) {
        target_of(*result, event);
    } else {
        event.error = traits(result.error().code).name;
        event.outcome = audit::outcome_of_status(traits(result.error().code).http_status);
    }
    log.record_outcome(event);
    return result;
}

template <class Call>
Result<> recorded(audit::Log& log, audit::Event event, Call call) {
    const auto done = recorded(
        log, std::move(event),
        [&]() -> Result<bool> {
            DAVENPORT_TRY(call());
            return true;
        },
        [](bool, audit::Event&) {});
    if (!done) return fail(done.error());
    return {};
}

}  // namespace davenport::service
