// GET and POST _all_docs: documents in the order of their ids, or at given keys.
#include "answers.hpp"
#include "davenport/documents/document_text.hpp"
#include "document_answer.hpp"
#include "endpoint.hpp"

#include <algorithm>
#include <limits>

namespace davenport::api::couchdb {
namespace {

using documents::Document;
using documents::DocumentView;
using documents::Snapshot;

enum class Sequence { hidden, shown };

struct Listing {
    KeyRange range;
    bool include_docs = false;
    DocumentShape shape;  // of the documents
    Sequence sequence = Sequence::hidden;

    // Whether rows need more of a document than the cursor brings.
    bool reads_documents() const { return include_docs && !shape.plain(); }
};

class AllDocs : public RowsProducer {
  public:
    AllDocs(std::shared_ptr<Snapshot> snapshot, Listing listing)
        : listing_(std::move(listing)),
          snapshot_(std::move(snapshot)),
          left_(listing_.range.limit.value_or(std::numeric_limits<std::uint64_t>::max())) {}

  protected:
    // Where the first row stands in the whole listing; nullopt = not known without counting.
    virtual std::optional<std::uint64_t> offset() const = 0;

    std::string head() override {
        const documents::DatabaseInfo& info = snapshot_->info();
        const auto first = offset();
        std::string text = fmt::format("{{\"total_rows\":{},\"offset\":{},", info.documents,
                                       first ? std::to_string(*first) : "null");
        if (listing_.sequence == Sequence::shown) {
            text += "\"update_seq\":";
            append_quoted(text, info.sequence.empty() ? "0" : info.sequence);
            text.push_back(',');
        }
        return text + "\"rows\":[";
    }
    Result<std::string> tail() override { return std::string("\n]}\n"); }

    static void begin_row(std::string& out, std::string_view id, std::string_view revision) {
        out += "{\"id\":";
        const std::size_t begin = out.size();
        append_quoted(out, id);
        const std::size_t length = out.size() - begin;
        out += ",\"key\":";
        out.append(out, begin, length);
        out += ",\"value\":{\"rev\":\"";
        out += revision;
        out += "\"";
    }

    // The row's `doc`, read apart because the listing wants more than the cursor brings.
    Result<> finish_row(std::string& out, Document document) {
        if (listing_.shape.attachment_data && !document.attachments.empty()) {
            auto open = attachments_of(snapshot_, document.id, document.revision);
            continue_with(document_with_data(std::move(document), listing_.shape, std::move(open)),
                          "}");
            return {};
        }
        append_document(out, document, listing_.shape);
        out.push_back('}');
        return {};
    }

    const Listing listing_;
    const std::shared_ptr<Snapshot> snapshot_;
    std::uint64_t left_;  // rows that the limit still allows
};

class RangeOfDocs final : public AllDocs {
  public:
    RangeOfDocs(std::shared_ptr<Snapshot> snapshot,
                std::unique_ptr<documents::DocumentCursor> cursor, Listing listing)
        : AllDocs(std::move(snapshot), std::move(listing)), cursor_(std::move(cursor)) {}

  private:
    std::optional<std::uint64_t> offset() const override {
        if (listing_.range.start || listing_.range.nothing) return std::nullopt;
        return std::min(listing_.range.skip, snapshot_->info().documents);
    }

    Result<bool> row(std::string& out) override {
        if (listing_.range.nothing || left_ == 0) return false;
        for (; skipped_ < listing_.range.skip; ++skipped_) {
            DAVENPORT_ASSIGN(const DocumentView* skipped, cursor_->next());
            if (!skipped) return false;
        }
        DAVENPORT_ASSIGN(const DocumentView* view, cursor_->next());
        if (!view) return false;
        --left_;
        begin_row(out, view->id, view->revision);
        out.push_back('}');
        if (!listing_.include_docs) {
            out.push_back('}');
            return true;
        }
        out += ",\"doc\":";
        if (!listing_.reads_documents()) {
            documents::append_document_text(out, view->id, view->revision, view->deleted,
                                            view->body, view->attachments);
            out.push_back('}');
            return true;
        }
        DAVENPORT_ASSIGN(
            Document document,
            snapshot_->get(view->id, listing_.shape.read_options(std::string(view->revision))));
        DAVENPORT_TRY(finish_row(out, std::move(document)));
        return true;
    }

    const std::unique_ptr<documents::DocumentCursor> cursor_;
    std::uint64_t skipped_ = 0;
};

class DocsAtKeys final : public AllDocs {
  public:
    DocsAtKeys(std::shared_ptr<Snapshot> snapshot, std::shared_ptr<documents::Database> database,
               json::array keys, Listing listing)
        : AllDocs(std::move(snapshot), std::move(listing)),
          database_(std::move(database)),
          keys_(std::move(keys)),
          next_(std::min<std::uint64_t>(listing_.range.skip, keys_.size())) {
        if (listing_.range.descending) std::reverse(keys_.begin(), keys_.end());
    }

