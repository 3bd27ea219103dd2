#include "davenport/api/descriptions.hpp"

namespace davenport::api {
namespace {

using namespace openapi;

const Answer in_the_way{400, "Something runs that excludes it; `id` says what",
                        R"({"type":"object","properties":{"statusCode":{"const":400},
    "message":{"const":"already_in_progress"},"id":{"type":"string"},
    "url":{"type":"string"}}})"};
const Answer schedule_answer{200, "The schedule", R"({"$ref":"#/components/schemas/Schedule"})"};

constexpr const char* schedule_schema = R"({"type":"object","properties":{
    "id":{"type":"string"},"kind":{"enum":["backup","drill","prune"]},
    "state":{"enum":["active","paused","done"]},
    "cron":{"type":"string"},"at":{"type":"string"},"zone":{"type":"string"},
    "random_delay_secs":{"type":"integer"},"parameters":{"type":"object"},
    "ts_created":{"type":"integer"},"ts_next_run":{"type":["integer","null"]},
    "waits":{"type":"string","description":"What a run that is due waits for"},
    "last_run":{"type":["object","null"],"properties":{"ts_due":{"type":"integer"},
        "ts_started":{"type":"integer"},"job":{"type":"string"},
        "outcome":{"enum":["running","succeeded","failed","skipped","not_started","unknown"]},
        "message":{"type":"string"}}}}})";

constexpr const char* new_schedule = R"({"type":"object","required":["kind"],"properties":{
    "kind":{"enum":["backup","drill","prune"]},
    "cron":{"type":"string","description":"five fields of crontab(5), or @daily and the like"},
    "at":{"type":"string","format":"date-time","description":"one time, instead of cron"},
    "zone":{"type":"string","default":"UTC"},
    "random_delay_secs":{"type":"integer","minimum":0,"maximum":86400},
    "parameters":{"type":"object","description":"of the kind"}}})";

constexpr const char* report_schema = R"({"type":"object","properties":{
    "format":{"const":"davenport-drill-report"},"version":{"const":1},
    "verdict":{"enum":["recoverable","not_recoverable"]},
    "reasons":{"type":"array","items":{"type":"string"}},
    "id":{"type":"string"},"backup_id":{"type":"string"},
    "restore_ms":{"type":"integer"},"total_ms":{"type":"integer"},
    "recovery_point":{"type":"object"},"databases":{"type":"array"},
    "difference_count":{"type":"integer"},"differences":{"type":"array"},
    "signature":{"type":"string"},"checksum":{"type":"string"},
    "in_progress":{"type":"boolean","description":"while it runs; then there is no verdict"}}})";

}  // namespace

void describe_schedules(Document& document) {
    document.family("Schedules", "Backups, drills and prunes that come by themselves.");
    document.schema("Schedule", schedule_schema);
    document.add_everywhere(
        {.method = "GET",
         .pattern = "/schedules",
         .summary = "All schedules, newest first",
         .answers = {{200, "The schedules", R"({"type":"object","properties":{"schedules":{
             "type":"array","items":{"$ref":"#/components/schemas/Schedule"}}}})"}}});
    document.add_everywhere(
        {.method = "POST",
         .pattern = "/schedules",
         .summary = "Makes a schedule",
         .body = Body{"When, and what", new_schedule},
         .answers = {{201, "The schedule", R"({"$ref":"#/components/schemas/Schedule"})"},
                     bad_request}});
    document.add_everywhere({.method = "GET",
                             .pattern = "/schedules/:id",
                             .summary = "A schedule, with its last run and what became of it",
                             .answers = {schedule_answer, not_found}});
    document.add_everywhere(
        {.method = "DELETE",
         .pattern = "/schedules/:id",
         .summary = "Removes a schedule",
         .answers = {{200, "It is gone", R"({"type":"object","properties":{
             "message":{"const":"ok"},"id":{"type":"string"}}})"},
                     not_found,
                     {409, "The settings want it", R"({"$ref":"#/components/schemas/Error"})"}}});
    for (const auto& [verb, summary] :
         {std::pair("pause", "Lets a schedule rest"),
          std::pair("resume", "Lets a schedule go on with its next time")})
        document.add_everywhere({.method = "POST",
                                 .pattern = fmt::format("/schedules/:id/{}", verb),
                                 .summary = summary,
                                 .answers = {schedule_answer, bad_request, not_found}});
    document.add_everywhere({.method = "POST",
                             .pattern = "/schedules/:id/run",
                             .summary = "Runs it now, apart from its times",
                             .answers = {{202, "It has begun", R"({"type":"object","properties":{
                                 "message":{"const":"in-progress"},"job":{"type":"string"}}})"},
                                         in_the_way,
                                         not_found}});
}

void describe_drills(Document& document) {
    document.family("Drills", "Restores into scratch databases that prove a backup good.");
    document.add_everywhere(
        {.method = "POST",
         .pattern = "/drills",
         .summary = "Starts a drill",
         .body = Body{"Of which backup, and where", R"({"type":"object","required":["backup_id"],
             "properties":{"backup_id":{"type":"string","description":"an id, or latest"},
             "target":{"enum":["embedded","couchdb"]},
             "client_webhook_url":{"type":"string","format":"uri"}}})"},
         .answers = {{202, "It has begun", R"({"type":"object","properties":{
             "message":{"const":"in-progress"},"id":{"type":"string"},
             "url":{"type":"string"}}})"},
                     in_the_way,
                     not_found}});
    document.add_everywhere(
        {.method = "GET",
         .pattern = "/drills",
         .summary = "All drills that are known, newest first",
         .answers = {{200, "The drills", R"({"type":"object","properties":{"drills":{"type":"array",
             "items":{"type":"object","properties":{"id":{"type":"string"},
             "backup_id":{"type":"string"},"verdict":{"type":"string"},
             "in_progress":{"type":"boolean"},"ts_finished":{"type":"integer"}}}}}})"}}});
    document.add_everywhere(
        {.method = "GET",
         .pattern = "/drills/:id",
         .summary = "A drill's signed report, byte for byte, or its progress",
         .answers = {{200, "The report, or the progress", report_schema}, not_found}});
}

}  // namespace davenport::api
