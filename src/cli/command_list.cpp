#include "commands.hpp"
#include "common_options.hpp"
#include "davenport/base/clock.hpp"
#include "output.hpp"

namespace davenport::cli {
namespace {

std::string line_of(const json::object& backup) {
    std::string state = "complete";
    if (boolean_member(backup, "in_progress").value_or(false)) state = "in progress";
    if (backup.contains("error")) state = "failed: " + text_or(backup, "error");
    return fmt::format("{}  {}  {:>10} documents  {}\n", text_or(backup, "id"),
                       to_rfc3339(integer_member(backup, "start_timestamp").value_or(0)),
                       number_or_zero(backup, "doc_count"), state);
}

int run(const CommonOptions& options) {
    const auto operations = options.operations();
    if (!operations) return report(operations.error());
    const auto ids = (*operations)->list();
    if (!ids) return report(ids.error());
    if (options.json) {
        json::array array;
        for (const std::string& id : *ids) array.emplace_back(id);
        return print_json({{"ids", std::move(array)}});
    }
    // A damaged backup must not hide the others: it has its line, and its exit code at the end.
    std::string lines;
    std::optional<Error> damage;
    for (const std::string& id : *ids) {
        const auto backup = (*operations)->envelope(id);
        if (backup) {
            lines += line_of(*backup);
        } else if (backup.error().code == ErrorCode::corrupt) {
            lines += fmt::format("{}  damaged: {}\n", id, backup.error().message);
            damage = backup.error();
        } else if (backup.error().code != ErrorCode::not_found) {  // removed since it was listed
            return report(backup.error());
        }
    }
    const int printed = print_result(lines);
    return printed == exit_success && damage ? traits(damage->code).exit_code : printed;
}

}  // namespace

void add_list(CLI::App& program, Work& chosen) {
    auto* command = program.add_subcommand("list", "List the backups, oldest first");
    const auto options = std::make_shared<CommonOptions>();
    options->add_data_options(*command);
    options->add_service_options(*command);
    options->add_output_options(*command);
    command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace davenport::cli