  private:
    std::optional<std::uint64_t> offset() const override { return std::nullopt; }

    Result<bool> row(std::string& out) override {
        if (next_ == keys_.size() || left_ == 0) return false;
        --left_;
        const json::value& key = keys_[next_++];
        const json::string* text = key.if_string();
        const std::string id = text ? std::string(text->data(), text->size()) : std::string();
        if (!documents::check_document_id(id)) return append_missing(out, key);

        auto document = snapshot_->get(
            id, listing_.include_docs ? listing_.shape.read_options({}) : documents::ReadOptions());
        if (!document && document.error().code != ErrorCode::not_found)
            return fail(std::move(document).error());
        if (!document && document.error().detail == "deleted") return append_deleted(out, id, key);
        if (!document) return append_missing(out, key);
        begin_row(out, id, document->revision);
        out.push_back('}');
        if (!listing_.include_docs) {
            out.push_back('}');
            return true;
        }
        out += ",\"doc\":";
        DAVENPORT_TRY(finish_row(out, std::move(*document)));
        return true;
    }

    static Result<bool> append_missing(std::string& out, const json::value& key) {
        out += "{\"key\":" + to_text(key) + ",\"error\":\"not_found\"}";
        return true;
    }

    Result<bool> append_deleted(std::string& out, const std::string& id, const json::value& key) {
        auto leaves = database_->leaves(id, false);
        if (!leaves && leaves.error().code != ErrorCode::not_found)
            return fail(std::move(leaves).error());
        if (!leaves || leaves->empty()) return append_missing(out, key);
        begin_row(out, id, leaves->front().revision);
        out += ",\"deleted\":true}";
        if (listing_.include_docs) out += ",\"doc\":null";
        out.push_back('}');
        return true;
    }

    const std::shared_ptr<documents::Database> database_;
    json::array keys_;
    std::size_t next_;
};

Result<Listing> read_listing(const Parameters& parameters) {
    Listing listing;
    DAVENPORT_ASSIGN(listing.range, key_range(parameters));
    DAVENPORT_ASSIGN(listing.include_docs, parameters.flag("include_docs", false));
    DAVENPORT_ASSIGN(listing.shape.conflicts, parameters.flag("conflicts", false));
    DAVENPORT_ASSIGN(listing.shape.attachment_data, parameters.flag("attachments", false));
    DAVENPORT_ASSIGN(const bool sequence, parameters.flag("update_seq", false));
    if (sequence) listing.sequence = Sequence::shown;
    return listing;
}

Result<http::Response> all_docs(const Endpoint& endpoint, const http::Request& request) {
    DAVENPORT_ASSIGN(auto database, endpoint.open(request));
    Parameters parameters(request);
    if (request.method == "POST") {
        DAVENPORT_TRY(require_json(request));
        DAVENPORT_TRY(parameters.add_body(request.body));
    }
    DAVENPORT_ASSIGN(Listing listing, read_listing(parameters));
    DAVENPORT_ASSIGN(auto keys, parameters.value("keys"));
    if (keys && !keys->is_array())
        return fail(refusal("bad_request", "`keys` body member must be an array."));
    if (keys && keys->get_array().size() > endpoint.options.max_documents_per_request)
        return fail(refusal("max_bulk_docs_count_exceeded",
                            std::to_string(endpoint.options.max_documents_per_request)));

    DAVENPORT_ASSIGN(std::shared_ptr<Snapshot> snapshot, database->snapshot());
    if (keys)
        return stream_answer(std::make_unique<DocsAtKeys>(std::move(snapshot), std::move(database),
                                                          std::move(keys->get_array()),
                                                          std::move(listing)));
    documents::AllDocsOptions options;
    options.start_id = listing.range.start;
    options.end_id = listing.range.end;
    options.inclusive_end = listing.range.inclusive_end;
    options.descending = listing.range.descending;
    options.bodies = listing.include_docs && !listing.reads_documents();
    DAVENPORT_ASSIGN(auto cursor, snapshot->all_docs(options));
    return stream_answer(
        std::make_unique<RangeOfDocs>(std::move(snapshot), std::move(cursor), std::move(listing)));
}

}  // namespace

void add_all_docs_routes(RouteTable& routes, const SharedEndpoint& endpoint) {
    const auto action = [endpoint](http::Request& request) { return all_docs(*endpoint, request); };
    routes.add("GET", "/:db/_all_docs", http::BodyPolicy::none(), action);
    routes.add("POST", "/:db/_all_docs", http::BodyPolicy::text(endpoint->options.max_bulk_bytes),
               action);
}

}  // namespace davenport::api::couchdb
