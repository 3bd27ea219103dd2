#include "answers.hpp"
#include "family.hpp"

namespace davenport::api {
namespace {

constexpr std::uint64_t default_limit = 100;
constexpr std::uint64_t max_limit = 1000;
constexpr std::uint64_t max_number = 9'999'999'999'999'999;

// Exported lines, as they are asked for.
class ExportBody final : public http::BodySource {
  public:
    explicit ExportBody(std::unique_ptr<audit::Log::Export> lines) : lines_(std::move(lines)) {}

    Result<std::size_t> read(std::span<char> buffer) override {
        if (sent_ == piece_.size()) {
            sent_ = 0;
            DAVENPORT_ASSIGN(piece_, lines_->next());
        }
        const std::size_t size = std::min(buffer.size(), piece_.size() - sent_);
        std::copy_n(piece_.data() + sent_, size, buffer.data());
        sent_ += size;
        return size;
    }

  private:
    const std::unique_ptr<audit::Log::Export> lines_;
    std::string piece_;
    std::size_t sent_ = 0;
};

class AuditLog {
  public:
    explicit AuditLog(const Surroundings& surroundings)
        : log_(surroundings.service.audit()), monitor_(surroundings.service.monitor()) {}

    http::Response list(const http::Request& request) const {
        const auto parameters = query_parameters(request, {"since", "limit", "skip_cache"});
        if (!parameters) return message_answer(400, parameters.error().message);
        const auto number = [&](std::string_view name, std::uint64_t otherwise,
                                std::uint64_t maximum) -> Result<std::uint64_t> {
            const auto found = parameters->find(name);
            if (found == parameters->end()) return otherwise;
            return parse_number(name, found->second, maximum);
        };
        const auto limit = number("limit", default_limit, max_limit);
        if (!limit) return message_answer(400, limit.error().message);
        const auto since = number("since", 0, max_number);
        if (!since) return message_answer(400, since.error().message);
        const auto page =
            parameters->contains("since") ? log_.list(*since, *limit) : log_.newest(*limit);
        if (!page) return error_answer(page.error());
        // The lines are JSON already, and their texts are what hashes and signatures are of.
        std::string body = "{\"entries\":[";
        for (std::size_t i = 0; i < page->lines.size(); ++i)
            body.append(i == 0 ? "" : ",").append(page->lines[i]);
        body.append("],\"more\":").append(page->more ? "true}" : "false}");
        return http::Response::json(200, std::move(body));
    }

    http::Response export_all() const {
        auto lines = log_.export_all();
        if (!lines) return error_answer(lines.error());
        http::Response response = http::Response::stream(
            200, "application/x-ndjson", std::make_unique<ExportBody>(std::move(*lines)));
        response.headers.add("Content-Disposition", "attachment; filename=\"audit.ndjson\"");
        response.headers.add("Cache-Control", "private, no-store");
        return response;
    }

    http::Response verify() const {
        const auto found = log_.verify([this] { return monitor_.draining(); });
        return found ? answer(200, audit::to_json(*found)) : error_answer(found.error());
    }

  private:
    audit::Log& log_;
    const service::Monitor& monitor_;
};

}  // namespace

void add_audit_log_routes(http::Router& router, const Surroundings& surroundings) {
    const auto log = std::make_shared<AuditLog>(surroundings);
    const auto add = [&](std::string_view pattern, VersionedHandler handler) {
        add_everywhere(router, surroundings, "GET", pattern, http::BodyPolicy::none(),
                       {rbac::action::audit}, std::move(handler));
    };
    add("/audit", [log](http::Request& request, std::string_view) { return log->list(request); });
    add("/audit/export", [log](http::Request&, std::string_view) { return log->export_all(); });
    add("/audit/verification", [log](http::Request&, std::string_view) { return log->verify(); });
}

}  // namespace davenport::api
