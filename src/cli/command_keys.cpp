#include "commands.hpp"
#include "common_options.hpp"
#include "davenport/service/local_audit.hpp"
#include "davenport/service/service.hpp"
#include "output.hpp"

namespace davenport::cli {
namespace {

struct Options : CommonOptions {
    std::vector<std::string> roles;
    std::string description;
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
}

}  // namespace davenport::cli
