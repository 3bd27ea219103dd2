#pragma once

#include "davenport/api/authorization.hpp"
#include "davenport/http/router.hpp"
#include "davenport/service/service.hpp"

#include <string>

namespace davenport::api {

// What every family of routes needs. All of it must outlive the router.
struct Surroundings {
    service::Service& service;
    const Authorization& authorization;
    // scheme://host[:port] for links in answers; called per request, since a port that was picked
    // by the system is only known after the server started.
    std::function<std::string()> public_url;
};

// Everything the service answers.
void add_routes(http::Router& router, const Surroundings& surroundings);

// The families.
void add_backup_routes(http::Router& router, const Surroundings& surroundings);
void add_restore_routes(http::Router& router, const Surroundings& surroundings);
void add_verification_routes(http::Router& router, const Surroundings& surroundings);
void add_proof_routes(http::Router& router, const Surroundings& surroundings);
void add_webhook_routes(http::Router& router, const Surroundings& surroundings);
void add_permission_routes(http::Router& router, const Surroundings& surroundings);
void add_login_routes(http::Router& router, const Surroundings& surroundings);
void add_retention_routes(http::Router& router, const Surroundings& surroundings);
void add_job_routes(http::Router& router, const Surroundings& surroundings);
void add_monitoring_routes(http::Router& router, const Surroundings& surroundings);
void add_audit_log_routes(http::Router& router, const Surroundings& surroundings);
void add_schedule_routes(http::Router& router, const Surroundings& surroundings);
void add_drill_routes(http::Router& router, const Surroundings& surroundings);

}  // namespace davenport::api
