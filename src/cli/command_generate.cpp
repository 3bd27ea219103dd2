#include "commands.hpp"
#include "completions.hpp"
#include "davenport/config/settings.hpp"
#include "man_page.hpp"
#include "output.hpp"

namespace davenport::cli {
namespace {

struct Options {
    std::string what, data_directory;
};

std::string generate(const CLI::App& program, const Options& options) {
    if (options.what == "man") return man_page(command_tree(program));
    if (options.what == "man-settings") return settings_man_page(config::setting_table());
    if (options.what == "bash") return bash_completion(command_tree(program));
    if (options.what == "zsh") return zsh_completion(command_tree(program));
    if (options.what == "fish") return fish_completion(command_tree(program));
    return config::example_file(options.data_directory);
}

}  // namespace

void add_generate(CLI::App& program, Work& chosen) {
    auto* command = program.add_subcommand(
        "generate",
        "Write a configuration file with every default, a manual page or a shell's completions");
    const auto options = std::make_shared<Options>();
    command->add_option("WHAT", options->what, "what to write to stdout")
        ->required()
        ->check(CLI::IsMember({"configuration", "man", "man-settings", "bash", "zsh", "fish"}));
    command
        ->add_option("--data", options->data_directory,
                     "data directory that the configuration file names")
        ->type_name("DIR");
    command->callback([options, &program, &chosen] {
        chosen = [options, &program] { return print_result(generate(program, *options)); };
    });
}

}  // namespace davenport::cli
