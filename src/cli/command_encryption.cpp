#include "commands.hpp"
#include "common_options.hpp"
#include "davenport/base/file.hpp"
#include "davenport/service/encryption.hpp"
#include "davenport/service/local_audit.hpp"
#include "davenport/service/service.hpp"
#include "output.hpp"

#include <algorithm>
#include <filesystem>

namespace davenport::cli {
namespace {

struct Options : CommonOptions {
    std::string file;
    bool recipient = false;
};

Result<json::object> generate(const Options& options) {
    // Never over another file: it may hold the only key to somebody's backups.
    if (!options.recipient) {
        const crypto::Secret key = crypto::Secret::random();
        const std::string id = vault::key_id(key);
        DAVENPORT_TRY(create_file(
            options.file, fmt::format("# Davenport master key {}\n{}\n", id, vault::to_text(key))));
        return json::object{{"id", id}, {"file", options.file}};
    }
    const crypto::Identity identity = crypto::Identity::generate();
    const std::string recipient = vault::to_text(identity.public_key());
    const std::string id = vault::key_id(identity.public_key());
    DAVENPORT_TRY(create_file(options.file, fmt::format("# Davenport identity {}\n# {}\n{}\n", id,
                                                        recipient, vault::to_text(identity))));
    return json::object{{"id", id}, {"file", options.file}, {"recipient", recipient}};
}

int run_generate(const Options& options) {
    const auto made = generate(options);
    if (!made) return report(made.error());
    if (options.json) return print_json(*made);
    // The public key alone on stdout, to be put into a configuration.
    if (options.recipient) return print_result(text_or(*made, "recipient") + "\n");
    return print_result(text_or(*made, "id") + "\n");
}

json::array to_json(const std::vector<std::string>& ids) {
    json::array array;
    for (const std::string& id : ids) array.emplace_back(id);
    return array;
}

Result<json::object> status(const Options& options) {
    DAVENPORT_ASSIGN(const config::Settings settings, options.settings());
    const SystemClock clock;
    DAVENPORT_ASSIGN(const auto vault, service::open_vault(settings, clock));
    const vault::Keys& keys = vault->keys();
    DAVENPORT_ASSIGN(const auto vault_keys, keys.list());
    const std::vector<std::string> closing = keys.ring().closing_ids();
    std::uint64_t to_rotate = 0, locked = 0;
    json::array rows;
    for (const vault::Keys::VaultKey& key : vault_keys) {
        const bool opens = std::any_of(key.opened_by.begin(), key.opened_by.end(),
                                       [&](const auto& id) { return keys.ring().opens(id); });
        to_rotate += !keys.encrypts() || key.opened_by == closing ? 0 : 1;
        locked += opens ? 0 : 1;
        rows.push_back(json::object{{"id", key.id},
                                    {"opened_by", to_json(key.opened_by)},
                                    {"modified_ms", key.modified_ms},
                                    {"opens_here", opens}});
    }
    return json::object{{"encrypts", keys.encrypts()},
                        {"encrypts_for", to_json(closing)},
                        {"keys", std::move(rows)},
                        {"locked", locked},
                        {"to_rotate", to_rotate}};
}

int run_status(const Options& options) {
    const auto found = status(options);
    if (!found) return report(found.error());
    if (options.json) return print_json(*found);
    std::string text;
    if (const json::array* ids = array_member(*found, "encrypts_for"))
        for (const json::value& id : *ids)
            text += fmt::format("new backups are encrypted for {}\n",
                                std::string_view(id.as_string().data(), id.as_string().size()));
    if (text.empty()) text = "new backups are not encrypted\n";
    if (const json::array* keys = array_member(*found, "keys"))
        for (const json::value& key : *keys) {
            const json::object& object = key.as_object();
            text += fmt::format(
                "{}  {}  ", text_or(object, "id"),
                boolean_member(object, "opens_here").value_or(false) ? "opens here" : "locked    ");
            if (const json::array* ids = array_member(object, "opened_by"))
                for (const json::value& id : *ids)
                    text += fmt::format(
                        " {}", std::string_view(id.as_string().data(), id.as_string().size()));
            text += '\n';
        }
    const std::uint64_t locked = number_or_zero(*found, "locked");
    text += fmt::format("{} keys can't be opened here, ", locked);
    if (!boolean_member(*found, "encrypts").value_or(false))
        text += "and no key is configured to rotate to\n";
    else
        text += fmt::format("{} are to be rotated{}\n", number_or_zero(*found, "to_rotate"),
                            locked == 0 ? "" : ", which takes all of their keys");
    return print_result(text);
}

Result<std::uint64_t> rotate(const config::Settings& settings) {
    // A copy of the vault, brought to where the private keys are, has no audit log.
    std::error_code unreadable;  // is for whoever opens it to explain
    if (!std::filesystem::exists(settings.data.directory + "/place", unreadable)) {
        const SystemClock clock;
        DAVENPORT_ASSIGN(const auto vault, service::open_vault(settings, clock));
        return vault->keys().rotate();
    }
    DAVENPORT_ASSIGN(const auto service,
                     service::Service::open(settings, service::Service::Background::leave));
    return service::recorded(
        service->audit(), service::command_line_event("encryption.rotate"),
        [&] { return service->rotate_keys(); },
        [](std::uint64_t rewrapped, audit::Event& event) {
            event.details.emplace_back("rewrapped", std::to_string(rewrapped));
        });
}

int run_rotate(const Options& options) {
    const auto settings = options.settings();
    if (!settings) return report(settings.error());
    const auto changed = rotate(*settings);
    if (!changed) return report(changed.error());
    if (options.json) return print_json(json::object{{"rewrapped", *changed}});
    return print_result(fmt::format("{} keys were rewrapped\n", *changed));
}

template <class Run>
CLI::App* add(CLI::App& parent, const char* name, const char* what, Work& chosen,
              const std::shared_ptr<Options>& options, Run run) {
    auto* command = parent.add_subcommand(name, what);
    options->add_output_options(*command);
    command->callback(
        [options, run, &chosen] { chosen = [options, run] { return run(*options); }; });
    return command;
}

}  // namespace

void add_encryption(CLI::App& program, Work& chosen) {
    auto* command = program.add_subcommand("encryption", "Keys that encrypt the vault");
    command->require_subcommand(1);
    const auto made = std::make_shared<Options>();
    auto* generate = add(*command, "generate", "Make a key and write it to a new file", chosen,
                         made, run_generate);
    generate->add_option("FILE", made->file, "where to; it must not exist")
        ->required()
        ->type_name("FILE");
    generate->add_flag("--recipient", made->recipient,
                       "a pair: the private key into the file, the public key to stdout");
    const auto shown = std::make_shared<Options>();
    shown->add_data_options(
        *add(*command, "status", "Show which keys open the vault", chosen, shown, run_status));
    const auto rotated = std::make_shared<Options>();
    rotated->add_data_options(*add(*command, "rotate",
                                   "Wrap the vault's keys for the configured keys alone", chosen,
                                   rotated, run_rotate));
}

}  // namespace davenport::cli
