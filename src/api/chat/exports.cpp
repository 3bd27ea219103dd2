#include "davenport/base/random.hpp"
#include "davenport/chat/export_schedules.hpp"
#include "davenport/http/range.hpp"
#include "family.hpp"

namespace davenport::api::chat {
namespace {

using davenport::chat::Chat;
using davenport::chat::Exports;
using davenport::chat::Transfer;
using schedules::Schedule;

constexpr std::string_view download_prefix = "/api/v2.1/rest/exports/";

class ExportCalls {
  public:
    explicit ExportCalls(const Surroundings& surroundings)
        : exports_(surroundings.service.exports()),
          schedules_(surroundings.service.export_schedules()),
          public_url_(surroundings.public_url) {}

    Result<http::Response> start(const http::Request& request, const Chat& chat) const {
        DAVENPORT_ASSIGN(Parameters parameters, Parameters::read(request));
        davenport::chat::ExportRequest wanted;
        const std::string type = parameters.needed_text("type");
        wanted.start_date = parameters.text("start_date");
        wanted.end_date = parameters.text("end_date");
        const auto when = parameters.text("schedule");
        DAVENPORT_TRY(parameters.check());
        DAVENPORT_ASSIGN(wanted.resource, davenport::chat::parse_resource(type));
        if (when) {
            DAVENPORT_ASSIGN(const Schedule schedule,
                             schedules_.create(chat.application(), wanted, *when));
            return results_answer({{"schedule", to_json(schedule)}});
        }
        DAVENPORT_ASSIGN(const Transfer transfer,
                         exports_.start(chat.application(), wanted, random_uuid()));
        return results_answer(to_json(chat, transfer));
    }

    Result<http::Response> list(const http::Request& request, const Chat& chat) const {
        DAVENPORT_ASSIGN(Parameters parameters, Parameters::read(request));
        const std::uint64_t page = parameters.number("page").value_or(1);
        DAVENPORT_TRY(parameters.check());
        DAVENPORT_ASSIGN(const auto transfers, exports_.list(chat.application(), page));
        json::array histories;
        for (const Transfer& transfer : transfers) histories.push_back(to_json(chat, transfer));
        return results_answer({{"backup_histories", std::move(histories)}});
    }

    Result<http::Response> get(const http::Request& request, const Chat& chat) const {
        DAVENPORT_ASSIGN(const Transfer transfer,
                         exports_.get(chat.application(), request.capture("id")));
        return results_answer({{"backup_history", to_json(chat, transfer)}});
    }

    Result<http::Response> remove(const http::Request& request, const Chat& chat) const {
        DAVENPORT_ASSIGN(const Transfer transfer,
                         exports_.remove(chat.application(), request.capture("id")));
        return results_answer({{"backup_history", to_json(chat, transfer)}});
    }

    http::Response download(const http::Request& request) const;

    Result<http::Response> list_schedules(const Chat& chat) const {
        DAVENPORT_ASSIGN(const auto schedules, schedules_.list(chat.application()));
        json::array array;
        for (const Schedule& schedule : schedules) array.push_back(to_json(schedule));
        return results_answer({{"schedules", std::move(array)}});
    }

    Result<http::Response> get_schedule(const http::Request& request, const Chat& chat) const {
        DAVENPORT_ASSIGN(const Schedule schedule,
                         schedules_.get(chat.application(), request.capture("id")));
        return results_answer({{"schedule", to_json(schedule)}});
    }

    Result<http::Response> remove_schedule(const http::Request& request, const Chat& chat) const {
        DAVENPORT_ASSIGN(const Schedule schedule,
                         schedules_.remove(chat.application(), request.capture("id")));
        return results_answer({{"schedule", to_json(schedule)}});
    }

  private:
    json::object to_json(const Schedule& schedule) const {
        const auto time = [&](std::int64_t unix_ms) {
            return unix_ms == 0 ? std::string() : schedules_.zone().to_rfc3339(unix_ms);
        };
        const schedules::Run run = schedule.last_run.value_or(schedules::Run{});
        const std::string_view status = schedules::to_text(schedule.state);
        return {{"created_at", time(schedule.created_ms)},
                {"end_date", text_or(schedule.parameters, "end_date")},
                {"error_message", run.error ? run.error->message : std::string()},
                {"last_export_id", run.job},
                {"last_run_at", time(run.started_ms)},
                {"next_run_at", time(schedule.next_run_ms)},
                {"resource_name", text_or(schedule.parameters, "resource")},
                {"schedule", schedule.cron.empty() ? schedule.at : schedule.cron},
                {"start_date", text_or(schedule.parameters, "start_date")},
                {"status", json::string_view(status.data(), status.size())},
                {"time_zone", schedule.zone},
                {"unique_id", schedule.id}};
    }

