#include "davenport/base/file.hpp"
#include "davenport/base/random.hpp"
#include "davenport/replication/backup.hpp"
#include "impl.hpp"

#include <spdlog/spdlog.h>

#include <unistd.h>
#include <filesystem>

namespace davenport::service {
namespace {

using SkipSets = decltype(restore::RestoreOptions::skip);

json::object to_json(const SkipSets& skip) {
    json::object object;
    for (const auto& [database, ids] : skip) {
        json::array list;
        for (const std::string& id : ids) list.emplace_back(id);
        object[database] = std::move(list);
    }
    return object;
}

SkipSets skip_from_json(const json::object& object) {
    SkipSets skip;
    for (const auto& [database, ids] : object)
        if (ids.is_array())
            for (const json::value& id : ids.as_array())
                if (id.is_string()) skip[std::string(database)].insert(std::string(id.as_string()));
    return skip;
}

webhooks::Transaction new_transaction(const jobs::Job& job) {
    webhooks::Transaction transaction;
    transaction.tx_id = job.id;
    transaction.description = "restore of " + text_or(job.parameters, "source");
    transaction.by = text_or(job.parameters, "by");
    transaction.uuid = text_or(job.parameters, "uuid");
    transaction.sub_type = "backup_restore";
    transaction.started_ms = job.created_ms;
    transaction.client_webhook_url = text_or(job.parameters, "client_webhook_url");
    return transaction;
}

// The job is made first, so that a crash in between leaves work that ends, not a transaction that
// nobody would ever end; whoever comes to it next makes the transaction.
Result<> ensure_transaction(webhooks::Transactions& transactions, const jobs::Job& job) {
    const auto created = transactions.create(new_transaction(job));
    if (!created && created.error().code != ErrorCode::already_exists &&
        created.error().code != ErrorCode::conflict)
        return fail(created.error());
    return {};
}

void show_progress(webhooks::Transaction& transaction, const jobs::Progress& progress) {
    transaction.on_step = progress.on_step;
    transaction.total_steps = progress.total_steps;
    transaction.documents_done = progress.done;
    transaction.documents_total = progress.total;
    transaction.bytes = progress.bytes;
}

std::vector<std::string> lines_of(const restore::Report& report) {
    std::vector<std::string> lines;
    for (const restore::DatabaseCounts& counts : report.databases)
        lines.push_back(fmt::format(
            "{}: {} created, {} changed, {} unchanged, {} deleted, {} skipped, {} failed",
            counts.database, counts.created, counts.changed, counts.unchanged, counts.deleted,
            counts.skipped, counts.failed));
    for (const restore::Failure& failure : report.failures)
        lines.push_back(fmt::format("{}: document {} failed: {}", failure.database, failure.id,
                                    failure.reason));
    if (report.whitelist_changed) lines.emplace_back("url_safe_list was rebuilt");
    return lines;
}

std::string to_json_text(const std::vector<std::string>& lines) {
    json::array array;
    for (const std::string& line : lines) array.emplace_back(line);
    return to_text(json::value(array));
}

std::vector<std::string> strings_of(const json::array* array) {
    std::vector<std::string> texts;
    if (array)
        for (const json::value& value : *array)
            if (value.is_string()) texts.emplace_back(value.as_string());
    return texts;
}

// What whoever restores the backup should know of it. They may have no other, so it is no error.
std::string warning_of(const vault::Vault& vault, const std::string& backup_id) {
    const auto doubt = vault.doubt(backup_id);
    if (!doubt) return fmt::format("the signatures can't be read: {}", doubt.error().message);
    if (doubt->empty()) return {};
    return fmt::format("the backup {} is not to be trusted: {}", backup_id, *doubt);
}

// Both were there when the restore was accepted.
Error elsewhere(std::string_view source) {
    return {ErrorCode::not_found,
            fmt::format("{} is not in the data directory of the instance that took this restore "
                        "over from another one; start the restore again",
                        source),
            {}};
}

Result<> refuse_incomplete(const backup_doc::Reader& reader) {
    if (reader.in_progress())
        return fail(ErrorCode::invalid_argument,
                    "the backup doc says in_progress: it is not complete");
    if (!reader.error().empty())
        return fail(ErrorCode::invalid_argument, "the backup doc is of a failed backup: {}",
                    reader.error());
    return {};
}

}  // namespace

std::string Service::Impl::upload_path(std::string_view tx_id) const {
    return fmt::format("{}/uploads/{}.json", settings.data.directory, tx_id);
}

restore::RestoreOptions Service::Impl::restore_options(const RestoreRequest& request) const {
    restore::RestoreOptions options;
    options.mode = request.mode;
    options.history = request.history;
    options.console = {settings.databases.components, settings.databases.sessions,
                       settings.databases.system};
    for (const std::string& name : protected_databases()) options.known_databases.insert(name);
    options.skipped_types = settings.backup.skipped_types;
    options.deployer_url = settings.console.deployer_url;
    const auto skip = [&](const std::string& database, const std::vector<std::string>& ids) {
        if (!ids.empty()) options.skip[database].insert(ids.begin(), ids.end());
    };
    skip(settings.databases.components, request.skip_components);
    skip(settings.databases.sessions, request.skip_sessions);
    skip(settings.databases.system, request.skip_system);
    return options;
}

void Service::Impl::handle_restores() {
    jobs::Kind kind;
    kind.run = [this](jobs::Context& context) -> Result<json::object> {
        const json::object& parameters = context.job().parameters;
        DAVENPORT_TRY(ensure_transaction(*transactions, context.job()));

        std::unique_ptr<restore::Source> source;
        std::string warning;
        if (const std::string backup_id = text_or(parameters, "backup_id"); !backup_id.empty()) {
            auto opened = restore::from_vault(*vault, backup_id);
            if (!opened && opened.error().code == ErrorCode::not_found)
                return fail(elsewhere(fmt::format("backup {}", backup_id)));
            if (!opened) return fail(opened.error());
            source = std::move(*opened);
            warning = warning_of(*vault, backup_id);
            if (!warning.empty()) spdlog::warn("restore {}: {}", context.job().id, warning);
        } else {
            const std::string upload = upload_path(context.job().id);
            std::error_code error;
            if (!std::filesystem::exists(upload, error) && !error)
                return fail(elsewhere("the uploaded data"));
            DAVENPORT_ASSIGN(auto reader, backup_doc::Reader::open(upload));
            source = restore::from_upload(std::move(reader));
        }
        restore::RestoreOptions options = restore_options({});
        options.mode =
            text_or(parameters, "mode") == "exact" ? restore::Mode::exact : restore::Mode::overlay;
        if (text_or(parameters, "history") == "exact") options.history = restore::History::exact;
        if (const json::object* skip = object_member(parameters, "skip"))
            options.skip = skip_from_json(*skip);
        // Again, because time has passed; later attempts go on with what the first one wrote.
        if (options.history == restore::History::exact && context.job().attempts <= 1)
            DAVENPORT_TRY(restore::check_exact_history(*source, *documents, options));

        DAVENPORT_ASSIGN(const restore::Report report,
                         restore::run(*source, *documents, options,
                                      [&](const restore::RestoreProgress& step) -> Result<> {
                                          jobs::Progress progress;
                                          progress.done = step.documents_done;
                                          progress.total = step.documents_total;
                                          progress.bytes = step.bytes;
                                          progress.on_step = step.on_step;
                                          progress.total_steps = step.total_steps;
                                          progress.details["step"] = step.step;
                                          context.report(std::move(progress));
                                          if (context.stopping())
                                              return fail(ErrorCode::cancelled,
                                                          "the service is stopping");
                                          return {};
                                      }));
        std::vector<std::string> lines = lines_of(report);
        std::string message = report.summary();
        if (!warning.empty()) {
            lines.insert(lines.begin(), "warning: " + warning);
            message += "; warning: " + warning;
        }
        if (report.failed() > 0)
            return fail(Error{ErrorCode::conflict, std::move(message), to_json_text(lines)});
        return json::object{{"message", std::move(message)},
                            {"lines", json::parse(to_json_text(lines))}};
    };
    kind.ended = [this](const jobs::Job& job) -> Result<> {
        DAVENPORT_TRY(ensure_transaction(*transactions, job));
        webhooks::Transaction last = new_transaction(job);
        show_progress(last, job.progress);
        DAVENPORT_TRY(transactions->report(last));

        const bool success = job.state == jobs::State::succeeded;
        std::vector<std::string> lines;
        if (success) {
            lines = strings_of(array_member(job.result, "lines"));
        } else if (!job.error.detail.empty()) {
            const auto parsed = parse_json(job.error.detail);
            if (parsed && parsed->is_array()) lines = strings_of(&parsed->as_array());
        }
        DAVENPORT_ASSIGN(
            const webhooks::Transaction ended,
            transactions->finish(
                job.id, success ? webhooks::Status::success : webhooks::Status::error,
                success ? text_or(job.result, "message") : job.error.message, std::move(lines)));
        if (!ended.client_webhook_url.empty())
            DAVENPORT_TRY(deliveries->enqueue("msg_" + job.id, ended.client_webhook_url,
                                              davenport::to_text(webhooks::to_json(ended))));
        spdlog::info("restore {} ended: {}", job.id, to_text(ended.status));
        unlink(upload_path(job.id).c_str());
        return {};
    };
    runner->handle(std::string(kind::restore), std::move(kind));
}

// Uploads whose job was never made or has ended: a crash came between. Of one that another instance
// took in just now the job may be about to be made.
Result<> Service::Impl::sweep_uploads(HeldDirectory::Others others) {
    const auto oldest = std::filesystem::file_time_type::clock::now() - std::chrono::hours(24);
    std::error_code error;
    for (const auto& entry :
         std::filesystem::directory_iterator(settings.data.directory + "/uploads", error)) {
        std::string tx_id = entry.path().filename().string();
        tx_id.resize(std::min(tx_id.find('.'), tx_id.size()));
        const auto job = runner->get(tx_id);
        if (!job && job.error().code != ErrorCode::not_found) return fail(job.error());
        std::error_code gone;
        const bool in_use = !job && others == HeldDirectory::Others::maybe &&
                            std::filesystem::last_write_time(entry.path(), gone) > oldest;
        if (!in_use && (!job || job->ended())) std::filesystem::remove(entry.path(), error);
    }
    if (error) return fail(posix_error("can't clean up uploads", error.value()));
    return {};
}

Result<StartedRestore> Service::Impl::submit_restore(const RestoreRequest& request,
                                                     json::object parameters,
                                                     const std::string& tx_id) {
    // What a CouchDB has room for is its own business.
    if (settings.databases.couchdb_url.empty()) DAVENPORT_TRY(reserve->room_for_data());
    parameters["mode"] = request.mode == restore::Mode::exact ? "exact" : "overlay";
    parameters["history"] = request.history == restore::History::exact ? "exact" : "fresh";
    parameters["skip"] = service::to_json(restore_options(request).skip);
    parameters["by"] = request.by;
    parameters["uuid"] = random_uuid();
    parameters["client_webhook_url"] = request.client_webhook_url;
    jobs::Runner::Submission submission;
    submission.id = tx_id;
    submission.kind = kind::restore;
    submission.group = exclusive_group;
    submission.parameters = std::move(parameters);
    DAVENPORT_ASSIGN(const jobs::Job job, runner->submit(std::move(submission)));
    DAVENPORT_TRY(ensure_transaction(*transactions, job));
    return StartedRestore{tx_id};
}

namespace {

Result<> check_source(const restore::Source& source, documents::DocumentStore& store,
                      const restore::RestoreOptions& options) {
    DAVENPORT_TRY(restore::check_databases(source, options));
    if (options.history == restore::History::fresh) return {};
    return restore::check_exact_history(source, store, options);
}

Result<> refuse_exact_history(const RestoreRequest& request) {
    if (request.history == restore::History::fresh) return {};
    return fail(ErrorCode::invalid_argument,
                "an exact history can only be restored from a backup by its id: a backup doc holds "
                "winners alone");
}

}  // namespace

Result<StartedRestore> Service::start_restore(std::string_view backup_id,
                                              const RestoreRequest& request) {
    DAVENPORT_ASSIGN(const vault::Manifest manifest, impl_->vault->manifest(backup_id));
    DAVENPORT_TRY(impl_->vault->check_readable(manifest));
    DAVENPORT_TRY(impl_->check_webhook("client_webhook_url", request.client_webhook_url));
    DAVENPORT_ASSIGN(const auto source, restore::from_vault(*impl_->vault, backup_id));
    DAVENPORT_TRY(check_source(*source, *impl_->documents, impl_->restore_options(request)));
    return impl_->submit_restore(request, {{"backup_id", backup_id}, {"source", backup_id}},
                                 random_token(12));
}

Result<StartedRestore> Service::start_restore_of_upload(const std::string& path,
                                                        const RestoreRequest& given) {
    DAVENPORT_TRY(refuse_exact_history(given));
    RestoreRequest request = given;
    std::string source_name;
    {
        DAVENPORT_ASSIGN(auto reader, backup_doc::Reader::open(path));
        DAVENPORT_TRY(refuse_incomplete(*reader));
        if (request.client_webhook_url.empty())
            request.client_webhook_url = reader->client_webhook_url();
        DAVENPORT_TRY(impl_->check_webhook("client_webhook_url", request.client_webhook_url));
        source_name = reader->id().empty() ? "uploaded data" : "uploaded data of " + reader->id();
        const auto source = restore::from_upload(std::move(reader));
        DAVENPORT_TRY(restore::check_databases(*source, impl_->restore_options(request)));
    }
    const std::string tx_id = random_token(12);
    const std::string kept = impl_->upload_path(tx_id);
    DAVENPORT_TRY(move_durably(path, kept));
    auto started = impl_->submit_restore(request, {{"source", source_name}}, tx_id);
    if (!started) {
        const auto job = impl_->runner->get(tx_id);
        if (!job && job.error().code == ErrorCode::not_found) unlink(kept.c_str());
    }
    return started;
}

Result<restore::Report> Service::dry_run(std::string_view backup_id,
                                         const RestoreRequest& request) {
    DAVENPORT_ASSIGN(const vault::Manifest manifest, impl_->vault->manifest(backup_id));
    DAVENPORT_TRY(impl_->vault->check_readable(manifest));
    DAVENPORT_ASSIGN(const auto source, restore::from_vault(*impl_->vault, backup_id));
    const auto options = impl_->restore_options(request);
    DAVENPORT_TRY(check_source(*source, *impl_->documents, options));
    return restore::dry_run(*source, *impl_->documents, options, {});
}

Result<restore::Report> Service::dry_run_of_upload(const std::string& path,
                                                   const RestoreRequest& request) {
    DAVENPORT_TRY(refuse_exact_history(request));
    DAVENPORT_ASSIGN(auto reader, backup_doc::Reader::open(path));
    DAVENPORT_TRY(refuse_incomplete(*reader));
    const auto source = restore::from_upload(std::move(reader));
    const auto options = impl_->restore_options(request);
    DAVENPORT_TRY(restore::check_databases(*source, options));
    return restore::dry_run(*source, *impl_->documents, options, {});
}

Result<webhooks::Transaction> Service::transaction(std::string_view tx_id) {
    DAVENPORT_ASSIGN(webhooks::Transaction transaction, impl_->transactions->get(tx_id));
    if (transaction.status == webhooks::Status::pending)
        if (const auto job = impl_->runner->get(tx_id)) show_progress(transaction, job->progress);
    return transaction;
}

Result<webhooks::Transactions::Page> Service::transactions(std::uint64_t limit,
                                                           std::uint64_t skip) {
    return impl_->transactions->list(limit, skip);
}

Result<webhooks::Transaction> Service::wait_for_restore(std::string_view tx_id,
                                                        std::chrono::milliseconds timeout) {
    DAVENPORT_TRY(impl_->runner->wait(tx_id, timeout));
    return impl_->transactions->get(tx_id);
}

}  // namespace davenport::service
