#include "impl.hpp"

#include "backup_id.hpp"
#include "davenport/replication/backup.hpp"
#include "davenport/service/version.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace davenport::service {
namespace {

constexpr std::uint64_t every_job = 1'000'000;

json::object to_json(const replication::DatabaseProgress& database) {
    return {{"name", database.name},
            {"started_ms", database.started_ms},
            {"finished_ms", database.finished_ms},
            {"last_sequence", database.last_sequence},
            {"documents", database.documents_read}};
}

backup_doc::Summary::Database from_json(const json::object& object) {
    backup_doc::Summary::Database database;
    database.name = text_or(object, "name");
    database.started_ms = integer_member(object, "started_ms").value_or(0);
    database.finished_ms = integer_member(object, "finished_ms").value_or(0);
    database.last_sequence = text_or(object, "last_sequence");
    const json::value* documents = object.if_contains("documents");
    if (documents && documents->is_number())
        database.documents = documents->to_number<std::uint64_t>();
    return database;
}

jobs::Progress progress_of(const std::vector<replication::DatabaseProgress>& databases) {
    jobs::Progress progress;
    json::array details;
    progress.total_steps = static_cast<std::uint32_t>(databases.size());
    for (const replication::DatabaseProgress& database : databases) {
        progress.done += database.documents_read;
        progress.total += database.documents_expected;
        progress.bytes += database.bytes_read;
        if (database.finished_ms != 0) ++progress.on_step;
        details.push_back(to_json(database));
    }
    progress.details["databases"] = std::move(details);
    return progress;
}

std::string tag(const config::Settings& settings) {
    return settings.console.version_tag.empty() ? std::string(product_version)
                                                : settings.console.version_tag;
}

// What is known of a backup that has no manifest: it runs, or it failed.
backup_doc::Summary summarise(const jobs::Job& job) {
    backup_doc::Summary summary;
    summary.id = job.id;
    summary.started_ms = job.created_ms;
    summary.in_progress = !job.ended();
    if (const json::array* databases = array_member(job.progress.details, "databases"))
        for (const json::value& database : *databases)
            if (database.is_object()) summary.databases.push_back(from_json(database.as_object()));
    if (job.state == jobs::State::failed) {
        summary.ended_ms = job.finished_ms;
        summary.error = job.error.message.empty() ? "the backup failed" : job.error.message;
    }
    if (job.state == jobs::State::succeeded) {
        summary.ended_ms = job.finished_ms;
        summary.error =
            "the backup is not here: it is complete in the data directory of another instance, "
            "which took it over";
    }
    return summary;
}

// A name that was misspelt, or a store that was changed: what was protected before is not any more.
void warn_of_emptied(const vault::Vault& vault, const vault::Manifest& manifest) {
    const auto before = vault.manifest(manifest.previous_id);
    if (!before) return;
    for (const vault::DatabaseManifest& then : before->databases) {
        const auto now =
            std::find_if(manifest.databases.begin(), manifest.databases.end(),
                         [&](const vault::DatabaseManifest& one) { return one.name == then.name; });
        if (then.documents == 0 || (now != manifest.databases.end() && now->documents != 0))
            continue;
        spdlog::warn("backup {} holds no document of the database {}; the one before held {}",
                     manifest.id, then.name, then.documents);
    }
}

}  // namespace

