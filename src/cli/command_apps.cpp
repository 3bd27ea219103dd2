#include "commands.hpp"
#include "common_options.hpp"
#include "davenport/service/local_audit.hpp"
#include "davenport/service/service.hpp"
#include "output.hpp"

namespace davenport::cli {
namespace {

struct Options : CommonOptions {
    std::string id, webhook_url;
};

using Action = Result<json::object> (*)(service::Service& service, const Options& options);

json::object to_json(const chat::Application& application) {
    return {{"app_id", application.id},
            {"webhook_url", application.webhook_url},
            {"database", application.database()},
            {"created", to_rfc3339(application.created_ms)}};
}

Result<json::object> create(service::Service& service, const Options& options) {
    DAVENPORT_ASSIGN(
        const auto created,
        service::recorded(
            service.audit(), service::command_line_event("app.create", options.id),
            [&] { return service.create_application(options.id, options.webhook_url); },
            [](const auto&, audit::Event&) {}));
    return json::object{{"app_id", created.application.id}, {"secret", created.secret}};
}

Result<json::object> list(service::Service& service, const Options&) {
    DAVENPORT_ASSIGN(const auto applications, service.applications().list());
    json::array array;
    for (const chat::Application& application : applications) array.push_back(to_json(application));
    return json::object{{"apps", std::move(array)}};
}

Result<json::object> rotate_secret(service::Service& service, const Options& options) {
    DAVENPORT_ASSIGN(
        const std::string secret,
        service::recorded(
            service.audit(), service::command_line_event("app.rotate_secret", options.id),
            [&] { return service.applications().rotate_secret(options.id); },
            [](const auto&, audit::Event&) {}));
    return json::object{{"app_id", options.id}, {"secret", secret}};
}

Result<json::object> set_webhook(service::Service& service, const Options& options) {
    DAVENPORT_TRY(service::recorded(
        service.audit(), service::command_line_event("app.set_webhook", options.id),
        [&] { return service.set_application_webhook(options.id, options.webhook_url); }));
    return json::object{{"app_id", options.id}, {"webhook_url", options.webhook_url}};
}

Result<json::object> remove(service::Service& service, const Options& options) {
    DAVENPORT_TRY(service::recorded(service.audit(),
                                    service::command_line_event("app.delete", options.id),
                                    [&] { return service.remove_application(options.id); }));
    return json::object{{"app_id", options.id}, {"deleted", true}};
}

int run(const Options& options, Action action) {
    const auto settings = options.settings();
    if (!settings) return report(settings.error());
    const auto service = service::Service::open(*settings, service::Service::Background::leave);
    if (!service) return report(service.error());
    const auto done = action(**service, options);
    return done ? print_json(*done) : report(done.error());
}

}  // namespace

void add_apps(CLI::App& program, Work& chosen) {
    auto* apps = program.add_subcommand("apps", "Chat applications");
    apps->require_subcommand(1);
    const auto add = [&](const char* name, const char* description, Action action, bool names_one,
                         bool needs_webhook) {
        auto* command = apps->add_subcommand(name, description);
        const auto options = std::make_shared<Options>();
        if (action == create) options->missing_data = CommonOptions::MissingData::made;
        if (names_one)
            command->add_option("--app-id", options->id, "the application's id")->required();
        if (action == create || needs_webhook) {
            auto* option =
                command->add_option("--webhook-url", options->webhook_url,
                                    "where comments are posted to as they come; empty for nowhere");
            if (needs_webhook) option->required();
        }
        options->add_data_options(*command);
        command->callback([options, action, &chosen] {
            chosen = [options, action] { return run(*options, action); };
        });
    };
    add("create", "Register an application and print its secret, once", create, true, false);
    add("list", "List the applications", list, false, false);
    add("rotate-secret", "Replace an application's secret and print the new one, once",
        rotate_secret, true, false);
    add("set-webhook", "Change where an application's comments are posted to", set_webhook, true,
        true);
    add("delete", "Delete an application with its users, rooms, comments and exports", remove, true,
        false);
}

}  // namespace davenport::cli