    json::object to_json(const Chat& chat, const Transfer& transfer) const {
        std::string url;
        if (transfer.status == Transfer::Status::finished)
            url = fmt::format("{}{}{}/download?{}", public_url_(), download_prefix, transfer.id,
                              exports_.sign(chat.application(), transfer));
        const std::string_view resource = davenport::chat::to_text(transfer.resource);
        const std::string_view status = davenport::chat::to_text(transfer.status);
        return {{"created_at", transfer.created_at},
                {"download_url", url},
                {"error_message", transfer.error},
                {"original_filename", transfer.original_filename},
                {"percentage", transfer.percentage},
                {"resource_name", json::string_view(resource.data(), resource.size())},
                {"size", transfer.size},
                {"status", json::string_view(status.data(), status.size())},
                {"total_rows", transfer.rows},
                {"unique_id", transfer.id}};
    }

    Exports& exports_;
    davenport::chat::ExportSchedules& schedules_;
    const std::function<std::string()> public_url_;
};

// A file, or a part of it.
class FileBody final : public http::BodySource {
  public:
    FileBody(std::unique_ptr<blobs::BlobReader> content, const http::ByteRange& range)
        : content_(std::move(content)), next_(range.first), left_(range.length) {}

    Result<std::size_t> read(std::span<char> buffer) override {
        const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(left_, buffer.size()));
        if (length == 0) return 0;
        DAVENPORT_TRY(content_->read(next_, length, piece_));
        std::copy(piece_.begin(), piece_.end(), buffer.begin());
        next_ += length;
        left_ -= length;
        return length;
    }

  private:
    const std::unique_ptr<blobs::BlobReader> content_;
    std::uint64_t next_, left_;
    std::string piece_;
};

http::Response ExportCalls::download(const http::Request& request) const {
    const auto parameter = [&](std::string_view name) {
        const auto value = request.parameter(name);
        return value && *value ? **value : std::string();
    };
    const std::string& id = request.capture("id");
    auto file =
        exports_.file_of_link(id, parameter("app"), parameter("expires"), parameter("signature"));
    if (!file) return error_answer(file.error());
    const std::uint64_t size = file->content->size();
    // An export's file never changes, so its id tells versions apart.
    const std::string etag = "\"" + id + "\"";
    const http::ByteRange range = http::requested_range(request.headers, size, etag);
    if (range.kind == http::ByteRange::Kind::unsatisfiable) {
        http::Response refused = error_answer(416, "the range is not in the file", {});
        refused.headers.add("Content-Range", http::content_range(range, size));
        return refused;
    }
    http::Response response;
    if (range.kind == http::ByteRange::Kind::part) {
        response.status = 206;
        response.headers.add("Content-Range", http::content_range(range, size));
    }
    response.headers.add("Content-Type", "application/json");
    response.headers.add("Content-Disposition",
                         fmt::format("attachment; filename=\"{}\"", file->name));
    response.headers.add("Accept-Ranges", "bytes");
    response.headers.add("ETag", etag);
    response.headers.add("Cache-Control", "private, no-store");
    response.source_size = range.length;
    response.body = std::make_unique<FileBody>(std::move(file->content), range);
    return response;
}

}  // namespace

void add_export_routes(http::Router& router, const Surroundings& surroundings) {
    const auto calls = std::make_shared<ExportCalls>(surroundings);
    const auto body = http::BodyPolicy::text(max_call_bytes);
    add_call(router, surroundings, "POST", "/exports", body,
             [calls](http::Request& request, Chat& chat) { return calls->start(request, chat); });
    add_call(router, surroundings, "GET", "/exports", body,
             [calls](http::Request& request, Chat& chat) { return calls->list(request, chat); });
    add_call(router, surroundings, "GET", "/exports/:id", body,
             [calls](http::Request& request, Chat& chat) { return calls->get(request, chat); });
    // Clients send a body with it; it says nothing that the path does not.
    add_call(router, surroundings, "DELETE", "/exports/:id", body,
             [calls](http::Request& request, Chat& chat) { return calls->remove(request, chat); });
    add_call(router, surroundings, "GET", "/exports/schedules", body,
             [calls](http::Request&, Chat& chat) { return calls->list_schedules(chat); });
    add_call(
        router, surroundings, "GET", "/exports/schedules/:id", body,
        [calls](http::Request& request, Chat& chat) { return calls->get_schedule(request, chat); });
    add_call(router, surroundings, "DELETE", "/exports/schedules/:id", body,
             [calls](http::Request& request, Chat& chat) {
                 return calls->remove_schedule(request, chat);
             });
    // The link is its own credential.
    router.add({"GET",
                fmt::format("{}:id/download", download_prefix),
                http::BodyPolicy::none(),
                {},
                [calls](http::Request& request) { return calls->download(request); }});
}

}  // namespace davenport::api::chat
