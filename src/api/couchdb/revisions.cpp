// POST _revs_diff and _missing_revs: which revisions a replicator still has to send.
#include "answers.hpp"
#include "davenport/base/json.hpp"
#include "endpoint.hpp"
#include "parameters.hpp"

namespace davenport::api::couchdb {
namespace {

using MissingOf = std::pair<std::string, std::vector<std::string>>;

Result<std::vector<MissingOf>> missing_revisions(const Endpoint& endpoint,
                                                 const http::Request& request) {
    DAVENPORT_TRY(require_json(request));
    DAVENPORT_ASSIGN(const auto database, endpoint.open(request));
    DAVENPORT_ASSIGN(const json::object body, parse_json_object(request.body));
    std::vector<MissingOf> all;
    for (const auto& member : body) {
        const std::string id(member.key().data(), member.key().size());
        DAVENPORT_TRY(documents::check_document_id(id));
        DAVENPORT_ASSIGN(const auto revisions, string_array(member.value(), id));
        for (const std::string& revision : revisions) {
            DAVENPORT_TRY(documents::RevisionId::parse(revision));
        }
        DAVENPORT_ASSIGN(auto missing, database->missing_revisions(id, revisions));
        if (!missing.empty()) all.emplace_back(id, std::move(missing));
    }
    return all;
}

void append_strings(std::string& out, const std::vector<std::string>& texts) {
    out.push_back('[');
    for (const std::string& text : texts) {
        if (&text != &texts.front()) out.push_back(',');
        append_quoted(out, text);
    }
    out.push_back(']');
}

Result<http::Response> revs_diff(const Endpoint& endpoint, const http::Request& request) {
    DAVENPORT_ASSIGN(const auto all, missing_revisions(endpoint, request));
    std::string text = "{";
    for (const auto& [id, missing] : all) {
        if (text.size() > 1) text.push_back(',');
        append_quoted(text, id);
        text += ":{\"missing\":";
        append_strings(text, missing);
        text.push_back('}');
    }
    return json_answer(200, text + "}\n");
}

Result<http::Response> missing_revs(const Endpoint& endpoint, const http::Request& request) {
    DAVENPORT_ASSIGN(const auto all, missing_revisions(endpoint, request));
    std::string text = "{\"missing_revs\":{";
    for (const auto& [id, missing] : all) {
        if (text.back() != '{') text.push_back(',');
        append_quoted(text, id);
        text.push_back(':');
        append_strings(text, missing);
    }
    return json_answer(200, text + "}}\n");
}

}  // namespace

void add_revision_routes(RouteTable& routes, const SharedEndpoint& endpoint) {
    const auto body = http::BodyPolicy::text(endpoint->options.max_bulk_bytes);
    routes.add("POST", "/:db/_revs_diff", body,
               [endpoint](http::Request& request) { return revs_diff(*endpoint, request); });
    routes.add("POST", "/:db/_missing_revs", body,
               [endpoint](http::Request& request) { return missing_revs(*endpoint, request); });
}

}  // namespace davenport::api::couchdb
