#include "commands.hpp"
#include "common_options.hpp"
#include "davenport/base/clock.hpp"
#include "davenport/base/file.hpp"
#include "davenport/drills/report.hpp"
#include "output.hpp"
#include "progress_display.hpp"

namespace davenport::cli {
namespace {

constexpr std::uint64_t longest_report = 64 << 20;

struct Options : CommonOptions {
    std::string backup_id, target, webhook_url;
    std::string report_id, check_file, key_file;
    bool list = false;
};

Result<std::string> read_report(const std::string& path) {
    DAVENPORT_ASSIGN(std::string text, read_file(path, longest_report));
    // What a download or an editor puts after the report is no part of it.
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    return text;
}

// The signed text as it is, so that it can be kept and checked; or its lines for a person.
int print_report(const Options& options, const std::string& text, const json::object& report) {
    if (options.json) return print_result(text + "\n");
    json::value shown = report;
    put_on_one_line(shown);
    return print_result(drills::to_lines(shown.get_object()));
}

int check(const Options& options) {
    if (options.key_file.empty()) {
        fmt::print(stderr, "davenport: --check needs --public-key FILE\n");
        return exit_usage;
    }
    const auto key = VerifyingKey::load(options.key_file);
    if (!key) return report(key.error());
    const auto text = read_report(options.check_file);
    if (!text) return report(text.error());
    const auto checked = drills::check(*text, *key);
    if (!checked) return report(checked.error());
    fmt::print(stderr, "the report is whole and signed with the key {}\n", key->id());
    return print_report(options, *text, *checked);
}

int list(const Options& options, Operations& operations) {
    const auto answer = operations.drills();
    if (!answer) return report(answer.error());
    if (options.json) return print_json(*answer);
    return print_result(lines_of(*answer, "drills", [](const json::object& drill) {
        return fmt::format("{}  {}  {}  {}", text_or(drill, "id"),
                           to_rfc3339(integer_member(drill, "ts_finished").value_or(0)),
                           text_or(drill, "backup_id"), text_or(drill, "verdict", "in progress"));
    }));
}

int run(const Options& options) {
    if (!options.check_file.empty()) return check(options);
    if (options.backup_id.empty() && options.report_id.empty() && !options.list) {
        fmt::print(stderr, "davenport: drill needs a backup's id, or latest\n");
        return exit_usage;
    }
    const auto operations = options.operations();
    if (!operations) return report(operations.error());
    if (options.list) return list(options, **operations);
    const Result<std::string> text = [&] {
        if (!options.report_id.empty()) return (*operations)->drill_report(options.report_id);
        ProgressDisplay display("drill");
        return (*operations)
            ->drill({options.backup_id, options.target, options.webhook_url}, display.watcher());
    }();
    if (!text) return report(text.error());
    const auto read = drills::read(*text);
    if (!read) return report(read.error());
    const int printed = print_report(options, *text, *read);
    const bool recoverable = text_or(*read, "verdict") == drills::recoverable;
    return printed == exit_success && !recoverable ? exit_operation_failed : printed;
}

}  // namespace

void add_drill(CLI::App& program, Work& chosen) {
    auto* command = program.add_subcommand(
        "drill",
        "Restore a backup into scratch databases, compare everything, and print the signed report");
    const auto options = std::make_shared<Options>();
    command->add_option("ID", options->backup_id, "the backup, or latest");
    command->add_option("--target", options->target,
                        "embedded or couchdb (default: what holds the databases)");
    command->add_option("--webhook", options->webhook_url, "URL that is sent the report");
    command->add_flag("--list", options->list, "list earlier drills, newest first");
    command->add_option("--report", options->report_id, "print the report of an earlier drill");
    command
        ->add_option("--check", options->check_file,
                     "check a report that was saved (drill --json), without any service")
        ->type_name("FILE");
    command->add_option("--public-key", options->key_file, "PEM file for --check")
        ->type_name("FILE");
    options->add_data_options(*command);
    options->add_service_options(*command);
    options->add_output_options(*command);
    command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace davenport::cli
