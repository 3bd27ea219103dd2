// Documents one by one: GET and HEAD, with revisions and conflicts.
#include "answers.hpp"
#include "document_answer.hpp"
#include "endpoint.hpp"
#include "local_documents.hpp"
#include "parameters.hpp"

namespace davenport::api::couchdb {
namespace {

using documents::Document;

bool names_etag(std::string_view header, std::string_view etag) {
    return header == "*" || header.find(etag) != std::string_view::npos;
}

// The text of `_revs_info`: which revisions of the branch can still be read.
Result<std::string> revisions_info(documents::Database& database, const Document& document) {
    std::string text = "[";
    for (const std::string& revision : document.history) {
        if (text.size() > 1) text.push_back(',');
        std::string_view status = document.deleted ? "deleted" : "available";
        if (revision != document.revision) {
            documents::ReadOptions options;
            options.revision = revision;
            const auto older = database.get(document.id, options);
            if (!older && older.error().code != ErrorCode::not_found) return fail(older.error());
            status = !older ? "missing" : older->deleted ? "deleted" : "available";
        }
        text += "{\"rev\":";
        append_quoted(text, revision);
        text += fmt::format(",\"status\":\"{}\"}}", status);
    }
    return text + "]";
}

// `[{"ok":…},{"missing":…}]`
class OpenRevisions final : public RowsProducer {
  public:
    OpenRevisions(std::shared_ptr<documents::Database> database, std::vector<FoundRevision> found,
                  DocumentShape shape)
        : database_(std::move(database)), found_(std::move(found)), shape_(shape) {}

  private:
    std::string head() override { return "["; }
    Result<std::string> tail() override { return std::string("]\n"); }
    Result<bool> row(std::string& out) override {
        if (next_ == found_.size()) return false;
        FoundRevision& entry = found_[next_++];
        if (!entry.document) {
            out += "{\"missing\":";
            append_quoted(out, entry.revision);
            out += "}";
            return true;
        }
        out += "{\"ok\":";
        Document& document = *entry.document;
        auto open = attachments_of(database_, document.id, document.revision);
        if (shape_.attachment_data) {
            continue_with(document_with_data(std::move(document), shape_, std::move(open)), "}");
            return true;
        }
        append_document(out, document, shape_);
        out += "}";
        return true;
    }

    std::shared_ptr<documents::Database> database_;
    std::vector<FoundRevision> found_;
    const DocumentShape shape_;
    std::size_t next_ = 0;
};

Result<http::Response> open_revisions(std::shared_ptr<documents::Database> database,
                                      const std::string& id, std::string_view wanted,
                                      const Parameters& parameters, const DocumentShape& shape) {
    std::vector<std::string> revisions;
    if (wanted != "all") {
        DAVENPORT_ASSIGN(const auto list, parameters.value("open_revs"));
        DAVENPORT_ASSIGN(revisions, string_array(*list, "open_revs"));
        for (const std::string& revision : revisions)
            if (const auto parsed = documents::RevisionId::parse(revision); !parsed)
                return fail(
                    refusal("bad_request", "Invalid rev format: " + parsed.error().message));
        if (revisions.empty()) return json_answer(200, "[]\n");
    }
    DAVENPORT_ASSIGN(const bool latest, parameters.flag("latest", false));
    DAVENPORT_ASSIGN(auto found, find_revisions(*database, id, revisions,
                                                latest ? Latest::yes : Latest::no, shape));
    return stream_answer(
        std::make_unique<OpenRevisions>(std::move(database), std::move(found), shape));
}

Result<Document> find(documents::Database& database, const std::string& id,
                      const std::string& revision, const Parameters& parameters,
                      const DocumentShape& shape) {
    DAVENPORT_ASSIGN(const bool latest, parameters.flag("latest", false));
    if (!latest || revision.empty()) return database.get(id, shape.read_options(revision));
    DAVENPORT_ASSIGN(auto found, find_revisions(database, id, {revision}, Latest::yes, shape));
    if (!found.front().document) return fail(Error{ErrorCode::not_found, "missing", "missing"});
    return database.get(id, shape.read_options(found.front().document->revision));
}

Result<http::Response> get(const Endpoint& endpoint, const http::Request& request,
                           std::string_view prefix) {
    DAVENPORT_ASSIGN(const std::string id, document_id(request, prefix));
    if (id.starts_with("_local/")) return get_local_document(endpoint, request, id);
    DAVENPORT_ASSIGN(auto database, endpoint.open(request));
    const Parameters parameters(request);
    DAVENPORT_ASSIGN(const DocumentShape shape, DocumentShape::of(parameters));
    DAVENPORT_ASSIGN(const auto wanted, parameters.text("open_revs"));
    if (wanted) return open_revisions(std::move(database), id, *wanted, parameters, shape);

    DAVENPORT_ASSIGN(const auto revision, parameters.text("rev"));
    if (revision)
        if (const auto parsed = documents::RevisionId::parse(*revision); !parsed)
            return fail(refusal("bad_request", "Invalid rev format: " + parsed.error().message));
    DAVENPORT_ASSIGN(Document document,
                     find(*database, id, revision.value_or(""), parameters, shape));

    const std::string etag = fmt::format("\"{}\"", document.revision);
    if (shape.plain() && names_etag(request.headers.get("If-None-Match").value_or(""), etag)) {
        http::Response unchanged;
        unchanged.status = 304;
        unchanged.headers.add("ETag", etag);
        return unchanged;
    }
    std::string info;
    if (shape.revisions_info) {
        DAVENPORT_ASSIGN(info, revisions_info(*database, document));
    }
    if (shape.attachment_data && !document.attachments.empty()) {
        auto open = attachments_of(std::move(database), id, document.revision);
        return stream_answer(document_with_data(std::move(document), shape, std::move(open), info));
    }
    std::string text;
    append_document(text, document, shape, info);
    text.push_back('\n');
    http::Response response = json_answer(200, std::move(text));
    if (shape.plain()) response.headers.add("ETag", etag);
    return response;
}

}  // namespace

void add_document_read_routes(RouteTable& routes, const SharedEndpoint& endpoint) {
    for (const std::string_view prefix : {"", "_design/"})
        routes.add(
            "GET", fmt::format("/:db/{}:id", prefix), http::BodyPolicy::none(),
            [endpoint, prefix](http::Request& request) { return get(*endpoint, request, prefix); });
}

}  // namespace davenport::api::couchdb
