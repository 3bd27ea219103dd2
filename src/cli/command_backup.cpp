#include "commands.hpp"
#include "common_options.hpp"
#include "output.hpp"
#include "progress_display.hpp"

namespace davenport::cli {
namespace {

int run(const CommonOptions& options) {
    const auto operations = options.operations();
    if (!operations) return report(operations.error());
    Result<json::object> backup = [&] {
        ProgressDisplay display("backup");
        return (*operations)->back_up(display.watcher());
    }();
    if (!backup) return report(backup.error());

    const bool failed = backup->contains("error");
    if (options.json) {
        const int code = print_json(*backup);
        return failed ? exit_operation_failed : code;
    }
    if (failed) {
        tell(fmt::format("{} failed: {}", text_or(*backup, "id"), text_or(*backup, "error")));
        return exit_operation_failed;
    }
    return print_result(fmt::format("{}  complete, {} documents in {}\n", text_or(*backup, "id"),
                                    number_or_zero(*backup, "doc_count"),
                                    text_or(*backup, "elapsed")));
}

}  // namespace

void add_backup(CLI::App& program, Work& chosen) {
    auto* command = program.add_subcommand("backup", "Back up the databases and wait for the end");
    const auto options = std::make_shared<CommonOptions>();
    // Embedded databases that are not there have nothing to be backed up.
    options->missing_data = CommonOptions::MissingData::made_for_couchdb;
    options->add_data_options(*command);
    options->add_service_options(*command);
    options->add_output_options(*command);
    command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace davenport::cli
