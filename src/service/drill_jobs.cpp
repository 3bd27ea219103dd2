#include "davenport/base/encoding.hpp"
#include "davenport/base/file.hpp"
#include "davenport/base/hash.hpp"
#include "davenport/drills/scratch.hpp"
#include "davenport/service/drills.hpp"
#include "impl.hpp"

#include <spdlog/spdlog.h>

#include <filesystem>

// A drill as a job. It begins anew after a crash: what an earlier attempt restored proves nothing.
namespace davenport::service {
namespace {

constexpr std::uint64_t max_manifest_bytes = 64 << 20;
constexpr std::chrono::milliseconds glance{200};

jobs::Progress to_job_progress(const drills::Progress& progress) {
    const bool comparing = progress.step == drills::Progress::Step::comparing;
    jobs::Progress shown;
    shown.done = progress.done;
    shown.total = progress.total;
    shown.bytes = progress.bytes;
    shown.on_step = comparing ? 2 : 1;
    shown.total_steps = 2;
    shown.details["step"] = comparing ? "comparing" : "restoring";
    return shown;
}

std::string first_reason(const drills::Findings& findings) {
    if (!findings.reasons.empty()) return findings.reasons.front();
    if (findings.named.empty()) return "documents differ";
    const drills::Difference& first = findings.named.front();
    return fmt::format("{} differences, the first: {}/{}: {}", findings.differences, first.database,
                       first.id, first.reason);
}

}  // namespace

jobs::Kind Drills::behaviour() {
    jobs::Kind kind;
    kind.where = jobs::Kind::Where::at_its_place;
    kind.run = [this](jobs::Context& context) { return run(context); };
    kind.ended = [this](const jobs::Job& job) { return ended(job); };
    return kind;
}

// A removal that runs may have looked for drills before this one was there. One that is queued will
// look, and may be waiting for the very thread that this is.
Result<> Drills::wait_for_removals(jobs::Context& context) {
    for (;;) {
        DAVENPORT_ASSIGN(const std::string holder, parts_.runner.holder(parts_.exclusive_group));
        if (holder.empty()) return {};
        const auto job = parts_.runner.get(holder);
        if (!job && job.error().code != ErrorCode::not_found) return fail(job.error());
        if (!job || job->state == jobs::State::queued || job->kind == kind::backup ||
            job->kind == kind::restore)
            return {};
        if (context.stopping()) return fail(ErrorCode::cancelled, "the service is stopping");
        const auto over = parts_.runner.wait(holder, glance);
        if (!over && over.error().code != ErrorCode::timeout &&
            over.error().code != ErrorCode::not_found)
            return fail(over.error());
    }
}

Result<drills::Findings> Drills::drill_in(documents::DocumentStore& store, jobs::Context& context) {
    const jobs::Job& job = context.job();
    const bool embedded = text_or(job.parameters, "target") == "embedded";
    // Another name in each attempt: CouchDB takes its time until one that was dropped is free
    // again.
    const auto scratch = drills::with_prefix(store, drills::scratch_prefix(job.id, job.attempts));
    return drills::run(parts_.vault, text_or(job.parameters, "backup_id"), *scratch,
                       [&](const drills::Progress& progress) -> Result<> {
                           context.report(to_job_progress(progress));
                           if (context.stopping())
                               return fail(ErrorCode::cancelled, "the service is stopping");
                           if (embedded) return check_room();
                           return {};
                       });
}

Result<drills::Findings> Drills::drill(jobs::Context& context) {
    const jobs::Job& job = context.job();
    DAVENPORT_TRY(wait_for_removals(context));
    DAVENPORT_TRY(remove_scratch(job));
    if (text_or(job.parameters, "target") == "couchdb") return drill_in(parts_.documents, context);
    DAVENPORT_TRY(make_private_directory(directory()));
    DAVENPORT_TRY(check_room());
    const std::string own = directory_of(job);
    DAVENPORT_TRY(make_private_directory(own));
    DAVENPORT_ASSIGN(const auto store, documents::open_embedded(own));
    return drill_in(*store, context);
}

drills::Report Drills::report_of(const jobs::Job& job) const {
    drills::Report report;
    report.id = job.id;
    report.backup_id = text_or(job.parameters, "backup_id");
    report.target = text_or(job.parameters, "target");
    report.by = text_or(job.parameters, "by");
    report.product_version = parts_.product_version;
    report.started_ms = job.started_ms;
    if (const auto manifest = parts_.vault.manifest(report.backup_id)) {
        report.backup_started_ms = manifest->started_ms;
        report.backup_finished_ms = manifest->finished_ms;
        const auto text = blobs::read_all(parts_.vault.store(), "manifests/" + report.backup_id,
                                          max_manifest_bytes);
        if (text) report.manifest_sha256 = to_hex(as_bytes(sha256(*text)));
    }
    return report;
}

Result<json::object> Drills::run(jobs::Context& context) {
    const jobs::Job& job = context.job();
    drills::Report report = report_of(job);
    auto findings = drill(context);
    // Also when the service stops: who knows when it starts again.
    const auto removed = remove_scratch(job);
    if (!findings && findings.error().code == ErrorCode::cancelled)
        return fail(std::move(findings).error());
    if (findings)
        report.findings = std::move(*findings);
    else
        report.findings.reasons.push_back(
            fmt::format("the drill could not be carried out: {}", findings.error().message));
    if (!removed) report.left_behind = removed.error().message;
    report.finished_ms = parts_.clock.now_ms();
    std::string text = drills::sign(report, parts_.signing_key);
    if (report.findings.recoverable())
        return json::object{{"verdict", drills::recoverable}, {"report", text}};
    return fail(Error{ErrorCode::corrupt,
                      fmt::format("{}: {}", drills::not_recoverable, first_reason(report.findings)),
                      std::move(text)});
}

// Keeps the report, tells it. A drill that was given up has none yet; and none is made where the
// backup is not, for that says nothing of the backup.
Result<> Drills::ended(const jobs::Job& job) {
    const std::string backup_id = text_or(job.parameters, "backup_id");
    std::string text =
        job.state == jobs::State::succeeded ? text_or(job.result, "report") : job.error.detail;
    if (!drills::read(text)) {
        if (text_or(job.parameters, "place", parts_.place) != parts_.place) {
            spdlog::error("drill {}: nothing is known of backup {}: {}", job.id, backup_id,
                          job.error.message);
            return {};
        }
        drills::Report report = report_of(job);
        report.findings.reasons.push_back(
            fmt::format("the drill could not be carried out: {}", job.error.message));
        const auto removed = remove_scratch(job);
        if (!removed) report.left_behind = removed.error().message;
        report.finished_ms = job.finished_ms;
        text = drills::sign(report, parts_.signing_key);
    }
    DAVENPORT_TRY(
        reports_->add(job.id, text, static_cast<std::uint64_t>(parts_.settings.drills.keep)));
    DAVENPORT_ASSIGN(text, reports_->get(job.id));
    const std::string url = text_or(job.parameters, "client_webhook_url");
    if (!url.empty()) DAVENPORT_TRY(parts_.deliveries.enqueue("msg_" + job.id, url, text));
    if (job.state == jobs::State::succeeded)
        spdlog::info("drill {}: backup {} is recoverable", job.id, backup_id);
    else
        spdlog::error("drill {} of backup {}: {}", job.id, backup_id, job.error.message);
    return {};
}

}  // namespace davenport::service
