// POST _bulk_get: many documents, each at given revisions, as replicators ask for them.
#include "answers.hpp"
#include "document_answer.hpp"
#include "endpoint.hpp"

namespace davenport::api::couchdb {
namespace {

using documents::Document;

struct Wanted {
    std::string id;
    std::string revision;  // empty = every leaf
};

void append_failure(std::string& out, const std::string& id, std::string_view revision,
                    const Error& error) {
    out += "{\"error\":{\"id\":";
    append_quoted(out, id);
    out += ",\"rev\":";
    append_quoted(out, revision.empty() ? "undefined" : revision);
    out.push_back(',');
    append_error(out, error);
    out += "}}";
}

class BulkGet final : public RowsProducer {
  public:
    BulkGet(std::shared_ptr<documents::Database> database, std::vector<Wanted> wanted,
            DocumentShape shape, Latest latest)
        : database_(std::move(database)),
          wanted_(std::move(wanted)),
          shape_(shape),
          latest_(latest) {}

  private:
    std::string head() override { return "{\"results\":["; }
    Result<std::string> tail() override { return std::string("]}\n"); }
    Result<bool> row(std::string& out) override {
        if (next_ == wanted_.size()) return false;
        continue_with(std::make_unique<Item>(*this, wanted_[next_]), "]}");
        out += "{\"id\":";
        append_quoted(out, wanted_[next_].id);
        out += ",\"docs\":[";
        ++next_;
        return true;
    }

    // The revisions of one id.
    class Item final : public RowsProducer {
      public:
        Item(BulkGet& all, const Wanted& wanted) : all_(all), wanted_(wanted) {}

      private:
        std::string head() override { return {}; }
        Result<std::string> tail() override { return std::string(); }
        Result<bool> row(std::string& out) override {
            if (!found_) {
                auto found = look_up();
                if (!found) {
                    // What is wrong with one id is said in its place. Anything else, a disk that
                    // can't be read for one, must not look like a missing document.
                    const ErrorCode code = found.error().code;
                    if (code != ErrorCode::not_found && code != ErrorCode::invalid_argument)
                        return fail(std::move(found).error());
                    append_failure(out, wanted_.id, wanted_.revision, found.error());
                    found_.emplace();
                    return true;
                }
                found_ = std::move(*found);
            }
            if (next_ == found_->size()) return false;
            FoundRevision& entry = (*found_)[next_++];
            if (!entry.document) {
                append_failure(out, wanted_.id, entry.revision,
                               {ErrorCode::not_found, "missing", "missing"});
                return true;
            }
            out += "{\"ok\":";
            Document& document = *entry.document;
            if (all_.shape_.attachment_data && !document.attachments.empty()) {
                auto open = attachments_of(all_.database_, document.id, document.revision);
                continue_with(document_with_data(std::move(document), all_.shape_, std::move(open)),
                              "}");
                return true;
            }
            append_document(out, document, all_.shape_);
            out.push_back('}');
            return true;
        }

        Result<std::vector<FoundRevision>> look_up() {
            DAVENPORT_TRY(documents::check_document_id(wanted_.id));
            std::vector<std::string> revisions;
            if (!wanted_.revision.empty()) {
                DAVENPORT_TRY(documents::RevisionId::parse(wanted_.revision));
                revisions.push_back(wanted_.revision);
            }
            return find_revisions(*all_.database_, wanted_.id, revisions, all_.latest_,
                                  all_.shape_);
        }

        BulkGet& all_;
        const Wanted wanted_;
        std::optional<std::vector<FoundRevision>> found_;
        std::size_t next_ = 0;
    };

    const std::shared_ptr<documents::Database> database_;
    const std::vector<Wanted> wanted_;
    const DocumentShape shape_;
    const Latest latest_;
    std::size_t next_ = 0;
};

Result<std::vector<Wanted>> read_wanted(const json::object& body, std::uint64_t maximum) {
    const json::array* docs = array_member(body, "docs");
    if (!docs) return fail(refusal("bad_request", "Missing JSON list of 'docs'."));
    if (docs->size() > maximum)
        return fail(refusal("max_bulk_docs_count_exceeded", std::to_string(maximum)));
    std::vector<Wanted> wanted;
    wanted.reserve(docs->size());
    for (const json::value& entry : *docs) {
        const json::object* object = entry.if_object();
        const json::string* id = object ? string_member(*object, "id") : nullptr;
        if (!id)
            return fail(refusal(
                "bad_request",
                fmt::format("docs[{}] must be an object with a string `id`", wanted.size())));
        const json::value* revision = object->if_contains("rev");
        if (revision && !revision->is_string())
            return fail(refusal("bad_request",
                                fmt::format("`rev` of docs[{}] must be a string", wanted.size())));
        wanted.push_back({std::string(id->data(), id->size()), text_or(*object, "rev")});
    }
    return wanted;
}

Result<http::Response> bulk_get(const Endpoint& endpoint, const http::Request& request) {
    DAVENPORT_TRY(require_json(request));
    const Parameters parameters(request);
    DAVENPORT_ASSIGN(DocumentShape shape, DocumentShape::of(parameters));
    shape.revisions_info = false;
    DAVENPORT_ASSIGN(const bool latest, parameters.flag("latest", false));
    DAVENPORT_ASSIGN(auto database, endpoint.open(request));
    DAVENPORT_ASSIGN(const json::object body, parse_json_object(request.body));
    DAVENPORT_ASSIGN(auto wanted, read_wanted(body, endpoint.options.max_documents_per_request));
    return stream_answer(std::make_unique<BulkGet>(std::move(database), std::move(wanted), shape,
                                                   latest ? Latest::yes : Latest::no));
}

}  // namespace

void add_bulk_get_route(RouteTable& routes, const SharedEndpoint& endpoint) {
    routes.add("POST", "/:db/_bulk_get", http::BodyPolicy::text(endpoint->options.max_bulk_bytes),
               [endpoint](http::Request& request) { return bulk_get(*endpoint, request); });
}

}  // namespace davenport::api::couchdb