void Service::Impl::handle_backups() {
    jobs::Kind backup;
    backup.run = [this](jobs::Context& context) -> Result<json::object> {
        replication::BackupOptions options;
        options.id = context.job().id;
        options.databases = protected_databases();
        options.skipped_types = settings.backup.skipped_types;
        if (settings.backup.revisions == "leaves") options.revisions = documents::Revisions::leaves;
        options.product_version = tag(settings);
        options.lock_ms = retention->lock_ms();
        DAVENPORT_ASSIGN(
            const vault::Manifest manifest,
            replication::back_up(
                *documents, *vault, clock, options,
                [&](const std::vector<replication::DatabaseProgress>& databases) -> Result<> {
                    context.report(progress_of(databases));
                    if (context.stopping())
                        return fail(ErrorCode::cancelled, "the service is stopping");
                    return {};
                }));
        warn_of_emptied(*vault, manifest);
        std::uint64_t count = 0;
        for (const vault::DatabaseManifest& database : manifest.databases)
            count += database.documents;
        return json::object{{"documents", count}, {"place", place}};
    };
    backup.ended = [this](const jobs::Job& job) -> Result<> {
        if (job.state != jobs::State::succeeded) {
            spdlog::error("backup {} failed: {}", job.id, job.error.message);
            return {};
        }
        spdlog::info("backup {} is complete", job.id);
        if (job.parameters.contains("schedule"))
            if (const auto followed = after_scheduled_backup(job); !followed)
                spdlog::error("after the scheduled backup {}: {}", job.id,
                              followed.error().message);
        // Merging segments is no part of the backup: it may take long and may fail without harm.
        jobs::Runner::Submission next;
        next.id = "compaction_" + job.id;
        next.kind = kind::compaction;
        next.group = kind::compaction;
        next.parameters = {{"after", job.id}};
        const auto submitted = runner->submit(std::move(next));
        if (!submitted && submitted.error().code != ErrorCode::already_exists &&
            submitted.error().code != ErrorCode::in_progress)
            spdlog::warn("compaction after {} could not be queued: {}", job.id,
                         submitted.error().message);
        return {};
    };
    runner->handle(std::string(kind::backup), std::move(backup));

    jobs::Kind compaction;
    compaction.run = [this](jobs::Context& context) -> Result<json::object> {
        std::uint64_t segments = 0;
        json::array left_out;
        const auto beat = [&]() -> Result<> {
            if (!context.stopping()) return {};
            return fail(ErrorCode::cancelled, "the service is stopping");
        };
        for (const std::string& name : protected_databases()) {
            DAVENPORT_TRY(beat());
            const auto written =
                vault->compact(name, static_cast<unsigned>(settings.backup.max_segments), beat);
            // A machine that can't read its backups can't merge them; who can, may.
            if (!written && written.error().code == ErrorCode::locked) {
                spdlog::info("segments of {} are not merged: {}", name, written.error().message);
                left_out.emplace_back(name);
                continue;
            }
            if (!written) return fail(written.error());
            segments += *written;
        }
        return json::object{{"segments_written", segments}, {"left_out", std::move(left_out)}};
    };
    runner->handle(std::string(kind::compaction), std::move(compaction));

    jobs::Kind removal;
    removal.where = jobs::Kind::Where::at_its_place;
    removal.run = [this](jobs::Context& context) -> Result<json::object> {
        const std::string id = text_or(context.job().parameters, "backup_id");
        vault::Removal why;
        why.reason = "deleted on request";
        why.by = text_or(context.job().parameters, "by");
        why.now_ms = retention->now_ms();
        DAVENPORT_ASSIGN(why.doubted_until_ms, retention->doubted_until_ms(id));
        const auto removable = retention->check_removable(id);
        if (!removable && removable.error().code != ErrorCode::not_found)
            return fail(removable.error());
        DAVENPORT_TRY(drill_jobs->check_not_drilled(id));
        auto freed = reserve->spend([&] { return vault->remove(id, why); });
        // Gone already: an earlier attempt was interrupted after the deletion.
        if (!freed && freed.error().code == ErrorCode::not_found) freed = std::uint64_t{0};
        if (!freed) return fail(freed.error());
        // The backup is gone, whatever becomes of what crashes left behind.
        const auto garbage = vault->collect_garbage(24 * 3600);
        if (!garbage) spdlog::warn("garbage stays in the vault: {}", garbage.error().message);
        return json::object{{"bytes", *freed + garbage.value_or(0)}};
    };
    runner->handle(std::string(kind::removal), std::move(removal));
}

Result<std::string> Service::start_backup(std::string_view by) {
    return impl_->submit_backup({{"by", by}});
}

Result<std::string> Service::Impl::submit_backup(const json::object& parameters) {
    DAVENPORT_TRY(reserve->room_for_data());
    DAVENPORT_TRY(vault->keys().check());
    for (std::int64_t now = clock.now_ms();; ++now) {
        jobs::Runner::Submission submission;
        submission.id = fmt::format("{}{}", backup_id_prefix, now);
        submission.kind = kind::backup;
        submission.group = exclusive_group;
        submission.parameters = parameters;
        const std::string id = submission.id;
        const auto taken = vault->manifest(id);
        if (taken) continue;
        if (taken.error().code != ErrorCode::not_found) return fail(taken.error());
        const auto submitted = runner->submit(std::move(submission));
        if (submitted) return id;
        if (submitted.error().code != ErrorCode::already_exists) return fail(submitted.error());
    }
}

