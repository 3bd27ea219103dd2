#include "commands.hpp"
#include "common_options.hpp"
#include "output.hpp"

namespace davenport::cli {
namespace {

struct Options : CommonOptions {
    std::vector<std::string> ids;
};

int run(const Options& options) {
    const auto operations = options.operations();
    if (!operations) return report(operations.error());
    const auto verification = (*operations)->verify(options.ids);
    if (!verification) return report(verification.error());

    const bool sound = boolean_member(*verification, "sound").value_or(false);
    const int unsound_code = sound ? exit_success : traits(ErrorCode::corrupt).exit_code;
    int code = exit_success;
    if (options.json) {
        code = print_json(*verification);
    } else {
        std::string text;
        if (const json::array* findings = array_member(*verification, "findings"))
            for (const json::value& finding : *findings)
                if (const json::object* object = finding.if_object())
                    text += fmt::format("{}  {}  {}: {}\n", text_or(*object, "backup", "-"),
                                        text_or(*object, "db", "-"), text_or(*object, "object"),
                                        text_or(*object, "message"));
        text += fmt::format("{}: {} backups, {} segments, {} attachments, {:.1f} MB read\n",
                            sound ? "sound" : "NOT SOUND", number_or_zero(*verification, "backups"),
                            number_or_zero(*verification, "segments"),
                            number_or_zero(*verification, "attachments"),
                            static_cast<double>(number_or_zero(*verification, "bytes")) / 1e6);
        if (const auto sealed = number_or_zero(*verification, "undecrypted"); sealed != 0)
            text += fmt::format(
                "{} encrypted objects: their stored bytes were checked, their contents were not "
                "decrypted, because the key is not here\n",
                sealed);
        code = print_result(text);
    }
    return unsound_code != exit_success ? unsound_code : code;
}

}  // namespace

void add_verify(CLI::App& program, Work& chosen) {
    auto* command = program.add_subcommand(
        "verify",
        "Re-read backups and check every hash; exit code 9 when something is not as written");
    const auto options = std::make_shared<Options>();
    command->add_option("ID", options->ids, "the backups (default: all, and their chain)");
    options->add_data_options(*command);
    options->add_service_options(*command);
    options->add_output_options(*command);
    command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace davenport::cli
