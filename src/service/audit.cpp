#include "davenport/service/audit_target.hpp"
#include "davenport/service/local_audit.hpp"
#include "impl.hpp"

#include <spdlog/spdlog.h>

#include <pwd.h>
#include <unistd.h>
#include <algorithm>

namespace davenport::service {
namespace {

std::string user_name() {
    passwd entry{};
    passwd* found = nullptr;
    char buffer[4096];
    if (getpwuid_r(getuid(), &entry, buffer, sizeof buffer, &found) == 0 && found)
        return found->pw_name;
    return fmt::format("uid {}", getuid());
}

std::string host_name() {
    char name[256] = {};
    return gethostname(name, sizeof name - 1) == 0 ? name : "localhost";
}

// Stable names: auditors search for them.
std::string end_of(std::string_view kind) {
    std::string_view what = kind;
    if (kind == chat::Exports::job_kind) what = "export";
    if (kind == chat::Imports::job_kind) what = "import";
    if (kind == Retention::waiting_kind) what = "prune";
    return fmt::format("{}.end", what);
}

}  // namespace

audit::Event command_line_event(std::string_view action, std::string_view target) {
    audit::Event event;
    event.action = action;
    event.who = {"command_line", user_name(), {}};
    event.target = audit_target(action, target);
    event.from = host_name();
    return event;
}

audit::Event service_event(std::string_view action, std::string_view target) {
    audit::Event event;
    event.action = action;
    event.who = {"service", {}, {}};
    event.target = target;
    event.from = host_name();
    return event;
}

Result<> Service::Impl::open_audit() {
    audit::Options options;
    options.log_id = instance_uuid;
    options.head_file = settings.data.directory + "/audit_head";
    options.keep_ms = settings.audit.keep_days * 24 * 3600 * 1000;
    options.keep_clock = trusted_time.get();
    DAVENPORT_ASSIGN(audit, audit::Log::open(control, clock, *signing_key, std::move(options)));
    if (settings.audit.command.empty()) return {};

    std::string action = "command." + settings.audit.command;
    std::replace(action.begin(), action.end(), ' ', '.');
    audit::Event event = command_line_event(action);
    event.outcome = audit::Outcome::begun;
    // A service that can't write its log now may be able to later, and refuses what must be
    // recorded until then; a command is over before.
    if (settings.audit.command == "serve") {
        audit->record_outcome(event);
        return {};
    }
    const auto recorded = audit->record(event);
    if (!recorded)
        return fail(recorded.error().code, "the audit log can't be written: {}",
                    recorded.error().message);
    return {};
}

Result<> Service::Impl::record_end(const jobs::Job& job) {
    const bool good = job.state == jobs::State::succeeded;
    // What only waits for its turn ends well when the prune itself begins.
    if (good && job.kind == Retention::waiting_kind) return {};
    const std::string backup = text_or(job.parameters, "backup_id");
    audit::Event event = service_event(end_of(job.kind), backup.empty() ? job.id : backup);
    event.details.emplace_back("job", job.id);
    for (const char* const fact : {"by", "schedule", "app", "after"})
        if (const std::string text = text_or(job.parameters, fact); !text.empty())
            event.details.emplace_back(fact, text);
    if (!good) {
        event.outcome = audit::Outcome::failed;
        event.error = traits(job.error.code).name;
    }
    const auto recorded = audit->record(event);
    if (recorded) return {};
    outcomes.end_unrecorded();
    spdlog::error("the end of {} can't be written to the audit log, and is tried again: {}", job.id,
                  recorded.error().message);
    return fail(recorded.error());
}

audit::Log& Service::audit() {
    return *impl_->audit;
}

}  // namespace davenport::service
