#pragma once

#include "davenport/api/openapi.hpp"

namespace davenport::api {

// What every route of add_routes is for; see openapi.hpp for how to describe a new family.
openapi::Document describe_routes();

// The families.
void describe_backups(openapi::Document& document);  // restores and verification, too
void describe_webhooks(openapi::Document& document);
void describe_access(openapi::Document& document);
void describe_monitoring(openapi::Document& document);
void describe_jobs(openapi::Document& document);
void describe_retention(openapi::Document& document);
void describe_audit(openapi::Document& document);
void describe_schedules(openapi::Document& document);
void describe_drills(openapi::Document& document);
void describe_chat(openapi::Document& document);
void describe_couchdb(openapi::Document& document);

}  // namespace davenport::api
