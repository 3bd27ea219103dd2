// Documents one by one: PUT, POST, DELETE, COPY.
#include "answers.hpp"
#include "davenport/base/encoding.hpp"
#include "davenport/base/random.hpp"
#include "document_input.hpp"
#include "endpoint.hpp"
#include "local_documents.hpp"

namespace davenport::api::couchdb {
namespace {

using documents::Document;
using documents::DocumentParser;
using documents::DocumentWrite;
using documents::ParsedDocument;
using documents::UnknownReserved;
using documents::WriteMode;

std::string location(const http::Request& request, std::string_view id) {
    std::string path = "/couchdb/" + percent_encode(request.capture("db")) + "/";
    if (id.starts_with("_design/")) {
        path += "_design/";
        id.remove_prefix(8);
    }
    return path + percent_encode(id);
}

Result<> settle_revision(const http::Request& request, ParsedDocument& document) {
    DAVENPORT_ASSIGN(std::string revision, named_revision(request));
    if (!document.revision.empty() && !revision.empty() && document.revision != revision)
        return fail(
            refusal("bad_request",
                    "Document rev from request body and query string have different values"));
    if (document.revision.empty()) document.revision = std::move(revision);
    return {};
}

Result<http::Response> put(const Endpoint& endpoint, http::Request& request,
                           std::string_view prefix) {
    DAVENPORT_TRY(require_plain(request));
    DAVENPORT_ASSIGN(std::string id, document_id(request, prefix));
    if (id.starts_with("_local/")) return put_local_document(endpoint, request, id);
    DAVENPORT_ASSIGN(const WriteMode mode, write_mode(request));
    DAVENPORT_ASSIGN(const auto database, endpoint.open(request));
    std::string joined;
    if (is_multipart(request)) {
        DAVENPORT_ASSIGN(joined, inline_multipart(request));
    }
    const std::string& text = joined.empty() ? request.body : joined;
    DAVENPORT_ASSIGN(ParsedDocument document,
                     DocumentParser().parse(text, UnknownReserved::refuse));
    document.id = std::move(id);  // the path's wins, as in CouchDB
    DAVENPORT_TRY(settle_revision(request, document));
    DAVENPORT_ASSIGN(const DocumentWrite write, write_of(document, mode, endpoint.options));
    DAVENPORT_ASSIGN(http::Response response, write_one(*database, write, mode));
    response.headers.add("Location", location(request, document.id));
    return response;
}

Result<http::Response> post(const Endpoint& endpoint, const http::Request& request) {
    DAVENPORT_TRY(require_json(request));
    DAVENPORT_ASSIGN(const WriteMode mode, write_mode(request));
    DAVENPORT_ASSIGN(const auto database, endpoint.open(request));
    DAVENPORT_ASSIGN(ParsedDocument document,
                     DocumentParser().parse(request.body, UnknownReserved::refuse));
    if (document.id.empty()) document.id = random_hex(32);
    if (document.id.starts_with("_local/"))
        return fail(refusal("not_implemented", "_local documents are written with PUT"));
    DAVENPORT_ASSIGN(const DocumentWrite write, write_of(document, mode, endpoint.options));
    DAVENPORT_ASSIGN(http::Response response, write_one(*database, write, mode));
    response.headers.add("Location", location(request, document.id));
    return response;
}

Result<http::Response> remove(const Endpoint& endpoint, const http::Request& request,
                              std::string_view prefix) {
    DAVENPORT_ASSIGN(const std::string id, document_id(request, prefix));
    if (id.starts_with("_local/")) return remove_local_document(endpoint, request, id);
    DAVENPORT_ASSIGN(const std::string revision, named_revision(request));
    DAVENPORT_ASSIGN(const auto database, endpoint.open(request));
    DAVENPORT_TRY(database->get(id));  // not_found: missing or deleted
    if (revision.empty()) return fail(ErrorCode::conflict, "a revision is needed to delete");
    DocumentWrite write;
    write.id = id;
    write.revision = revision;
    write.deleted = true;
    return write_one(*database, write, WriteMode::interactive);
}

struct Destination {
    std::string id;
    std::string revision;
};

Result<Destination> destination(const http::Request& request) {
    const auto header = request.headers.get("Destination");
    if (!header) return fail(refusal("bad_request", "Destination header is mandatory for COPY."));
    const std::size_t mark = header->find("?rev=");
    Destination to;
    DAVENPORT_ASSIGN(to.id, percent_decode(header->substr(0, mark)));
    DAVENPORT_TRY(documents::check_document_id(to.id));
    if (mark == std::string_view::npos) return to;
    to.revision = header->substr(mark + 5);
    if (const auto revision = documents::RevisionId::parse(to.revision); !revision)
        return fail(refusal("bad_request", "Invalid rev format: " + revision.error().message));
    return to;
}

Result<http::Response> copy(const Endpoint& endpoint, const http::Request& request,
                            std::string_view prefix) {
    DAVENPORT_ASSIGN(const std::string id, document_id(request, prefix));
    DAVENPORT_ASSIGN(const auto parameter, request.parameter("rev"));
    DAVENPORT_ASSIGN(const Destination to, destination(request));
    if (id.starts_with("_local/") || to.id.starts_with("_local/"))
        return fail(refusal("not_implemented", "_local documents are written with PUT"));
    DAVENPORT_ASSIGN(const auto database, endpoint.open(request));
    documents::ReadOptions options;
    options.revision = parameter.value_or("");
    DAVENPORT_ASSIGN(const Document from, database->get(id, options));
    DAVENPORT_ASSIGN(const ParsedDocument parsed,
                     DocumentParser().parse(from.body, UnknownReserved::drop));
    DocumentWrite write;
    write.id = to.id;
    write.revision = to.revision;
    write.body = from.body;
    write.type = parsed.type;
    for (const documents::AttachmentStub& stub : from.attachments) {
        documents::AttachmentWrite attachment;
        attachment.name = stub.name;
        attachment.content_type = stub.content_type;
        DAVENPORT_ASSIGN(attachment.source, database->attachment(id, from.revision, stub.name));
        write.attachments.push_back(std::move(attachment));
    }
    DAVENPORT_ASSIGN(http::Response response, write_one(*database, write, WriteMode::interactive));
    response.headers.add("Location", location(request, to.id));
    return response;
}

}  // namespace

void add_document_write_routes(RouteTable& routes, const SharedEndpoint& endpoint) {
    const auto body = http::BodyPolicy::text(endpoint->options.max_bulk_bytes);
    for (const std::string_view path : {"/:db", "/:db/"})
        routes.add("POST", path, body,
                   [endpoint](http::Request& request) { return post(*endpoint, request); });
    for (const std::string_view prefix : {"", "_design/"}) {
        const std::string path = fmt::format("/:db/{}:id", prefix);
        routes.add("PUT", path, body, [endpoint, prefix](http::Request& request) {
            return put(*endpoint, request, prefix);
        });
        routes.add("DELETE", path, http::BodyPolicy::none(),
                   [endpoint, prefix](http::Request& request) {
                       return remove(*endpoint, request, prefix);
                   });
        routes.add("COPY", path, http::BodyPolicy::none(),
                   [endpoint, prefix](http::Request& request) {
                       return copy(*endpoint, request, prefix);
                   });
    }
}

}  // namespace davenport::api::couchdb
