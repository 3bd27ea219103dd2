#include "commands.hpp"
#include "common_options.hpp"
#include "davenport/base/clock.hpp"
#include "output.hpp"

namespace davenport::cli {
namespace {

// What keeps it, or keeps others from reading it; nothing of most backups.
std::string marks_of(const json::object& backup) {
    std::string marks;
    const auto add = [&](const std::string& mark) {
        marks += (marks.empty() ? "  " : ", ") + mark;
    };
    if (boolean_member(backup, "encrypted").value_or(false)) add("encrypted");
    if (const auto until = integer_member(backup, "locked_until"))
        add("locked until " + to_rfc3339(*until));
    if (boolean_member(backup, "pinned").value_or(false)) {
        const std::string reason = text_or(backup, "pin_reason");
        add(reason.empty() ? "pinned" : "pinned: " + reason);
    }
    return marks;
}

std::string line_of(const json::object& backup) {
    std::string state = text_or(backup, "state");
    if (state == "in_progress") state = "in progress";
    if (backup.contains("message")) state += ": " + text_or(backup, "message");
    std::string line = text_or(backup, "id");
    if (const auto started = integer_member(backup, "start_timestamp"))
        line += fmt::format("  {}  {:>10} documents", to_rfc3339(*started),
                            number_or_zero(backup, "doc_count"));
    return fmt::format("{}  {}{}", line, state, marks_of(backup));
}

int run(const CommonOptions& options) {
    const auto operations = options.operations();
    if (!operations) return report(operations.error());
    const auto answer = (*operations)->list();
    if (!answer) return report(answer.error());
    // A damaged backup must not hide the others: it has its line, and its exit code at the end.
    int damage = exit_success;
    const std::string lines = lines_of(*answer, "backups", [&](const json::object& backup) {
        if (text_or(backup, "state") == "damaged") damage = traits(ErrorCode::corrupt).exit_code;
        return line_of(backup);
    });
    const int printed = options.json ? print_json(*answer) : print_result(lines);
    return printed == exit_success ? damage : printed;
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
