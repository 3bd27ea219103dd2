#include "davenport/api/auditing.hpp"

#include "answers.hpp"
#include "chat/answers.hpp"
#include "davenport/base/error_json.hpp"
#include "davenport/chat/applications.hpp"
#include "davenport/service/audit_target.hpp"

#include <any>

namespace davenport::api {
namespace {

using audit::Event;
using audit::Outcome;

// Of an answer that is looked into for ids.
constexpr std::size_t max_answer_bytes = 64 * 1024;

constexpr std::string_view cut_short =
    "the audit log can't be written to, so that this call is not answered";

http::Response unrecorded(std::string_view path) {
    http::Response response;
    if (path.starts_with("/couchdb"))
        response = answer(503, {{"error", "service_unavailable"}, {"reason", cut_short}});
    else if (path.starts_with("/api/v2/rest/") || path.starts_with("/api/v2.1/rest/"))
        response = chat::error_answer(503, cut_short, {});
    else
        response = error_answer({ErrorCode::unavailable, std::string(cut_short), {}});
    response.headers.set("Retry-After", "5");
    return response;
}

// The text at a dotted path; of a URL its last part, of a list its elements.
std::string text_at(const json::object& object, std::string_view path) {
    const std::string_view name = path.substr(0, path.find('.'));
    if (name.size() < path.size()) {
        const json::object* inner = object_member(object, name);
        return inner ? text_at(*inner, path.substr(name.size() + 1)) : std::string();
    }
    if (const json::array* list = array_member(object, name)) {
        std::string joined;
        for (const json::value& element : *list)
            if (element.is_string())
                joined += (joined.empty() ? "" : ",") + std::string(element.as_string());
        return joined;
    }
    const std::string text = text_or(object, name);
    return text.substr(text.rfind('/') + 1);
}

std::optional<json::object> body_of(const http::Response& response) {
    const std::string* text = std::get_if<std::string>(&response.body);
    if (!text || text->size() > max_answer_bytes || !text->starts_with('{')) return std::nullopt;
    auto object = parse_json_object(*text);
    if (!object) return std::nullopt;
    return std::move(*object);
}

// Only names of our own: messages may quote what the caller sent.
std::string error_name(const json::object& body) {
    std::string told = text_or(body, "error");
    if (error_code_named(told)) return told;
    if (text_or(body, "message") == "already_in_progress")
        return std::string(traits(ErrorCode::in_progress).name);
    return {};
}

audit::Actor actor_of(const rbac::Identity& identity) {
    static constexpr std::string_view kinds[] = {"api_key", "token", "session"};
    return {std::string(kinds[static_cast<std::size_t>(identity.kind)]), identity.name,
            identity.credential_id};
}

audit::Actor actor_of(const std::any& context) {
    if (const auto* identity = std::any_cast<rbac::Identity>(&context)) return actor_of(*identity);
    if (const auto* application = std::any_cast<davenport::chat::Application>(&context))
        return {"application", application->id, {}};
    if (const auto* claim = std::any_cast<Claim>(&context)) return {"nobody", claim->key, {}};
    return {};
}

// Parameters that say what kind of call it is, with the values that they may have.
constexpr std::pair<std::string_view, std::string_view> telling[] = {
    {"mode", "overlay"}, {"mode", "exact"},    {"history", "fresh"}, {"history", "exact"},
    {"dry_run", "true"}, {"dry_run", "false"}, {"docs", "false"}};

bool has_parameter(const http::Request& request, std::string_view name, std::string_view value) {
    const auto found = request.parameter(name);
    return found && *found && **found == value;
}

// One route with its place in the log.
class AuditedRoute {
  public:
    AuditedRoute(const Surroundings& surroundings, const http::Route& route)
        : service_(surroundings.service),
          rule_(audit_rule(route.method, route.pattern)),
          route_(fmt::format("{} {}", route.method, route.pattern)) {
        if (!route.guard && (rule_.recording == Recording::look)) rule_.recording = Recording::link;
    }

    http::Response handle(http::Request& request, const http::Handler& handler) const {
        Event event = describe(request);
        switch (rule_.recording) {
            case Recording::none:
                return handler(request);
            case Recording::change:
                return change(std::move(event), request, handler);
            case Recording::read:
                // Of a backup alone: elsewhere the parameter means nothing, and content is given.
                if (rule_.action != "backup.read" || !has_parameter(request, "docs", "false"))
                    return after(std::move(event), request, handler, &audit::Log::record);
                event.action = "backup.look";
                [[fallthrough]];
            case Recording::look:
                return after(std::move(event), request, handler, &audit::Log::record_repeating);
            case Recording::documents:
                return documents(std::move(event), request, handler);
            case Recording::entry:
                return entry(std::move(event), request, handler);
            case Recording::link:
                return link(std::move(event), request, handler);
        }
        return handler(request);
    }

    // Nothing more is done for a refused caller, so that its record may also be a count.
    void refused(const http::Request& request, const http::Response& response) const {
        if (response.status != 401 && response.status != 403 && response.status != 429) return;
        Event event = describe(request);
        event.action = "access.refused";
        event.target.clear();
        event.details.clear();
        if (event.who.kind == "nobody" && event.who.id.empty())
            event.who.id = claimed_application(request);
        add_outcome(event, response);
        static_cast<void>(service_.audit().record_unproven(event));
    }

