#include "commands.hpp"
#include "common_options.hpp"
#include "davenport/base/file.hpp"
#include "output.hpp"

namespace davenport::cli {
namespace {

struct Options : CommonOptions {
    std::string backup, database, document, out;
};

int run(const Options& options) {
    const auto operations = options.operations();
    if (!operations) return report(operations.error());
    const auto proof = (*operations)->prove(options.backup, options.database, options.document);
    if (!proof) return report(proof.error());
    if (options.out.empty()) return print_result(*proof);
    // It shows documents, maybe of an encrypted vault.
    const auto written = replace_file(options.out, *proof);
    return written ? exit_success : report(written.error());
}

}  // namespace

void add_prove(CLI::App& program, Work& chosen) {
    auto* command = program.add_subcommand(
        "prove", "Write a proof that a document was in a backup, or that it was not");
    const auto options = std::make_shared<Options>();
    command->add_option("BACKUP", options->backup, "the backup")->required();
    command->add_option("DB", options->database, "the database's name")->required();
    command->add_option("DOC", options->document, "the document's id")->required();
    command->add_option("--out", options->out, "file to write (default: stdout)")
        ->type_name("FILE");
    options->add_data_options(*command);
    options->add_service_options(*command);
    command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace davenport::cli
