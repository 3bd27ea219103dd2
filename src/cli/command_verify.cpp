#include "commands.hpp"
#include "common_options.hpp"
#include "davenport/service/reports.hpp"
#include "davenport/vault/offline.hpp"
#include "output.hpp"

namespace davenport::cli {
namespace {

struct Options : CommonOptions {
    std::vector<std::string> ids;
    std::string offline, public_key, head;
    bool head_given = false;  // an empty one is a mistake, not the wish to go without
};

Result<json::object> verify(const Options& options) {
    if (options.offline.empty()) {
        DAVENPORT_ASSIGN(const auto operations, options.operations());
        return operations->verify(options.ids);
    }
    std::optional<vault::Head> head;
    if (options.head_given) {
        auto parsed = vault::Head::parse(options.head);
        if (!parsed) return fail(parsed.error().code, "--head: {}", parsed.error().message);
        head = std::move(*parsed);
    }
    DAVENPORT_ASSIGN(const auto keys, VerifyingKey::load_all(options.public_key));
    DAVENPORT_ASSIGN(const auto found, vault::verify_offline(options.offline, keys, head));
    return service::to_json(found);
}

// A line of ids, where there are any.
std::string ids_text(const json::object& verification, const char* member, std::string_view what) {
    const json::array* ids = array_member(verification, member);
    if (!ids || ids->empty()) return {};
    std::string text(what);
    for (const json::value& id : *ids)
        if (id.is_string()) text += fmt::format(" {}", std::string_view(id.as_string()));
    return on_one_line(text) + '\n';
}

// What the chain says of itself; of single backups on a service nothing.
std::string chain_text(const json::object& verification) {
    std::string text;
    const json::object* head = object_member(verification, "head");
    if (!head || text_or(*head, "id").empty()) return text;
    text += ids_text(verification, "removal_begun", "removal begun, and the backup is there:");
    if (const auto appended = number_or_zero(verification, "appended"); appended > 0)
        text +=
            fmt::format("{} attachments appended by users, which no signature covers\n", appended);
    return text + fmt::format("newest: {}:{}\n", text_or(*head, "id"), text_or(*head, "sha256"));
}

int run(const Options& options) {
    const auto verification = verify(options);
    if (!verification) return report(verification.error());

    const bool sound = boolean_member(*verification, "sound").value_or(false);
    const int unsound_code = sound ? exit_success : traits(ErrorCode::corrupt).exit_code;
    int code = exit_success;
    if (options.json) {
        code = print_json(*verification);
    } else {
        std::string text = lines_of(*verification, "findings", [](const json::object& finding) {
            return fmt::format("{}  {}  {}: {}", text_or(finding, "backup", "-"),
                               text_or(finding, "db", "-"), text_or(finding, "object"),
                               text_or(finding, "message"));
        });
        text += chain_text(*verification);
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
    auto* offline =
        command
            ->add_option("--offline", options->offline,
                         "check the vault in this directory (a vault's or a data directory) with "
                         "the public key alone: no service, no databases, no configuration, "
                         "nothing written")
            ->type_name("DIR")
            ->check([](const std::string& value) {
                return value.empty() ? std::string("no directory is named") : std::string();
            });
    auto* public_key =
        command
            ->add_option("--public-key", options->public_key,
                         "PEM file with the key of `davenport public-key`; of several blocks the "
                         "oldest first")
            ->type_name("FILE");
    auto* head =
        command
            ->add_option("--head", options->head,
                         "ID:SHA256 of a backup that must be there, as verify once told its newest "
                         "(the whole line \"newest: ID:SHA256\" will do)")
            ->needs(offline);
    offline->needs(public_key);
    public_key->needs(offline);
    options->add_data_options(*command);
    options->add_service_options(*command);
    for (const char* other :
         {"ID", "--config", "--data", "--couchdb", "--url", "--key", "--ca-file"})
        offline->excludes(command->get_option(other));
    options->add_output_options(*command);
    command->callback([options, head, &chosen] {
        options->head_given = head->count() > 0;
        chosen = [options] { return run(*options); };
    });
}

}  // namespace davenport::cli
