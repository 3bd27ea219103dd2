#include "common_options.hpp"
#include "davenport/service/audit_target.hpp"
#include "davenport/service/local_audit.hpp"
#include "davenport/service/reports.hpp"
#include "davenport/service/service.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>
#include <filesystem>

namespace davenport::cli {
namespace {

constexpr std::chrono::milliseconds glance{150};

class LocalOperations final : public Operations {
  public:
    explicit LocalOperations(std::unique_ptr<service::Service> service)
        : service_(std::move(service)) {}

    Result<json::object> back_up(const Watcher& watch) override {
        DAVENPORT_ASSIGN(
            const std::string id,
            service::recorded(
                service_->audit(), service::command_line_event("backup.create"),
                [&] { return service_->start_backup("command line"); },
                [](const std::string& made, audit::Event& event) { event.target = made; }));
        for (;;) {
            const auto job = service_->wait_for_backup(id, glance);
            if (job && job->ended()) return envelope(id);
            if (!job && job.error().code != ErrorCode::timeout) return fail(job.error());
            DAVENPORT_ASSIGN(const auto backup, service_->backup(id));
            Status status;
            for (const auto& database : backup.summary.databases) status.done += database.documents;
            watch(status);
        }
    }

    Result<json::object> list() override { return service::backups_to_json(*service_); }

    Result<json::object> envelope(const std::string& id) override {
        std::string text;
        DAVENPORT_TRY(
            write(id, backup_doc::Contents::envelope_only, [&](std::string_view part) -> Result<> {
                text += part;
                return {};
            }));
        return parse_json_object(text);
    }

    Result<> show(const std::string& id, const TextSink& sink) override {
        DAVENPORT_TRY(service_->audit().record(service::command_line_event("backup.read", id)));
        return write(id, backup_doc::Contents::everything, sink);
    }

    Result<json::object> verify(const std::vector<std::string>& ids) override {
        DAVENPORT_ASSIGN(const vault::Verification found, service_->vault().verify(ids, {}));
        return service::to_json(found);
    }