Result<std::vector<std::string>> Service::backup_ids() {
    DAVENPORT_ASSIGN(std::vector<std::string> ids, impl_->vault->list());
    DAVENPORT_ASSIGN(const auto backups, impl_->runner->list(kind::backup, every_job));
    for (const jobs::Job& job : backups)
        if (job.state != jobs::State::succeeded) ids.push_back(job.id);
    std::stable_sort(ids.begin(), ids.end(), [](const std::string& a, const std::string& b) {
        const std::int64_t x = time_in_id(a);
        const std::int64_t y = time_in_id(b);
        return x != y ? x < y : a < b;
    });
    // A job that has just committed stands in both lists.
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    return ids;
}

Result<Service::Backup> Service::backup(std::string_view id) {
    // The job first: once it has ended well, the manifest is there to be found. Until it has ended
    // the backup counts as running, so that whoever sees it complete may start the next operation.
    const auto job = impl_->runner->get(id);
    if (!job && job.error().code != ErrorCode::not_found) return fail(job.error());
    if (job && job->kind == kind::backup && !job->ended()) {
        Backup running{summarise(*job), std::nullopt};
        running.summary.product_tag = tag(impl_->settings);
        return running;
    }
    auto manifest = impl_->vault->manifest(id);
    if (manifest) {
        Backup backup{backup_doc::summarise(*manifest), std::move(*manifest)};
        return backup;
    }
    if (manifest.error().code != ErrorCode::not_found) return fail(manifest.error());
    // One that ended well and is not in this vault was deleted, or went into another one.
    if (!job || job->kind != kind::backup ||
        (job->state == jobs::State::succeeded &&
         text_or(job->result, "place", impl_->place) == impl_->place))
        return fail(ErrorCode::not_found, "there is no backup {}", id);
    Backup backup{summarise(*job), std::nullopt};
    backup.summary.product_tag = tag(impl_->settings);
    return backup;
}

Result<jobs::Job> Service::wait_for_backup(std::string_view id, std::chrono::milliseconds timeout) {
    return impl_->runner->wait(id, timeout);
}

Result<> Service::append(std::string_view backup_id, std::string_view name, std::string_view text) {
    DAVENPORT_TRY(backup(backup_id));
    return impl_->vault->append_attachment(backup_id, name, text);
}

Result<std::uint64_t> Service::rotate_keys() {
    return impl_->reserve->spend([this] { return impl_->vault->keys().rotate(); });
}

Result<> Service::remove_backup(std::string_view id, std::string_view by) {
    const auto found = backup(id);
    // A backup whose manifest is damaged, or went otherwise, must not stand in the way for ever;
    // the vault notes what it was.
    const bool doubted =
        !(found && found->manifest) && !impl_->vault->doubt(id).value_or("").empty();
    if (!found && !doubted) return fail(found.error());
    if (found && found->summary.in_progress)
        return fail(ErrorCode::in_use, "backup {} is running", id);
    if (found && !found->manifest && !doubted) {
        DAVENPORT_ASSIGN(const jobs::Job job, impl_->runner->get(id));
        if (job.state == jobs::State::succeeded)
            return fail(ErrorCode::not_found, "backup {}: {}", id, found->summary.error);
        return impl_->runner->remove(id);
    }
    DAVENPORT_TRY(impl_->retention->check_removable(id));
    DAVENPORT_TRY(impl_->drill_jobs->check_not_drilled(id));  // asked again by the job

    jobs::Runner::Submission submission;
    submission.id = fmt::format("removal_{}_{}", id, impl_->clock.now_ms());
    submission.kind = kind::removal;
    submission.group = exclusive_group;
    submission.parameters = {{"backup_id", id}, {"by", by}};
    const std::string job_id = submission.id;
    const auto submitted = impl_->runner->submit(std::move(submission));
    if (!submitted && submitted.error().code == ErrorCode::in_progress)
        return fail(ErrorCode::in_use, "{} is running and may need backup {}",
                    submitted.error().detail, id);
    if (!submitted) return fail(submitted.error());
    DAVENPORT_ASSIGN(const jobs::Job ended, impl_->runner->wait(job_id, std::chrono::minutes(10)));
    if (ended.state != jobs::State::succeeded) return fail(ended.error);
    const auto job_removed = impl_->runner->remove(id);
    if (!job_removed && job_removed.error().code != ErrorCode::not_found)
        return fail(job_removed.error());
    return {};
}

}  // namespace davenport::service
