#include "commands.hpp"
#include "common_options.hpp"
#include "davenport/base/file.hpp"
#include "output.hpp"
#include "progress_display.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <cerrno>

namespace davenport::cli {
namespace {

struct Options : CommonOptions {
    RestoreWishes wishes;
    bool exact = false;
    bool dry_run = false;
    std::string history = "fresh";
};

std::string counts_text(const json::object& counts) {
    std::string text;
    if (const json::object* databases = object_member(counts, "dbs"))
        for (const auto& [name, value] : *databases)
            if (const json::object* row = value.if_object())
                text += fmt::format(
                    "{}: {} to create, {} to change, {} unchanged, {} to delete, {} skipped\n",
                    std::string(name), number_or_zero(*row, "created"),
                    number_or_zero(*row, "changed"), number_or_zero(*row, "unchanged"),
                    number_or_zero(*row, "deleted"), number_or_zero(*row, "skipped"));
    return text;
}

// A file is opened here and now: one that can't be read is told before anything is made or begun.
Result<RestoreWishes::Source> kind_of(const std::string& source) {
    struct stat status {};
    if (stat(source.c_str(), &status) != 0) {
        if (errno == ENOENT) return RestoreWishes::Source::backup;
        return fail(posix_error("can't read " + source, errno));
    }
    if (S_ISDIR(status.st_mode)) return RestoreWishes::Source::backup;
    if (!S_ISREG(status.st_mode))
        return fail(ErrorCode::invalid_argument, "{} is not a regular file", source);
    const File file(open(source.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.is_open()) return fail(posix_error("can't read " + source, errno));
    return RestoreWishes::Source::file;
}

int run(Options& options) {
    const auto kind = kind_of(options.wishes.source);
    if (!kind) return report(kind.error());
    options.wishes.kind = *kind;
    if (*kind == RestoreWishes::Source::file && !options.dry_run)
        options.missing_data = CommonOptions::MissingData::made;
    options.wishes.mode = options.exact ? RestoreWishes::Mode::exact : RestoreWishes::Mode::overlay;
    options.wishes.history =
        options.history == "exact" ? RestoreWishes::History::exact : RestoreWishes::History::fresh;
    options.wishes.run = options.dry_run ? RestoreWishes::Run::dry : RestoreWishes::Run::real;
    const auto operations = options.operations();
    if (!operations) return report(operations.error());
    const Result<json::object> ended = [&] {
        ProgressDisplay display("restore");
        return (*operations)->restore(options.wishes, display.watcher());
    }();
    if (!ended) return report(ended.error());

    if (options.dry_run)
        return options.json ? print_json(*ended) : print_result(counts_text(*ended));

    const bool success = text_or(*ended, "status") == "success";
    if (options.json) {
        const int code = print_json(*ended);
        return success ? code : exit_operation_failed;
    }
    std::string lines;
    if (const json::array* messages = array_member(*ended, "athena_messages"))
        for (const json::value& line : *messages)
            if (line.is_string()) lines += on_one_line(line.as_string()) + "\n";
    if (success) return print_result(lines + "restored\n");
    fmt::print(stderr, "{}", lines);
    tell("the restore failed: " + text_or(*ended, "message"));
    return exit_operation_failed;
}

}  // namespace

void add_restore(CLI::App& program, Work& chosen) {
    auto* command = program.add_subcommand(
        "restore", "Restore a backup, or a file that holds a backup doc, and wait for the end");
    const auto options = std::make_shared<Options>();
    command->add_option("SOURCE", options->wishes.source, "a backup's id or a file")
        ->required()
        ->type_name("FILE");
    command->add_option("--skip-components", options->wishes.skip_components,
                        "id of a components document to leave alone; may be repeated");
    command->add_option("--skip-sessions", options->wishes.skip_sessions, "the same for sessions");
    command->add_option("--skip-system", options->wishes.skip_system, "the same for system");
    command->add_flag("--exact", options->exact,
                      "also delete documents that the backup does not hold");
    command
        ->add_option(
            "--history", options->history,
            "fresh: new revisions; exact: every leaf with its own revision id and history, "
            "into empty databases")
        ->check(CLI::IsMember({"fresh", "exact"}))
        ->capture_default_str();
    command->add_flag("--dry-run", options->dry_run, "only count what would change");
    command->add_option("--webhook", options->wishes.webhook_url, "URL that is told the result");
    options->add_data_options(*command);
    options->add_service_options(*command);
    options->add_output_options(*command);
    command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace davenport::cli
