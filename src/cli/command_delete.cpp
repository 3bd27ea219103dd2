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
    // One that must stay is no reason to keep the others.
    json::array deleted, refused;
    int code = exit_success;
    std::string lines;
    for (const std::string& id : options.ids) {
        if (const auto removed = (*operations)->remove_backup(id); removed) {
            deleted.emplace_back(id);
            lines += fmt::format("{}  deleted\n", id);
        } else {
            const Error& error = removed.error();
            tell(fmt::format("{} is not deleted: {}", id, error.message));
            refused.push_back(json::object{
                {"id", id}, {"error", traits(error.code).name}, {"message", error.message}});
            if (code == exit_success) code = traits(error.code).exit_code;
        }
    }
    const int printed =
        options.json
            ? print_json({{"deleted", std::move(deleted)}, {"refused", std::move(refused)}})
            : print_result(lines);
    return code != exit_success ? code : printed;
}

}  // namespace

void add_delete(CLI::App& program, Work& chosen) {
    auto* command = program.add_subcommand(
        "delete", "Delete backups, except those that are pinned, locked or in use");
    const auto options = std::make_shared<Options>();
    command->add_option("ID", options->ids, "the backups")->required();
    options->add_data_options(*command);
    options->add_service_options(*command);
    options->add_output_options(*command);
    command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace davenport::cli
