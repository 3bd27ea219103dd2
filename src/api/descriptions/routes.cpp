#include "davenport/api/descriptions.hpp"

namespace davenport::api {

openapi::Document describe_routes() {
    openapi::Document document;
    describe_backups(document);
    describe_webhooks(document);
    describe_jobs(document);
    describe_retention(document);
    describe_audit(document);
    describe_schedules(document);
    describe_drills(document);
    describe_access(document);
    describe_monitoring(document);
    describe_chat(document);
    describe_couchdb(document);
    return document;
}

}  // namespace davenport::api
