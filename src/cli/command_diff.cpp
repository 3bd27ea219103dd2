#include "commands.hpp"
#include "common_options.hpp"
#include "output.hpp"

namespace davenport::cli {
namespace {

struct Options : CommonOptions {
    std::string before, after;
};

char sign_of(std::string_view change) {
    if (change == "added") return '+';
    if (change == "removed") return '-';
    return '~';
}

int run(const Options& options) {
    const auto operations = options.operations();
    if (!operations) return report(operations.error());
    const auto difference = (*operations)->diff(options.before, options.after);
    if (!difference) return report(difference.error());
    if (options.json) return print_json(*difference);

    std::string text = lines_of(*difference, "differences", [](const json::object& row) {
        return fmt::format("{} {}  {}", sign_of(text_or(row, "change")), text_or(row, "db"),
                           text_or(row, "id"));
    });
    if (boolean_member(*difference, "truncated").value_or(false)) text += "… and more\n";
    text +=
        fmt::format("{} added, {} changed, {} removed\n", number_or_zero(*difference, "added"),
                    number_or_zero(*difference, "changed"), number_or_zero(*difference, "removed"));
    return print_result(text);
}

}  // namespace

void add_diff(CLI::App& program, Work& chosen) {
    auto* command =
        program.add_subcommand("diff", "Tell which documents differ between two backups");
    const auto options = std::make_shared<Options>();
    command->add_option("BEFORE", options->before, "a backup")->required();
    command->add_option("AFTER", options->after, "a later one")->required();
    options->add_data_options(*command);
    options->add_service_options(*command);
    options->add_output_options(*command);
    command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace davenport::cli
