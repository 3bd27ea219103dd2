#include "davenport/service/drills.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "davenport/drills/scratch.hpp"
#include "davenport/service/version.hpp"
#include "impl.hpp"

#include <set>

// What callers ask of drills; drill_jobs.cpp does the work.
namespace davenport::service {
namespace {

constexpr std::uint64_t recent_jobs = 100;

Result<DrillRequest> request_of(const json::object& parameters) {
    DrillRequest request;
    request.backup_id = Drills::latest;
    for (const auto& member : parameters) {
        const std::string_view name = member.key();
        const json::string* text = member.value().if_string();
        std::string* const target = name == "backup_id"            ? &request.backup_id
                                    : name == "target"             ? &request.target
                                    : name == "client_webhook_url" ? &request.client_webhook_url
                                                                   : nullptr;
        if (!target) return fail(ErrorCode::invalid_argument, "unknown parameter \"{}\"", name);
        if (!text) return fail(ErrorCode::invalid_argument, "\"{}\" must be a string", name);
        target->assign(text->data(), text->size());
    }
    return request;
}

// The same whenever the run is started again.
std::string id_of(std::string_view run_id) {
    return fmt::format("{}{}", drills::job_prefix, to_hex(as_bytes(sha256(run_id))).substr(0, 16));
}

}  // namespace

Result<std::unique_ptr<Drills>> Drills::open(std::shared_ptr<documents::Database> control,
                                             Parts parts) {
    std::unique_ptr<Drills> drills(new Drills(std::move(parts)));
    DAVENPORT_ASSIGN(drills->reports_,
                     drills::Reports::open(std::move(control), drills->parts_.clock));
    return drills;
}

Result<> Drills::check(const DrillRequest& request) const {
    if (request.backup_id.empty())
        return fail(ErrorCode::invalid_argument, "\"backup_id\" must name a backup, or latest");
    const bool couchdb = !parts_.settings.databases.couchdb_url.empty();
    if (!request.target.empty() && request.target != "embedded" && request.target != "couchdb")
        return fail(ErrorCode::invalid_argument, "\"target\" must be embedded or couchdb");
    if (request.target == "couchdb" && !couchdb)
        return fail(ErrorCode::invalid_argument,
                    "\"target\" can't be couchdb: this service uses none");
    return parts_.check_webhook("client_webhook_url", request.client_webhook_url);
}

Result<std::string> Drills::submit(const DrillRequest& request, std::string id) {
    DAVENPORT_TRY(check(request));
    std::string backup_id = request.backup_id;
    if (backup_id == latest) {
        DAVENPORT_ASSIGN(const auto ids, parts_.vault.list());
        if (ids.empty()) return fail(ErrorCode::not_found, "there is no backup yet");
        backup_id = ids.back();
    }
    // One whose manifest is damaged can be drilled: with what outcome is known.
    const auto manifest = parts_.vault.manifest(backup_id);
    if (!manifest && (manifest.error().code == ErrorCode::not_found ||
                      manifest.error().code == ErrorCode::invalid_argument))
        return fail(ErrorCode::not_found, "there is no backup {}", in_quotes(backup_id));
    // Who can't read it can't say anything about it.
    if (manifest) DAVENPORT_TRY(parts_.vault.check_readable(*manifest));
    const bool couchdb = !parts_.settings.databases.couchdb_url.empty();
    jobs::Runner::Submission submission;
    submission.id = id;
    submission.kind = job_kind;
    submission.group = job_kind;
    submission.parameters = {
        {"backup_id", backup_id},
        {"target", request.target.empty() ? (couchdb ? "couchdb" : "embedded") : request.target},
        {"client_webhook_url", request.client_webhook_url},
        {"by", request.by},
        {"place", parts_.place}};
    DAVENPORT_TRY(parts_.runner.submit(std::move(submission)));
    return id;
}

Result<std::string> Drills::start(const DrillRequest& request) {
    return submit(request, drills::new_drill_id());
}

// What every run of a schedule would be refused for is told when the schedule is made.
Result<> Drills::check_will_be_readable(const std::string& backup_id) const {
    if (backup_id != latest) {
        const auto manifest = parts_.vault.manifest(backup_id);
        if (!manifest) return {};  // none yet, or damaged: each run says so
        return parts_.vault.check_readable(*manifest);
    }
    const vault::KeyRing& ring = parts_.vault.keys().ring();
    if (!ring.only_closes()) return {};
    return fail(ErrorCode::locked,
                "backups made here are encrypted for {}, and no key that opens them is configured: "
                "this machine can't drill them",
                fmt::join(ring.closing_ids(), ", "));
}

OperationSchedules::Kind Drills::schedule_kind() {
    OperationSchedules::Kind kind;
    kind.check = [this](const json::object& parameters) -> Result<> {
        DAVENPORT_ASSIGN(const DrillRequest request, request_of(parameters));
        DAVENPORT_TRY(check(request));
        return check_will_be_readable(request.backup_id);
    };
    kind.start = [this](const schedules::Schedule& schedule,
                        std::string_view run_id) -> Result<schedules::Scheduler::Outcome> {
        DAVENPORT_ASSIGN(DrillRequest request, request_of(schedule.parameters));
        request.by = "schedule " + schedule.id;
        const std::string id = id_of(run_id);
        auto started = submit(request, id);
        if (!started && started.error().code == ErrorCode::already_exists)
            return schedules::Scheduler::Outcome(id);
        if (!started && started.error().code == ErrorCode::in_progress && !schedule.requested)
            return fail(ErrorCode::cancelled, "{} is in progress", started.error().detail);
        if (!started) return fail(std::move(started).error());
        return schedules::Scheduler::Outcome(std::move(*started));
    };
    return kind;
}

Result<jobs::Job> Drills::job(std::string_view id) {
    auto job = parts_.runner.get(id);
    const bool unknown = !job && (job.error().code == ErrorCode::not_found ||
                                  job.error().code == ErrorCode::invalid_argument);
    if (unknown || (job && job->kind != job_kind))
        return fail(ErrorCode::not_found, "there is no drill {}", in_quotes(id));
    return job;
}

Result<std::string> Drills::report(std::string_view id) {
    // The job first: a drill ends only after its report is kept.
    const auto known = job(id);
    if (known && !known->ended())
        return fail(Error{ErrorCode::in_progress, fmt::format("the drill {} is running", id),
                          std::string(id)});
    if (!known && known.error().code != ErrorCode::not_found) return fail(known.error());
    auto report = reports_->get(id);
    if (known && !report && report.error().code == ErrorCode::not_found)
        return fail(ErrorCode::not_found, "the drill {} ended without a report: {}", id,
                    known->error.message);
    return report;
}

Result<jobs::Job> Drills::wait(std::string_view id, std::chrono::milliseconds timeout) {
    return parts_.runner.wait(id, timeout);
}

Result<json::object> Drills::list() {
    DAVENPORT_ASSIGN(const auto recent, parts_.runner.list(job_kind, recent_jobs));
    DAVENPORT_ASSIGN(const auto ended,
                     reports_->list(static_cast<std::uint64_t>(parts_.settings.drills.keep) + 1));
    json::array rows;
    std::set<std::string_view> running;
    for (const jobs::Job& job : recent) {
        if (job.ended()) continue;
        running.insert(job.id);
        rows.push_back(json::object{{"id", job.id},
                                    {"backup_id", text_or(job.parameters, "backup_id")},
                                    {"in_progress", true}});
    }
    for (const drills::Reports::Entry& entry : ended)
        if (!running.contains(entry.id))
            rows.push_back(json::object{{"id", entry.id},
                                        {"backup_id", entry.backup_id},
                                        {"verdict", entry.verdict},
                                        {"ts_finished", entry.finished_ms}});
    return json::object{{"drills", std::move(rows)}};
}

Result<> Drills::check_not_drilled(std::string_view backup_id) {
    DAVENPORT_ASSIGN(const std::string holder, parts_.runner.holder(job_kind));
    if (holder.empty()) return {};
    const auto running = parts_.runner.get(holder);
    if (!running && running.error().code == ErrorCode::not_found) return {};
    if (!running) return fail(running.error());
    if (running->ended() || text_or(running->parameters, "backup_id") != backup_id) return {};
    return fail(ErrorCode::in_use, "{} is running and needs backup {}", holder, backup_id);
}

Result<> Service::Impl::handle_drills() {
    const std::string& tag = settings.console.version_tag;
    DAVENPORT_ASSIGN(
        drill_jobs,
        Drills::open(control,
                     {settings, clock, *documents, *vault, *runner, *deliveries, *signing_key,
                      exclusive_group, place, tag.empty() ? std::string(product_version) : tag,
                      [this](std::string_view parameter, const std::string& url) {
                          return check_webhook(parameter, url);
                      }}));
    runner->handle(std::string(Drills::job_kind), drill_jobs->behaviour());
    return {};
}

}  // namespace davenport::service
