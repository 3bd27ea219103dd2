#include "commands.hpp"
#include "common_options.hpp"
#include "output.hpp"

namespace davenport::cli {

void add_public_key(CLI::App& program, Work& chosen) {
    auto* command = program.add_subcommand(
        "public-key",
        "Write the public key that backups are signed with, as PEM; earlier ones before it");
    const auto options = std::make_shared<CommonOptions>();
    options->add_data_options(*command);
    options->add_service_options(*command);
    command->callback([options, &chosen] {
        chosen = [options] {
            const auto operations = options->operations();
            if (!operations) return report(operations.error());
            const auto keys = (*operations)->public_keys();
            return keys ? print_result(*keys) : report(keys.error());
        };
    });
}

}  // namespace davenport::cli
