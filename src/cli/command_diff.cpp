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

    std::string text;
    if (const json::array* rows = array_member(*difference, "differences"))
        for (const json::value& row : *rows)
            if (const json::object* object = row.if_object())
                text += fmt::format("{} {}  {}\n", sign_of(text_or(*object, "change")),
                                    text_or(*object, "db"), text_or(*object, "id"));
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
