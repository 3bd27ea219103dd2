#include "local_documents.hpp"

#include "answers.hpp"
#include "davenport/base/json.hpp"
#include "davenport/documents/document_text.hpp"
#include "document_input.hpp"

#include <algorithm>

namespace davenport::api::couchdb {
namespace {

constexpr std::string_view prefix = "_local/";

std::string short_id(const std::string& id) {
    return id.substr(prefix.size());
}

// Their revisions count from "0-1", so they are none to the revision tree's rules.
Result<std::string> local_revision(std::string_view text) {
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    if (text.size() < 3 || text.size() > 20 || !text.starts_with("0-") ||
        !std::all_of(text.begin() + 2, text.end(), digit))
        return fail(refusal("bad_request", "Invalid rev format"));
    return std::string(text);
}

Result<std::string> named_local_revision(const http::Request& request) {
    DAVENPORT_ASSIGN(const auto revision, request.parameter("rev"));
    std::string_view text = request.headers.get("If-Match").value_or("");
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
        text = text.substr(1, text.size() - 2);
    if (revision) text = *revision;
    if (text.empty()) return std::string();
    return local_revision(text);
}

struct LocalDocument {
    std::string revision;
    std::string body = "{";
};

Result<LocalDocument> parse_local(const std::string& text) {
    LocalDocument document;
    std::string buffer;
    DAVENPORT_ASSIGN(const auto members, members_of(text, buffer));
    for (const auto& member : members) {
        if (member.name == "_rev") {
            const auto value = parse_json(member.text);
            if (!value || !value->is_string())
                return fail(refusal("bad_request", "Invalid rev format"));
            const json::string& given = value->get_string();
            DAVENPORT_ASSIGN(document.revision, local_revision({given.data(), given.size()}));
        }
        if (member.name == "_attachments" || member.name == "_deleted")
            return fail(refusal("doc_validation",
                                fmt::format("a _local document can't have `{}`", member.name)));
        if (member.name.starts_with('_')) continue;
        if (document.body.size() > 1) document.body.push_back(',');
        append_quoted(document.body, member.name);
        document.body.push_back(':');
        document.body += member.text;
    }
    document.body.push_back('}');
    return document;
}

}  // namespace

Result<http::Response> get_local_document(const Endpoint& endpoint, const http::Request& request,
                                          const std::string& id) {
    DAVENPORT_ASSIGN(const auto database, endpoint.open(request));
    DAVENPORT_ASSIGN(const documents::Document document, database->get_local(short_id(id)));
    std::string text;
    documents::append_document_text(text, id, document.revision, false, document.body, {});
    text.push_back('\n');
    http::Response response = json_answer(200, std::move(text));
    response.headers.add("ETag", fmt::format("\"{}\"", document.revision));
    return response;
}

Result<http::Response> put_local_document(const Endpoint& endpoint, const http::Request& request,
                                          const std::string& id) {
    DAVENPORT_TRY(require_plain(request));
    DAVENPORT_ASSIGN(const auto database, endpoint.open(request));
    DAVENPORT_ASSIGN(LocalDocument document, parse_local(request.body));
    if (document.body.size() > endpoint.options.max_document_bytes)
        return fail(refusal("document_too_large", id));
    if (document.revision.empty()) {
        DAVENPORT_ASSIGN(document.revision, named_local_revision(request));
    }
    DAVENPORT_ASSIGN(const std::string revision,
                     database->put_local(short_id(id), document.revision, document.body));
    return written_answer(201, id, revision);
}

Result<http::Response> remove_local_document(const Endpoint& endpoint, const http::Request& request,
                                             const std::string& id) {
    DAVENPORT_ASSIGN(const std::string revision, named_local_revision(request));
    DAVENPORT_ASSIGN(const auto database, endpoint.open(request));
    DAVENPORT_TRY(database->remove_local(short_id(id), revision));
    return written_answer(200, id, "0-0");
}

void add_local_document_routes(RouteTable& routes, const SharedEndpoint& endpoint) {
    using Handler =
        Result<http::Response> (*)(const Endpoint&, const http::Request&, const std::string&);
    const auto add = [&](std::string_view method, http::BodyPolicy body, Handler handler) {
        routes.add(method, "/:db/_local/:id", body,
                   [endpoint, handler](http::Request& request) -> Result<http::Response> {
                       DAVENPORT_ASSIGN(const std::string id, document_id(request, prefix));
                       return handler(*endpoint, request, id);
                   });
    };
    add("GET", http::BodyPolicy::none(), get_local_document);
    add("PUT", http::BodyPolicy::text(endpoint->options.max_bulk_bytes), put_local_document);
    add("DELETE", http::BodyPolicy::none(), remove_local_document);
}

}  // namespace davenport::api::couchdb
