#include "davenport/service/local_audit.hpp"
#include "impl.hpp"

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

}  // namespace

audit::Event command_line_event(std::string_view action, std::string_view target) {
    audit::Event event;
    event.action = action;
    event.who = {"command_line", user_name(), {}};
    event.target = target;
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

Result<> Service::Impl::record_end(std::string_view action, const jobs::Job& job,
                                   std::string_view target) {
    audit::Event event = service_event(action, target.empty() ? job.id : target);
    if (!target.empty()) event.details.emplace_back("job", job.id);
    if (const std::string by = text_or(job.parameters, "by"); !by.empty())
        event.details.emplace_back("by", by);
    if (job.state != jobs::State::succeeded) {
        event.outcome = audit::Outcome::failed;
        event.error = traits(job.error.code).name;
    }
    DAVENPORT_TRY(audit->record(event));
    return {};
}

audit::Log& Service::audit() {
    return *impl_->audit;
}

}  // namespace davenport::service