  private:
    Event describe(const http::Request& request) const {
        Event event;
        event.action = rule_.action;
        event.who = actor_of(request.context);
        event.from = request.remote_address;
        event.request = request.request_id;
        event.route = route_;
        // A capture named by its ":" is an id that the caller gave.
        for (const auto& [name, value] : request.captures) {
            if (rule_.target == ":" + name)
                event.target = service::audit_target(rule_.action, value);
            if (rule_.detail == ":" + name)
                event.details.emplace_back(name, service::audit_target(rule_.action, value));
        }
        if (rule_.recording == Recording::change || rule_.recording == Recording::read)
            for (const auto& [name, value] : telling)
                if (!request.query.empty() && has_parameter(request, name, value))
                    event.details.emplace_back(name, value);
        return event;
    }

    void add_outcome(Event& event, const http::Response& response) const {
        event.status = response.status;
        event.outcome = audit::outcome_of_status(response.status);
        const bool wanted = !rule_.target.empty() || !rule_.detail.empty();
        if (event.outcome == Outcome::done && !wanted) return;
        const auto body = body_of(response);
        if (!body) return;
        if (event.outcome != Outcome::done) {
            event.error = error_name(*body);
            return;
        }
        if (!rule_.target.empty() && !rule_.target.starts_with(':')) {
            const std::string_view paths = rule_.target;
            const std::string_view first = paths.substr(0, paths.find('|'));
            event.target = text_at(*body, first);
            if (event.target.empty() && first.size() < paths.size())
                event.target = text_at(*body, paths.substr(first.size() + 1));
        }
        if (rule_.detail.empty() || rule_.detail.starts_with(':')) return;
        if (const std::string value = text_at(*body, rule_.detail); !value.empty())
            event.details.emplace_back(rule_.detail == "url" ? "transaction" : rule_.detail, value);
    }

    http::Response change(Event event, http::Request& request, const http::Handler& handler) const {
        audit::Log& log = service_.audit();
        event.outcome = Outcome::begun;
        const auto begun = log.record(event);
        if (!begun) return unrecorded(request.path);
        event.begun_at = *begun;
        try {
            http::Response response = handler(request);
            add_outcome(event, response);
            log.record_outcome(event);
            return response;
        } catch (...) {
            event.outcome = Outcome::failed;
            event.status = 500;
            log.record_outcome(event);
            throw;
        }
    }

    template <class Record>
    http::Response after(Event event, http::Request& request, const http::Handler& handler,
                         Record record) const {
        http::Response response = handler(request);
        add_outcome(event, response);
        if (!(service_.audit().*record)(event)) return unrecorded(request.path);
        return response;
    }

    http::Response documents(Event event, http::Request& request,
                             const http::Handler& handler) const {
        http::Response response = handler(request);
        event.outcome = audit::outcome_of_status(response.status);
        if (!service_.audit().record_repeating(event)) return unrecorded(request.path);
        return response;
    }

    http::Response entry(Event event, http::Request& request, const http::Handler& handler) const {
        http::Response response = handler(request);
        event.who = actor_of(request.context);
        add_outcome(event, response);
        if (event.outcome != Outcome::done) {
            static_cast<void>(service_.audit().record_unproven(event));
            return response;
        }
        if (const auto body = body_of(response); body && event.who.id.empty())
            event.who = {"session", text_or(*body, "api_key"), {}};
        if (event.who.id.empty()) return response;  // ended a session that was over
        if (!service_.audit().record(event)) return unrecorded(request.path);
        return response;
    }

    http::Response link(Event event, http::Request& request, const http::Handler& handler) const {
        http::Response response = handler(request);
        add_outcome(event, response);
        if (event.outcome != Outcome::done) {
            event.target.clear();  // whatever a caller without a good link has put there
            static_cast<void>(service_.audit().record_unproven(event));
            return response;
        }
        event.who.kind = "link";
        if (!service_.audit().record_repeating(event)) return unrecorded(request.path);
        return response;
    }

    std::string claimed_application(const http::Request& request) const {
        for (const std::string_view name : {"QISCUS-SDK-APP-ID", "QISCUS_SDK_APP_ID"})
            if (const auto id = request.headers.get(name);
                id && davenport::chat::check_application_id(*id) &&
                service_.applications().get(*id))
                return std::string(*id);
        return {};
    }

    service::Service& service_;
    AuditRule rule_;
    const std::string route_;
};

}  // namespace

void audit_routes(http::Router& router, const Surroundings& surroundings) {
    router.wrap([surroundings](http::Route& route) {
        const auto audited = std::make_shared<const AuditedRoute>(surroundings, route);
        if (route.guard)
            route.guard = [audited, guard = std::move(route.guard)](
                              http::Request& request) -> std::optional<http::Response> {
                std::optional<http::Response> refused = guard(request);
                if (refused) audited->refused(request, *refused);
                return refused;
            };
        route.handler = [audited, handler = std::move(route.handler)](http::Request& request) {
            return audited->handle(request, handler);
        };
    });
}

}  // namespace davenport::api