    Result<json::object> diff(const std::string& before, const std::string& after) override {
        audit::Event event = service::command_line_event("backup.diff", before);
        event.details.emplace_back("other", service::audit_target(event.action, after));
        return service::recorded(
            service_->audit(), std::move(event),
            [&] { return service::diff_to_json(service_->vault(), before, after, 100'000); },
            [](const json::object&, audit::Event&) {});
    }

    Result<json::object> restore(const RestoreWishes& wishes, const Watcher& watch) override {
        service::RestoreRequest request;
        request.mode = wishes.mode == RestoreWishes::Mode::exact ? restore::Mode::exact
                                                                 : restore::Mode::overlay;
        request.history = wishes.history == RestoreWishes::History::exact ? restore::History::exact
                                                                          : restore::History::fresh;
        request.skip_components = wishes.skip_components;
        request.skip_sessions = wishes.skip_sessions;
        request.skip_system = wishes.skip_system;
        request.client_webhook_url = wishes.webhook_url;
        request.by = "command line";
        const bool upload = wishes.kind == RestoreWishes::Source::file;
        if (wishes.run == RestoreWishes::Run::dry) {
            DAVENPORT_ASSIGN(const restore::Report report,
                             upload ? service_->dry_run_of_upload(wishes.source, request)
                                    : service_->dry_run(wishes.source, request));
            return service::to_json(report);
        }
        audit::Event event =
            service::command_line_event("restore.start", upload ? "" : wishes.source);
        if (wishes.mode == RestoreWishes::Mode::exact) event.details.emplace_back("mode", "exact");
        if (wishes.history == RestoreWishes::History::exact)
            event.details.emplace_back("history", "exact");
        DAVENPORT_ASSIGN(const service::StartedRestore started,
                         service::recorded(
                             service_->audit(), std::move(event),
                             [&] {
                                 return upload ? start_upload(wishes.source, request)
                                               : service_->start_restore(wishes.source, request);
                             },
                             [](const service::StartedRestore& begun, audit::Event& outcome) {
                                 outcome.details.emplace_back("transaction", begun.tx_id);
                             }));
        for (;;) {
            const auto transaction = service_->wait_for_restore(started.tx_id, glance);
            if (transaction && transaction->status != webhooks::Status::pending)
                return webhooks::to_json(*transaction);
            if (!transaction && transaction.error().code != ErrorCode::timeout)
                return fail(transaction.error());
            DAVENPORT_ASSIGN(const auto current, service_->transaction(started.tx_id));
            watch({current.documents_done, current.documents_total, current.bytes});
        }
    }

    Result<json::object> prune_plan() override {
        DAVENPORT_ASSIGN(const service::PrunePlan plan, service_->retention().plan());
        return service::plan_to_json(plan);
    }

    Result<json::object> prune(const Watcher& watch) override {
        service::Retention& retention = service_->retention();
        DAVENPORT_ASSIGN(
            const std::string id,
            service::recorded(
                service_->audit(), service::command_line_event("prune.start"),
                [&] { return retention.prune("command line"); },
                [](const std::string& made, audit::Event& event) { event.target = made; }));
        for (;;) {
            const auto job = retention.wait_for_prune(id, glance);
            if (job && job->ended()) return service::prune_to_json(*job);
            if (!job && job.error().code != ErrorCode::timeout) return fail(job.error());
            DAVENPORT_ASSIGN(const auto running, retention.prune_job(id));
            watch({running.progress.done, running.progress.total, 0});
        }
    }

    Result<> remove_backup(const std::string& id) override {
        return service::recorded(service_->audit(),
                                 service::command_line_event("backup.delete", id),
                                 [&] { return service_->remove_backup(id, "command line"); });
    }

    Result<> pin(const std::string& id, const std::string& reason) override {
        return service::recorded(
            service_->audit(), service::command_line_event("backup.pin", id),
            [&] { return service_->retention().pin(id, reason, "command line"); });
    }

    Result<> unpin(const std::string& id) override {
        return service::recorded(service_->audit(), service::command_line_event("backup.unpin", id),
                                 [&] { return service_->retention().unpin(id); });
    }

    Result<json::object> keys() override {
        DAVENPORT_ASSIGN(const auto keys, service_->access().keys());
        return service::to_json(keys);
    }

    Result<> remove_key(const std::string& key) override {
        return service::recorded(service_->audit(), service::command_line_event("key.delete", key),
                                 [&] { return service_->access().remove_key(key); });
    }

    Result<json::object> jobs(const std::string& kind, std::uint64_t limit) override {
        DAVENPORT_ASSIGN(const auto found, service_->jobs().list(kind, limit));
        json::array rows;
        for (const jobs::Job& job : found) rows.push_back(service::to_json(job));
        return json::object{{"jobs", std::move(rows)}};
    }

    Result<json::object> job(const std::string& id) override {
        DAVENPORT_ASSIGN(const auto found, service_->jobs().get(id));
        return service::to_json(found);
    }

    Result<json::object> audit_list(std::optional<std::uint64_t> since,
                                    std::uint64_t limit) override {
        DAVENPORT_ASSIGN(const audit::Log::Page page, since ? service_->audit().list(*since, limit)
                                                            : service_->audit().newest(limit));
        json::array entries;
        for (const std::string& line : page.lines) {
            DAVENPORT_ASSIGN(json::object entry, parse_json_object(line));
            entries.push_back(std::move(entry));
        }
        return json::object{{"entries", std::move(entries)}, {"more", page.more}};
    }

    Result<> audit_export(const TextSink& sink) override {
        DAVENPORT_TRY(service_->audit().record(service::command_line_event("audit.export")));
        DAVENPORT_ASSIGN(const auto lines, service_->audit().export_all());
        for (;;) {
            DAVENPORT_ASSIGN(const std::string piece, lines->next());
            if (piece.empty()) return {};
            DAVENPORT_TRY(sink(piece));
        }
    }

    Result<json::object> audit_verify() override {
        DAVENPORT_ASSIGN(const audit::Verification found, service_->audit().verify({}));
        return audit::to_json(found);
    }

    Result<json::object> schedules() override {
        auto& schedules = service_->schedules();
        return schedules.to_json(schedules.list());
    }

    Result<json::object> create_schedule(const json::object& wanted) override {
        DAVENPORT_ASSIGN(const auto schedule,
                         service::recorded(
                             service_->audit(), service::command_line_event("schedule.create"),
                             [&] { return service_->schedules().create(wanted); },
                             [](const schedules::Schedule& made, audit::Event& event) {
                                 event.target = made.id;
                             }));
        return service_->schedules().to_json(schedule);
    }

    Result<json::object> schedule(const std::string& id, std::string_view verb) override {
        auto& known = service_->schedules();
        if (verb.empty()) {
            DAVENPORT_ASSIGN(const auto schedule, known.get(id));
            return known.to_json(schedule);
        }
        DAVENPORT_ASSIGN(const auto schedule,
                         service::recorded(
                             service_->audit(),
                             service::command_line_event(fmt::format("schedule.{}", verb), id),
                             [&] { return verb == "pause" ? known.pause(id) : known.resume(id); },
                             [](const schedules::Schedule&, audit::Event&) {}));
        return known.to_json(schedule);
    }

    Result<> remove_schedule(const std::string& id) override {
        return service::recorded(service_->audit(),
                                 service::command_line_event("schedule.delete", id),
                                 [&] { return service_->schedules().remove(id); });
    }

    Result<json::object> run_schedule(const std::string& id) override {
        DAVENPORT_ASSIGN(const std::string job,
                         service::recorded(
                             service_->audit(), service::command_line_event("schedule.run", id),
                             [&] { return service_->schedules().run(id); },
                             [](const std::string& made, audit::Event& event) {
                                 event.details.emplace_back("job", made);
                             }));
        return wait_for_run(id, job, glance);
    }

    Result<std::string> drill(const DrillWishes& wishes, const Watcher& watch) override {
        service::Drills& drills = service_->drills();
        DAVENPORT_ASSIGN(
            const std::string id,
            service::recorded(
                service_->audit(), service::command_line_event("drill.start"),
                [&] {
                    return drills.start(
                        {wishes.backup_id, wishes.target, wishes.webhook_url, "command line"});
                },
                [](const std::string& made, audit::Event& event) { event.target = made; }));
        for (;;) {
            const auto ended = drills.wait(id, glance);
            if (ended) return drills.report(id);
            if (ended.error().code != ErrorCode::timeout) return fail(ended.error());
            DAVENPORT_ASSIGN(const jobs::Job job, drills.job(id));
            watch({job.progress.done, job.progress.total, job.progress.bytes});
        }
    }

    Result<std::string> drill_report(const std::string& id) override {
        return service_->drills().report(id);
    }

    Result<json::object> drills() override { return service_->drills().list(); }

    Result<std::string> public_keys() override {
        return VerifyingKey::to_pem(service_->public_keys());
    }

    Result<std::string> prove(const std::string& backup, const std::string& database,
                              const std::string& document) override {
        DAVENPORT_TRY(
            service_->audit().record(service::command_line_event("backup.prove", backup)));
        return service_->vault().prove(backup, database, document);
    }

  private:
    Result<> write(const std::string& id, backup_doc::Contents contents, const TextSink& sink) {
        DAVENPORT_ASSIGN(auto backup, service_->backup(id));
        DAVENPORT_ASSIGN(
            const auto writer,
            backup_doc::Writer::create(service_->vault(), std::move(backup.summary),
                                       backup.manifest ? &*backup.manifest : nullptr, contents));
        std::vector<char> buffer(256 * 1024);
        for (;;) {
            DAVENPORT_ASSIGN(const std::size_t size, writer->read(buffer));
            if (size == 0) return {};
            DAVENPORT_TRY(sink({buffer.data(), size}));
        }
    }

    // The service takes an upload over and removes it in the end; the user's file stays.
    Result<service::StartedRestore> start_upload(const std::string& file,
                                                 const service::RestoreRequest& request) {
        const std::string copy =
            fmt::format("{}/command-line-{}.json", service_->spool_directory(), getpid());
        std::error_code error;
        std::filesystem::copy_file(file, copy, std::filesystem::copy_options::overwrite_existing,
                                   error);
        if (error) return fail(posix_error("can't copy " + file, error.value()));
        auto started = service_->start_restore_of_upload(copy, request);
        std::filesystem::remove(copy, error);
        return started;
    }

    std::unique_ptr<service::Service> service_;
};

}  // namespace

Result<std::unique_ptr<Operations>> open_local(const config::Settings& settings) {
    // Warnings and errors of the work itself; its result is printed by the command.
    spdlog::set_level(spdlog::level::warn);
    DAVENPORT_ASSIGN(auto service,
                     service::Service::open(settings, service::Service::Background::jobs));
    return std::unique_ptr<Operations>(std::make_unique<LocalOperations>(std::move(service)));
}

}  // namespace davenport::cli
