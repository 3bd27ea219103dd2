#include "commands.hpp"
#include "common_options.hpp"
#include "davenport/base/clock.hpp"
#include "davenport/service/local_audit.hpp"
#include "davenport/service/service.hpp"
#include "output.hpp"

namespace davenport::cli {
namespace {

struct Options : CommonOptions {
    std::vector<std::string> roles;
    std::string description;
    std::string key;  // to be deleted
};

Result<json::object> create_key(const Options& options) {
    DAVENPORT_ASSIGN(const config::Settings settings, options.settings());
    DAVENPORT_ASSIGN(const auto service,
                     service::Service::open(settings, service::Service::Background::leave));
    DAVENPORT_ASSIGN(
        const rbac::NewKey key,
        service::recorded(
            service->audit(), service::command_line_event("key.create"),
            [&] { return service->access().create_key(options.roles, options.description); },
            [](const rbac::NewKey& made, audit::Event& event) {
                event.target = made.info.api_key;
                event.details.emplace_back("roles",
                                           fmt::format("{}", fmt::join(made.info.roles, ",")));
            }));
    json::array roles;
    for (const std::string& role : key.info.roles) roles.emplace_back(role);
    return json::object{
        {"api_key", key.info.api_key}, {"api_secret", key.api_secret}, {"roles", std::move(roles)}};
}

std::string line_of(const json::object& key) {
    std::string roles;
    if (const json::array* array = array_member(key, "roles"))
        for (const json::value& role : *array)
            if (role.is_string())
                roles += (roles.empty() ? "" : ",") + std::string(role.as_string());
    std::string line =
        fmt::format("{}  {}  {}", text_or(key, "api_key"),
                    to_rfc3339(integer_member(key, "ts_created").value_or(0)), roles);
    if (const std::string what = text_or(key, "description"); !what.empty()) line += "  " + what;
    return line;
}

int list(const Options& options) {
    const auto operations = options.operations();
    if (!operations) return report(operations.error());
    const auto answer = (*operations)->keys();
    if (!answer) return report(answer.error());
    return options.json ? print_json(*answer) : print_result(lines_of(*answer, "keys", line_of));
}

int remove(const Options& options) {
    const auto operations = options.operations();
    if (!operations) return report(operations.error());
    const auto removed = (*operations)->remove_key(options.key);
    if (!removed) return report(removed.error());
    return options.json ? print_json({{"api_key", options.key}, {"deleted", true}})
                        : print_result(fmt::format("{}  deleted\n", options.key));
}

CLI::App* add(CLI::App& parent, Work& chosen, const std::shared_ptr<Options>& options,
              const char* name, const char* description, int (*run)(const Options&)) {
    auto* command = parent.add_subcommand(name, description);
    options->add_data_options(*command);
    options->add_service_options(*command);
    options->add_output_options(*command);
    command->callback(
        [options, run, &chosen] { chosen = [options, run] { return run(*options); }; });
    return command;
}

}  // namespace

void add_keys(CLI::App& program, Work& chosen) {
    auto* keys = program.add_subcommand("keys", "API keys");
    keys->require_subcommand(1);
    auto* create = keys->add_subcommand("create", "Make an API key and print it, once");
    const auto options = std::make_shared<Options>();
    options->missing_data = CommonOptions::MissingData::made;
    create
        ->add_option("--role", options->roles,
                     "manager, writer, reader or auditor; may be repeated")
        ->required();
    create->add_option("--description", options->description, "what the key is for");
    options->add_data_options(*create);
    create->callback([options, &chosen] {
        chosen = [options] {
            const auto key = create_key(*options);
            return key ? print_json(*key) : report(key.error());
        };
    });
    add(*keys, chosen, std::make_shared<Options>(), "list", "List the API keys, without secrets",
        list);
    const auto doomed = std::make_shared<Options>();
    add(*keys, chosen, doomed, "delete", "Delete an API key with its tokens and sessions", remove)
        ->add_option("KEY", doomed->key, "the key, without its secret")
        ->required();
}

}  // namespace davenport::cli
