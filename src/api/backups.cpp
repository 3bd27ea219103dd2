#include "answers.hpp"
#include "davenport/backup_doc/writer.hpp"
#include "davenport/base/encoding.hpp"
#include "davenport/service/reports.hpp"
#include "family.hpp"

namespace davenport::api {
namespace {

class BackupDocSource final : public http::BodySource {
  public:
    explicit BackupDocSource(std::unique_ptr<backup_doc::Writer> writer)
        : writer_(std::move(writer)) {}
    Result<std::size_t> read(std::span<char> buffer) override { return writer_->read(buffer); }

  private:
    std::unique_ptr<backup_doc::Writer> writer_;
};

class Backups {
  public:
    explicit Backups(const Surroundings& surroundings)
        : service_(surroundings.service), public_url_(surroundings.public_url) {}

    http::Response start(http::Request& request, std::string_view version) const {
        const auto id = service_.start_backup(caller(request).name);
        if (!id && id.error().code == ErrorCode::in_progress) return busy_answer(id.error().detail);
        if (!id) return error_answer(id.error());
        return started_answer(*id,
                              fmt::format("{}/ak/api/{}/backups/{}", public_url_(), version, *id));
    }

    // Parameters that are not known have always been passed over here.
    http::Response list(const http::Request& request) const {
        std::string details = "false";
        const auto read =
            read_query(request.query, [&](const std::string& name, std::string value) -> Result<> {
                if (name == "details") details = std::move(value);
                return {};
            });
        if (!read) return error_answer(read.error());
        if (details != "true" && details != "false")
            return message_answer(400, "details must be true or false");
        if (details == "true") {
            const auto backups = service::backups_to_json(service_);
            return backups ? answer(200, *backups) : error_answer(backups.error());
        }
        const auto ids = service_.backup_ids();
        if (!ids) return error_answer(ids.error());
        json::array array;
        for (const std::string& id : *ids) array.emplace_back(id);
        return answer(200, {{"ids", std::move(array)}});
    }

    http::Response show(const http::Request& request) const {
        const auto parameters = query_parameters(request, {"docs", "skip_cache"});
        if (!parameters) return error_answer(parameters.error());
        backup_doc::Contents contents = backup_doc::Contents::everything;
        if (const auto docs = parameters->find("docs"); docs != parameters->end()) {
            if (docs->second != "true" && docs->second != "false")
                return message_answer(400, "docs must be true or false");
            if (docs->second == "false") contents = backup_doc::Contents::envelope_only;
        }
        auto backup = service_.backup(request.capture("id"));
        if (!backup && (backup.error().code == ErrorCode::not_found ||
                        backup.error().code == ErrorCode::invalid_argument))
            return missing_answer();
        if (!backup) return error_answer(backup.error());
        auto writer =
            backup_doc::Writer::create(service_.vault(), std::move(backup->summary),
                                       backup->manifest ? &*backup->manifest : nullptr, contents);
        if (!writer) return error_answer(writer.error());
        return http::Response::stream(200, "application/json",
                                      std::make_unique<BackupDocSource>(std::move(*writer)));
    }

    http::Response append(const http::Request& request) const {
        const auto body = parse_json_object(request.body);
        if (!body) return faults_answer({body.error().message});
        std::vector<std::string> faults;
        for (const auto& member : *body)
            if (member.key() != "attachment")
                faults.push_back(
                    fmt::format("unknown parameter \"{}\"", std::string(member.key())));
        const json::string* text = string_member(*body, "attachment");
        if (!body->contains("attachment"))
            faults.emplace_back("missing parameter \"attachment\"");
        else if (!text)
            faults.emplace_back("parameter \"attachment\" must be a string");
        const std::string& name = request.capture("name");
        if (find_fault(name)) faults.push_back(*find_fault(name));
        if (!faults.empty()) return faults_answer(faults);

        const auto appended =
            service_.append(request.capture("id"), name, {text->data(), text->size()});
        if (!appended && (appended.error().code == ErrorCode::not_found ||
                          appended.error().code == ErrorCode::invalid_argument))
            return message_answer(400, "cannot append. error getting existing backup doc");
        if (!appended) return error_answer(appended.error());
        return answer(200, {{"message", "ok"}, {"att_name", name}});
    }

    http::Response remove(const http::Request& request) const {
        const std::string& id = request.capture("id");
        const auto removed = service_.remove_backup(id, caller(request).name);
        if (!removed && (removed.error().code == ErrorCode::not_found ||
                         removed.error().code == ErrorCode::invalid_argument))
            return missing_answer();
        if (!removed) return error_answer(removed.error());
        return answer(200, {{"message", "ok"}, {"id", id}});
    }

  private:
    static std::optional<std::string> find_fault(const std::string& attachment_name) {
        constexpr std::size_t longest = 1024;
        if (attachment_name.size() > longest)
            return fmt::format("the attachment's name is longer than {} bytes", longest);
        if (find_invalid_utf8(attachment_name) != std::string::npos)
            return "the attachment's name is not UTF-8";
        for (const char c : attachment_name)
            if (static_cast<unsigned char>(c) < 0x20)
                return "the attachment's name holds a control character";
        return std::nullopt;
    }

    service::Service& service_;
    std::function<std::string()> public_url_;
};

}  // namespace

void add_backup_routes(http::Router& router, const Surroundings& surroundings) {
    const auto backups = std::make_shared<Backups>(surroundings);
    const auto add = [&](std::string_view method, std::string_view pattern, http::BodyPolicy body,
                         std::vector<std::string_view> actions, VersionedHandler handler) {
        add_everywhere(router, surroundings, method, pattern, body, std::move(actions),
                       std::move(handler));
    };
    const std::vector<std::string_view> change = {rbac::action::settings};
    const std::vector<std::string_view> read = {rbac::action::settings, rbac::action::audit};
    const auto appended = http::BodyPolicy::text(
        static_cast<std::uint64_t>(surroundings.service.settings().http.max_appended_bytes) + 1024);

    add("POST", "/backups", http::BodyPolicy::text(64 * 1024), change,
        [backups](http::Request& request, std::string_view version) {
            return backups->start(request, version);
        });
    add("GET", "/backups", http::BodyPolicy::none(), read,
        [backups](http::Request& request, std::string_view) { return backups->list(request); });
    add("GET", "/backups/:id", http::BodyPolicy::none(), read,
        [backups](http::Request& request, std::string_view) { return backups->show(request); });
    add("PUT", "/backups/:id/attachments/:name", appended, change,
        [backups](http::Request& request, std::string_view) { return backups->append(request); });
    add("DELETE", "/backups/:id", http::BodyPolicy::text(64 * 1024), change,
        [backups](http::Request& request, std::string_view) { return backups->remove(request); });
}

}  // namespace davenport::api
