#include "answers.hpp"
#include "davenport/api/descriptions.hpp"
#include "davenport/service/reports.hpp"
#include "family.hpp"

namespace davenport::api {
namespace {

constexpr std::uint64_t usual_jobs = 100;
constexpr std::uint64_t most_jobs = 1000;

http::Response list(service::Service& service, const http::Request& request) {
    const auto parameters = query_parameters(request, {"limit", "kind"});
    if (!parameters) return message_answer(400, parameters.error().message);
    Result<std::uint64_t> limit = usual_jobs;
    if (const auto given = parameters->find("limit"); given != parameters->end())
        limit = parse_number("limit", given->second, most_jobs);
    if (!limit) return message_answer(400, limit.error().message);
    const auto kind = parameters->find("kind");
    const auto jobs =
        service.jobs().list(kind == parameters->end() ? std::string() : kind->second, *limit);
    if (!jobs) return error_answer(jobs.error());
    json::array rows;
    for (const jobs::Job& job : *jobs) rows.push_back(service::to_json(job));
    return answer(200, {{"jobs", std::move(rows)}});
}

http::Response show(service::Service& service, const http::Request& request) {
    const auto job = service.jobs().get(request.capture("id"));
    if (!job && (job.error().code == ErrorCode::not_found ||
                 job.error().code == ErrorCode::invalid_argument))
        return missing_answer();
    if (!job) return error_answer(job.error());
    return answer(200, service::to_json(*job));
}

}  // namespace

void add_job_routes(http::Router& router, const Surroundings& surroundings) {
    service::Service& service = surroundings.service;
    const std::vector<std::string_view> read = {rbac::action::settings, rbac::action::audit};
    add_everywhere(
        router, surroundings, "GET", "/jobs", http::BodyPolicy::none(), read,
        [&service](http::Request& request, std::string_view) { return list(service, request); });
    add_everywhere(
        router, surroundings, "GET", "/jobs/:id", http::BodyPolicy::none(), read,
        [&service](http::Request& request, std::string_view) { return show(service, request); });
}

void describe_jobs(openapi::Document& document) {
    using namespace openapi;
    document.family("Jobs", "Work in the background, on whatever instance");
    document.schema("Job", R"({"type":"object","properties":{
        "id":{"type":"string"},"kind":{"type":"string"},
        "state":{"enum":["queued","running","succeeded","failed"]},
        "progress":{"type":"object","properties":{
            "done":{"type":"integer","description":"documents"},
            "total":{"type":"integer","description":"documents, as far as known"},
            "bytes":{"type":"integer"},
            "on_step":{"type":"integer"},"total_steps":{"type":"integer"}}},
        "attempts":{"type":"integer","description":"how often it was taken up"},
        "created_timestamp":{"type":"integer","description":"Unix milliseconds"},
        "started_timestamp":{"type":"integer","description":"of the last attempt"},
        "finished_timestamp":{"type":"integer"},
        "error":{"type":"object","description":"of one that failed","properties":{
            "code":{"type":"string"},"message":{"type":"string"}}}}})");
    document.add_everywhere(
        {.method = "GET",
         .pattern = "/jobs",
         .summary = "The jobs, newest first",
         .query = {{"limit", "at most so many; 100 when not given",
                    R"({"type":"integer","minimum":0,"maximum":1000,"default":100})"},
                   {"kind", "of this kind alone: backup, restore, …"}},
         .answers = {{200, "The jobs", R"({"type":"object","properties":{"jobs":{"type":"array",
             "items":{"$ref":"#/components/schemas/Job"}}}})"},
                     bad_request}});
    document.add_everywhere(
        {.method = "GET",
         .pattern = "/jobs/:id",
         .summary = "One job",
         .answers = {{200, "The job", R"({"$ref":"#/components/schemas/Job"})"}, not_found}});
}

}  // namespace davenport::api
