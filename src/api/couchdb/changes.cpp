// GET and POST _changes: what happened to documents, in the order of the sequence.
#include "answers.hpp"
#include "davenport/documents/document_text.hpp"
#include "document_answer.hpp"
#include "endpoint.hpp"

#include <algorithm>
#include <limits>
#include <unordered_set>

namespace davenport::api::couchdb {
namespace {

using documents::Document;
using documents::DocumentView;
using documents::Snapshot;

// `pending` is counted up to here; behind it the member is left out rather than guessed.
constexpr std::uint64_t max_counted_pending = 1000;

struct Feed {
    documents::ChangesOptions options;
    std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();
    bool include_docs = false;
    DocumentShape shape;  // of the documents
    bool design_only = false;
    std::optional<std::unordered_set<std::string>> only;  // ids, of filter=_doc_ids
    bool long_poll = false;
    std::uint64_t timeout_ms = 60'000;

    bool reads_documents() const { return include_docs && !shape.plain(); }
    bool selects(std::string_view id) const {
        if (design_only && !id.starts_with("_design/")) return false;
        return !only || only->contains(std::string(id));
    }
};

class Changes final : public RowsProducer {
  public:
    Changes(std::shared_ptr<Snapshot> snapshot, std::unique_ptr<documents::DocumentCursor> cursor,
            Feed feed)
        : feed_(std::move(feed)),
          snapshot_(std::move(snapshot)),
          cursor_(std::move(cursor)),
          left_(feed_.limit) {}

  private:
    std::string head() override { return "{\"results\":["; }

    // Documents with several leaves come as several views in a row, the winner first.
    Result<bool> row(std::string& out) override {
        if (left_ == 0) return false;
        if (!looked_ahead_) {
            DAVENPORT_ASSIGN(ahead_, cursor_->next());
        }
        looked_ahead_ = false;
        while (ahead_ && !feed_.selects(ahead_->id)) {
            DAVENPORT_ASSIGN(ahead_, cursor_->next());
        }
        if (!ahead_) return false;
        --left_;

        last_ = ahead_->sequence;
        out += "{\"seq\":";
        append_quoted(out, last_);
        out += ",\"id\":";
        append_quoted(out, ahead_->id);
        out += ",\"changes\":[{\"rev\":\"";
        out += ahead_->revision;
        out += "\"}";
        if (!feed_.options.all_leaves) {
            append_rest(out, *ahead_);
            return finish(out, ahead_->id, ahead_->revision);
        }
        const std::string id(ahead_->id);
        const std::string revision(ahead_->revision);
        std::string rest;
        append_rest(rest, *ahead_);
        for (;;) {
            DAVENPORT_ASSIGN(ahead_, cursor_->next());
            if (!ahead_ || ahead_->id != id) break;
            out += ",{\"rev\":\"";
            out += ahead_->revision;
            out += "\"}";
        }
        looked_ahead_ = true;
        out += rest;
        return finish(out, id, revision);
    }

    // What follows the revisions: the winner's state and, if the cursor brought it, its text.
    void append_rest(std::string& out, const DocumentView& winner) {
        out.push_back(']');
        if (winner.deleted) out += ",\"deleted\":true";
        if (!feed_.include_docs) return;
        out += ",\"doc\":";
        if (!feed_.reads_documents())
            documents::append_document_text(out, winner.id, winner.revision, winner.deleted,
                                            winner.body, winner.attachments);
    }

    Result<bool> finish(std::string& out, std::string_view id, std::string_view revision) {
        if (feed_.reads_documents()) {
            DAVENPORT_ASSIGN(Document document,
                             snapshot_->get(id, feed_.shape.read_options(std::string(revision))));
            if (feed_.shape.attachment_data && !document.attachments.empty()) {
                auto open = attachments_of(snapshot_, document.id, document.revision);
                continue_with(document_with_data(std::move(document), feed_.shape, std::move(open)),
                              "}");
                return true;
            }
            append_document(out, document, feed_.shape);
        }
        out.push_back('}');
        return true;
    }

    Result<std::string> tail() override {
        const bool cut = left_ == 0 && !feed_.options.descending;
        std::string text = "\n],\n\"last_seq\":";
        std::string last = cut ? last_ : snapshot_->reached();
        if (last.empty()) last = "0";
        append_quoted(text, last);
        DAVENPORT_ASSIGN(const auto pending,
                         cut ? count_pending() : Result<std::optional<std::uint64_t>>(0));
        if (pending) text += fmt::format(",\"pending\":{}", *pending);
        return text + "}\n";
    }

    Result<std::optional<std::uint64_t>> count_pending() {
        cursor_.reset();
        documents::ChangesOptions options;
        options.since = last_;
        options.bodies = false;
        DAVENPORT_ASSIGN(const auto cursor, snapshot_->changes(options));
        for (std::uint64_t count = 0; count <= max_counted_pending; ++count) {
            DAVENPORT_ASSIGN(const DocumentView* view, cursor->next());
            if (!view) return std::optional<std::uint64_t>(count);
        }
        return std::optional<std::uint64_t>();
    }

