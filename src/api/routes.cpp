#include "davenport/api/routes.hpp"

#include "answers.hpp"
#include "davenport/api/auditing.hpp"
#include "davenport/api/chat_routes.hpp"
#include "davenport/api/couchdb_routes.hpp"
#include "davenport/api/descriptions.hpp"
#include "davenport/service/version.hpp"
#include "family.hpp"

#include <spdlog/spdlog.h>

namespace davenport::api {

void add_everywhere(http::Router& router, const Surroundings& surroundings, std::string_view method,
                    std::string_view pattern, http::BodyPolicy body,
                    const std::vector<std::string_view>& any_of_actions,
                    const VersionedHandler& handler) {
    static constexpr std::pair<std::string_view, Credentials> prefixes[] = {
        {"/api", Credentials::session}, {"/ak/api", Credentials::key_or_token}};
    static constexpr std::string_view versions[] = {"v1", "v2", "v3"};
    for (const auto& [prefix, credentials] : prefixes)
        for (const std::string_view version : versions)
            router.add(
                {std::string(method), fmt::format("{}/{}{}", prefix, version, pattern), body,
                 surroundings.authorization.require(credentials, any_of_actions),
                 [handler, version](http::Request& request) { return handler(request, version); }});
}

namespace {

// Made once: routes do not change while the service runs.
void add_description_route(http::Router& router) {
    const auto text = std::make_shared<std::string>();
    router.add({"GET", "/openapi.json", http::BodyPolicy::none(), {}, [text](http::Request&) {
                    return http::Response::json(200, *text);
                }});
    const auto document = describe_routes().to_json(router.routes(), product_version);
    if (document)
        *text = to_text(*document);
    else
        spdlog::error("/openapi.json: {}", document.error().message);
}

}  // namespace

void add_routes(http::Router& router, const Surroundings& surroundings) {
    audit_routes(router, surroundings);  // first: what follows is audited

    add_backup_routes(router, surroundings);
    add_restore_routes(router, surroundings);
    add_verification_routes(router, surroundings);
    add_proof_routes(router, surroundings);
    add_webhook_routes(router, surroundings);
    add_permission_routes(router, surroundings);
    add_login_routes(router, surroundings);
    add_audit_log_routes(router, surroundings);
    add_schedule_routes(router, surroundings);
    add_drill_routes(router, surroundings);
    add_chat_routes(router, surroundings);
    add_retention_routes(router, surroundings);
    add_job_routes(router, surroundings);
    add_monitoring_routes(router, surroundings);

    const config::Settings& settings = surroundings.service.settings();
    CouchdbOptions couchdb;
    couchdb.max_bulk_bytes = static_cast<std::uint64_t>(settings.http.max_bulk_bytes);
    couchdb.max_attachment_bytes = static_cast<std::uint64_t>(settings.http.max_attachment_bytes);
    couchdb.product_version = product_version;
    couchdb.instance_uuid = surroundings.service.instance_uuid();
    couchdb.control_database = service::Service::control_database;
    add_couchdb_routes(router, surroundings.service.documents(), surroundings.authorization,
                       std::move(couchdb));

    add_description_route(router);  // last: it tells of all others
}

}  // namespace davenport::api
