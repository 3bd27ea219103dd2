#include "davenport/chat/export_schedules.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"

namespace davenport::chat {
namespace {

constexpr std::string_view kind = "chat-export";
constexpr std::uint64_t max_listed = 1'000;

// A time without an offset is one of the zone.
std::string as_time(const std::string& text, const TimeZone& zone) {
    if (parse_rfc3339(text)) return text;
    const auto as_utc = parse_rfc3339(text + "Z");
    const auto utc = TimeZone::load("UTC");
    if (!as_utc || !utc) return {};
    return zone.to_rfc3339(zone.instant_of(utc->local_of(*as_utc)));
}

json::object to_json(const ExportRequest& request) {
    const std::string_view resource = to_text(request.resource);
    json::object object{{"resource", json::string_view(resource.data(), resource.size())}};
    if (request.start_date) object["start_date"] = *request.start_date;
    if (request.end_date) object["end_date"] = *request.end_date;
    return object;
}

Result<ExportRequest> request_of(const json::object& object) {
    ExportRequest request;
    DAVENPORT_ASSIGN(request.resource, parse_resource(text_or(object, "resource")));
    if (object.contains("start_date")) request.start_date = text_or(object, "start_date");
    if (object.contains("end_date")) request.end_date = text_or(object, "end_date");
    return request;
}

// A run's own export id, the same whenever the run is started again.
std::string uuid_of(std::string_view run_id) {
    std::string bytes(as_bytes(sha256(run_id)).substr(0, 16));
    bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x80);  // RFC 9562, version 8
    bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
    const std::string hex = to_hex(bytes);
    return fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4),
                       hex.substr(16, 4), hex.substr(20));
}

}  // namespace

ExportSchedules::ExportSchedules(schedules::Scheduler& scheduler, Exports& exports,
                                 Applications& applications, TimeZone zone)
    : scheduler_(scheduler), exports_(exports), zone_(std::move(zone)) {
    scheduler_.handle(
        std::string(kind),
        [&exports, &applications](const schedules::Schedule& schedule, std::string_view run_id)
            -> Result<schedules::Scheduler::Outcome> {
            DAVENPORT_ASSIGN(const Application application, applications.get(schedule.owner));
            DAVENPORT_ASSIGN(const ExportRequest request, request_of(schedule.parameters));
            DAVENPORT_ASSIGN(const Transfer transfer,
                             exports.start(application, request, uuid_of(run_id)));
            return transfer.id;
        });
}

Result<schedules::Schedule> ExportSchedules::create(const Application& application,
                                                    const ExportRequest& request,
                                                    const std::string& when) {
    DAVENPORT_TRY(exports_.check(request));
    schedules::NewSchedule schedule;
    schedule.owner = application.id;
    schedule.kind = kind;
    schedule.parameters = to_json(request);
    schedule.zone = zone_.name();
    schedule.at = as_time(when, zone_);
    if (schedule.at.empty()) schedule.cron = when;
    auto created = scheduler_.create(std::move(schedule));
    if (!created && created.error().code == ErrorCode::invalid_argument)
        return fail(ErrorCode::invalid_argument, "schedule: {}", created.error().message);
    return created;
}

Result<std::vector<schedules::Schedule>> ExportSchedules::list(const Application& application) {
    return scheduler_.list({application.id, std::string(kind), max_listed});
}

Result<schedules::Schedule> ExportSchedules::get(const Application& application,
                                                 std::string_view id) {
    auto schedule = scheduler_.get(id);
    if (!schedule && schedule.error().code != ErrorCode::not_found) return schedule;
    if (!schedule || schedule->owner != application.id || schedule->kind != kind)
        return fail(ErrorCode::not_found, "there is no schedule \"{}\"", id);
    return schedule;
}

Result<schedules::Schedule> ExportSchedules::remove(const Application& application,
                                                    std::string_view id) {
    DAVENPORT_ASSIGN(schedules::Schedule schedule, get(application, id));
    DAVENPORT_TRY(scheduler_.remove(id));
    return schedule;
}

Result<> ExportSchedules::remove_all(const Application& application) {
    DAVENPORT_TRY(scheduler_.remove_all_of(application.id));
    return {};
}

}  // namespace davenport::chat
