#include "commands.hpp"
#include "common_options.hpp"
#include "davenport/base/clock.hpp"
#include "output.hpp"
#include "progress_display.hpp"

namespace davenport::cli {
namespace {

struct Options : CommonOptions {
    std::string id;
    std::string kind, cron, at, zone, parameters;
    std::int64_t random_delay_secs = 0;
};

std::string time_or(const json::object& object, std::string_view key, std::string_view otherwise) {
    const auto ms = integer_member(object, key);
    return ms ? to_rfc3339(*ms) : std::string(otherwise);
}

std::string last_run_of(const json::object& schedule) {
    const json::object* run = object_member(schedule, "last_run");
    if (!run) return "never ran";
    std::string text =
        fmt::format("{} {}", text_or(*run, "outcome"), time_or(*run, "ts_started", "-"));
    if (run->contains("job")) text += " " + text_or(*run, "job");
    if (run->contains("message")) text += ": " + text_or(*run, "message");
    return text;
}

std::string line_of(const json::object& schedule) {
    std::string line = fmt::format(
        "{}  {}  {}  {} {}  next {}  last {}", text_or(schedule, "id"), text_or(schedule, "kind"),
        text_or(schedule, "state"), text_or(schedule, "cron", text_or(schedule, "at")),
        text_or(schedule, "zone"), time_or(schedule, "ts_next_run", "-"), last_run_of(schedule));
    if (schedule.contains("waits")) line += "  waits: " + text_or(schedule, "waits");
    return line;
}

int print_one(const Options& options, const Result<json::object>& schedule) {
    if (!schedule) return report(schedule.error());
    return options.json ? print_json(*schedule)
                        : print_result(on_one_line(line_of(*schedule)) + "\n");
}

int list(const Options& options) {
    const auto operations = options.operations();
    if (!operations) return report(operations.error());
    const auto answer = (*operations)->schedules();
    if (!answer) return report(answer.error());
    return options.json ? print_json(*answer)
                        : print_result(lines_of(*answer, "schedules", line_of));
}

Result<json::object> wanted_of(const Options& options) {
    json::object wanted{{"kind", options.kind}};
    if (!options.cron.empty()) wanted["cron"] = options.cron;
    if (!options.at.empty()) wanted["at"] = options.at;
    if (!options.zone.empty()) wanted["zone"] = options.zone;
    if (options.random_delay_secs != 0) wanted["random_delay_secs"] = options.random_delay_secs;
    if (!options.parameters.empty()) {
        auto parameters = parse_json_object(options.parameters);
        if (!parameters)
            return fail(ErrorCode::invalid_argument, "--parameters: {}",
                        parameters.error().message);
        wanted["parameters"] = std::move(*parameters);
    }
    return wanted;
}

int create(const Options& options) {
    const auto wanted = wanted_of(options);
    if (!wanted) return report(wanted.error());
    const auto operations = options.operations();
    if (!operations) return report(operations.error());
    return print_one(options, (*operations)->create_schedule(*wanted));
}

// A verb of the API: pause, resume; empty = only a look.
int change(const Options& options, std::string_view verb) {
    const auto operations = options.operations();
    if (!operations) return report(operations.error());
    return print_one(options, (*operations)->schedule(options.id, verb));
}

int remove(const Options& options) {
    const auto operations = options.operations();
    if (!operations) return report(operations.error());
    const auto removed = (*operations)->remove_schedule(options.id);
    if (!removed) return report(removed.error());
    return options.json ? print_json({{"message", "ok"}, {"id", options.id}})
                        : print_result("removed\n");
}

int run_now(const Options& options) {
    const auto operations = options.operations();
    if (!operations) return report(operations.error());
    const auto schedule = (*operations)->run_schedule(options.id);
    const int code = print_one(options, schedule);
    if (code != exit_success) return code;
    const json::object* run = object_member(*schedule, "last_run");
    return run && text_or(*run, "outcome") == "succeeded" ? exit_success : exit_operation_failed;
}

using Run = std::function<int(const Options&)>;

CLI::App* add(CLI::App& parent, Work& chosen, const std::shared_ptr<Options>& options,
              const std::string& name, const std::string& description, const Run& run) {
    auto* command = parent.add_subcommand(name, description);
    options->add_data_options(*command);
    options->add_service_options(*command);
    options->add_output_options(*command);
    command->callback(
        [options, run, &chosen] { chosen = [options, run] { return run(*options); }; });
    return command;
}

void add_for_one(CLI::App& parent, Work& chosen, const std::string& name,
                 const std::string& description, const Run& run) {
    const auto options = std::make_shared<Options>();
    add(parent, chosen, options, name, description, run)
        ->add_option("ID", options->id, "the schedule")
        ->required();
}

}  // namespace

void add_schedules(CLI::App& program, Work& chosen) {
    auto* schedules =
        program.add_subcommand("schedules", "Backups and drills that come by themselves");
    schedules->require_subcommand(1);
    add(*schedules, chosen, std::make_shared<Options>(), "list", "List the schedules, newest first",
        list);
    const auto options = std::make_shared<Options>();
    auto* command = add(*schedules, chosen, options, "create", "Make a schedule", create);
    command->add_option("--kind", options->kind, "backup, drill or prune")->required();
    command->add_option("--cron", options->cron, "when it runs, again and again: \"0 1 * * *\"");
    command->add_option("--at", options->at, "the one time it runs: 2026-11-22T10:00:00+07:00");
    command->add_option("--zone", options->zone, "time zone of --cron (default: UTC)");
    command->add_option("--random-delay", options->random_delay_secs,
                        "each run waits at random up to so many seconds");
    command->add_option("--parameters", options->parameters,
                        "JSON object, such as {\"backup_id\":\"latest\"}");
    add_for_one(*schedules, chosen, "show", "Show a schedule and its last run",
                [](const Options& given) { return change(given, ""); });
    add_for_one(*schedules, chosen, "pause", "Let a schedule rest",
                [](const Options& given) { return change(given, "pause"); });
    add_for_one(*schedules, chosen, "resume", "Let it go on with its next time",
                [](const Options& given) { return change(given, "resume"); });
    add_for_one(*schedules, chosen, "run", "Run it now and wait for the end", run_now);
    add_for_one(*schedules, chosen, "remove", "Remove a schedule", remove);
}

}  // namespace davenport::cli
