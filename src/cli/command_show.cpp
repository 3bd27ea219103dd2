#include "commands.hpp"
#include "common_options.hpp"
#include "output.hpp"

namespace davenport::cli {
namespace {

struct Options : CommonOptions {
    std::string id;
    bool envelope_only = false;
};

int run(const Options& options) {
    const auto operations = options.operations();
    if (!operations) return report(operations.error());
    if (options.envelope_only) {
        const auto envelope = (*operations)->envelope(options.id);
        return envelope ? print_json(*envelope) : report(envelope.error());
    }
    const auto shown = (*operations)->show(options.id, [](std::string_view text) -> Result<> {
        if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size())
            return fail(ErrorCode::io, "the backup doc could not be written to stdout");
        return {};
    });
    if (!shown) return report(shown.error());
    return print_result("\n");
}

}  // namespace

void add_show(CLI::App& program, Work& chosen) {
    auto* command = program.add_subcommand(
        "show", "Write a backup doc to stdout; `restore` takes it as a file");
    const auto options = std::make_shared<Options>();
    command->add_option("ID", options->id, "the backup")->required();
    command->add_flag("--no-docs", options->envelope_only, "without documents and attachments");
    options->add_data_options(*command);
    options->add_service_options(*command);
    options->add_output_options(*command);
    command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace davenport::cli