    const Feed feed_;
    const std::shared_ptr<Snapshot> snapshot_;
    std::unique_ptr<documents::DocumentCursor> cursor_;
    const DocumentView* ahead_ = nullptr;
    bool looked_ahead_ = false;
    std::uint64_t left_;  // rows that the limit still allows
    std::string last_;    // sequence of the last row
};

Result<> read_filter(const Parameters& parameters, Feed& feed) {
    DAVENPORT_ASSIGN(const auto filter, parameters.text("filter"));
    if (!filter || filter->empty()) return {};
    if (*filter == "_design") {
        feed.design_only = true;
        return {};
    }
    if (*filter != "_doc_ids")
        return fail(
            refusal("not_implemented", "only the filters _doc_ids and _design are supported"));
    DAVENPORT_ASSIGN(const auto list, parameters.value("doc_ids"));
    if (!list) return fail(refusal("bad_request", "`doc_ids` filter parameter is not a list."));
    DAVENPORT_ASSIGN(auto ids, string_array(*list, "doc_ids"));
    feed.only.emplace(std::make_move_iterator(ids.begin()), std::make_move_iterator(ids.end()));
    return {};
}

Result<Feed> read_feed(const Parameters& parameters) {
    Feed feed;
    DAVENPORT_ASSIGN(const auto given_kind, parameters.text("feed"));
    const std::string kind = given_kind.value_or("normal");
    feed.long_poll = kind == "longpoll";
    if (kind != "normal" && !feed.long_poll)
        return fail(refusal("not_implemented", "the feed must be normal or longpoll"));
    DAVENPORT_ASSIGN(const auto given_style, parameters.text("style"));
    const std::string style = given_style.value_or("main_only");
    feed.options.all_leaves = style == "all_docs";
    if (style != "main_only" && !feed.options.all_leaves)
        return fail(
            refusal("query_parse_error", "Invalid value for `style`: it is main_only or all_docs"));
    DAVENPORT_ASSIGN(const auto since, parameters.text("since"));
    feed.options.since = since.value_or("");
    DAVENPORT_ASSIGN(feed.options.descending, parameters.flag("descending", false));
    DAVENPORT_ASSIGN(const auto limit, parameters.count("limit"));
    if (limit) feed.limit = std::max<std::uint64_t>(*limit, 1);  // CouchDB takes 0 for 1 here
    DAVENPORT_ASSIGN(const auto timeout, parameters.count("timeout"));
    feed.timeout_ms = timeout.value_or(feed.timeout_ms);
    DAVENPORT_ASSIGN(feed.include_docs, parameters.flag("include_docs", false));
    DAVENPORT_ASSIGN(feed.shape.conflicts, parameters.flag("conflicts", false));
    DAVENPORT_ASSIGN(feed.shape.attachment_data, parameters.flag("attachments", false));
    feed.options.bodies = feed.include_docs && !feed.reads_documents();
    DAVENPORT_TRY(read_filter(parameters, feed));
    return feed;
}

// Waits for a change, if few others do already; whatever comes of it, the answer follows.
Result<> wait(Endpoint& endpoint, documents::Database& database, const Feed& feed) {
    if (!endpoint.waiting_feeds.try_acquire()) return {};
    const auto changed = database.wait_for_change(
        feed.options.since, std::min(feed.timeout_ms, endpoint.options.max_feed_wait_ms));
    endpoint.waiting_feeds.release();
    if (!changed) return fail(changed.error());
    return {};
}

Result<http::Response> changes(Endpoint& endpoint, const http::Request& request) {
    DAVENPORT_ASSIGN(const auto database, endpoint.open(request));
    Parameters parameters(request);
    if (request.method == "POST" && !request.body.empty()) {
        DAVENPORT_TRY(require_json(request));
        DAVENPORT_TRY(parameters.add_body(request.body));
    }
    DAVENPORT_ASSIGN(Feed feed, read_feed(parameters));
    if (feed.options.since == "now") {
        DAVENPORT_ASSIGN(const auto info, database->info());
        feed.options.since = info.sequence;
    }
    if (feed.long_poll) DAVENPORT_TRY(wait(endpoint, *database, feed));
    DAVENPORT_ASSIGN(std::shared_ptr<Snapshot> snapshot, database->snapshot());
    DAVENPORT_ASSIGN(auto cursor, snapshot->changes(feed.options));
    return stream_answer(
        std::make_unique<Changes>(std::move(snapshot), std::move(cursor), std::move(feed)));
}

}  // namespace

void add_changes_routes(RouteTable& routes, const SharedEndpoint& endpoint) {
    const auto action = [endpoint](http::Request& request) { return changes(*endpoint, request); };
    routes.add("GET", "/:db/_changes", http::BodyPolicy::none(), action);
    routes.add("POST", "/:db/_changes", http::BodyPolicy::text(endpoint->options.max_bulk_bytes),
               action);
}

}  // namespace davenport::api::couchdb
