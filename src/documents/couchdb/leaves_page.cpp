#include "leaves_page.hpp"

#include "client_exchange.hpp"
#include "reads.hpp"

#include <algorithm>

namespace davenport::documents::couchdb {
namespace {

// As many as CouchDB's own replicator asks for at one time.
constexpr std::size_t max_documents = 500;
constexpr std::size_t max_revisions = 2'000;
constexpr std::size_t max_refusal_bytes = 64 * 1024;

bool are_those(const std::vector<FoundDocument>& found, std::vector<std::string> asked) {
    std::vector<std::string> revisions;
    revisions.reserve(found.size());
    for (const FoundDocument& leaf : found) revisions.push_back(leaf.document.revision);
    std::sort(revisions.begin(), revisions.end());
    std::sort(asked.begin(), asked.end());
    return revisions == asked;
}

void add_once(std::vector<FoundDocument>& leaves, FoundDocument leaf) {
    const bool known = std::any_of(leaves.begin(), leaves.end(), [&](const FoundDocument& other) {
        return other.document.revision == leaf.document.revision;
    });
    if (!known) leaves.push_back(std::move(leaf));
}

}  // namespace

bool LeavesPage::is_full() const {
    return documents_.size() >= max_documents || revisions_ >= max_revisions;
}

void LeavesPage::add(ChangedDocument document) {
    revisions_ += document.leaves.size();
    ids_.insert(document.id);
    documents_.push_back(std::move(document));
}

// By revision, each as the latest that came of it: so no server gives less than the leaves that it
// has listed.
void LeavesPage::begin() {
    std::string body = "{\"docs\":[";
    for (std::size_t i = at_; i < documents_.size(); ++i)
        for (const std::string& revision : documents_[i].leaves) {
            body += body.back() == '[' ? "{\"id\":" : ",{\"id\":";
            append_quoted(body, documents_[i].id);
            body += ",\"rev\":";
            append_quoted(body, revision);
            body.push_back('}');
        }
    body += "]}";
    PathQuery path(place_.path + "/_bulk_get");
    path.add("revs", "true").add("latest", "true");
    rows_.reset();
    ahead_.reset();
    exchange_ = place_.client().begin(post_request(path.take(), std::move(body)));
}

Result<> LeavesPage::open() {
    if (!exchange_) begin();
    DAVENPORT_ASSIGN(const Head* head, exchange_->head());
    if (head->status < 200 || head->status >= 300) {
        DAVENPORT_ASSIGN(const Answer answer, collect(*exchange_, max_refusal_bytes));
        return fail(database_error(answer, place_, "the documents"));
    }
    rows_.emplace(std::move(exchange_), "results", place_.server->max_document_bytes());
    return {};
}

// All rows about the current document: servers give one for each revision, or one for them all.
Result<> LeavesPage::read_document() {
    if (!rows_) DAVENPORT_TRY(open());
    const std::string& id = documents_[at_].id;
    found_.leaves.clear();
    error_.clear();
    bool any = false;
    while (true) {
        if (!ahead_) {
            DAVENPORT_ASSIGN(const auto text, rows_->next());
            if (!text) break;
            DAVENPORT_ASSIGN(ahead_, reader_.read_revisions(*text));
        }
        if (ahead_->id != id) break;
        any = true;
        for (FoundDocument& leaf : ahead_->documents) add_once(found_.leaves, std::move(leaf));
        if (!ahead_->error.empty()) error_ = ahead_->error;
        ahead_.reset();
    }
    if (!any) return fail(ErrorCode::corrupt, "the answer says nothing about document \"{}\"", id);
    return {};
}

// Where the server has not got a revision any more that it listed, or can't read one just now.
Result<> LeavesPage::read_alone() {
    const std::string& id = documents_[at_].id;
    auto leaves = read_leaves(place_, id, true);
    if (!leaves) {
        Error error = std::move(leaves).error();
        error.message =
            fmt::format("document \"{}\" is listed and can't be read: {}", id, error.message);
        return fail(std::move(error));
    }
    found_.leaves = std::move(*leaves);
    return {};
}

Result<LeavesPage::Found*> LeavesPage::next() {
    if (at_ == documents_.size()) return static_cast<Found*>(nullptr);
    while (true) {
        auto read = read_document();
        if (read) break;
        rows_.reset();
        exchange_.reset();
        if (!worth_resuming(read.error()) || !patience_.wait()) return fail(read.error());
    }
    patience_.progress();
    if (!error_.empty() || found_.leaves.empty()) DAVENPORT_TRY(read_alone());
    for (const FoundDocument& leaf : found_.leaves)
        if (leaf.document.id != documents_[at_].id || leaf.document.history.empty() ||
            leaf.document.history.front() != leaf.document.revision)
            return fail(ErrorCode::corrupt,
                        "the revisions of document \"{}\" are not as CouchDB writes them",
                        documents_[at_].id);
    sort_leaves(found_.leaves);
    found_.asked = &documents_[at_];
    found_.moved_on = !are_those(found_.leaves, found_.asked->leaves);
    ++at_;
    return &found_;
}

}  // namespace davenport::documents::couchdb
