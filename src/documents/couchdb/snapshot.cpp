#include "snapshot.hpp"

#include "leaves_cursor.hpp"
#include "reads.hpp"

namespace davenport::documents::couchdb {

CouchdbSnapshot::CouchdbSnapshot(Place place, DatabaseInfo info, std::function<Result<>()> settle)
    : place_(std::move(place)),
      info_(std::move(info)),
      settle_(std::move(settle)),
      progress_(std::make_shared<Progress>()) {
    progress_->reached = info_.sequence;
}

Result<Snapshot::ChangedDocuments> CouchdbSnapshot::changed_since(std::string_view since,
                                                                  Revisions revisions) {
    const bool everything = since.empty() || since == "0";
    if (everything && revisions == Revisions::winners) {
        // Documents in id order cost CouchDB less than changes do.
        auto all = std::make_unique<AllDocsCursor>(place_, AllDocsOptions{}, progress_);
        DAVENPORT_TRY(all->open());
        auto rest = std::make_unique<CatchUpCursor>(place_, info_.sequence, progress_, settle_);
        return ChangedDocuments{std::move(all), Order::by_id, std::move(rest)};
    }
    if (!everything && (!is_sequence(since, info_.sequence) ||
                        sequence_number(since) > sequence_number(info_.sequence)))
        return fail(ErrorCode::invalid_argument,
                    "the given sequence is none that database \"{}\" has had", place_.name);
    if (revisions == Revisions::leaves) {
        auto leaves =
            std::make_unique<LeavesCursor>(place_, std::string(since), progress_, settle_);
        DAVENPORT_TRY(leaves->open());
        return ChangedDocuments{std::move(leaves), Order::by_sequence};
    }
    auto changes = std::make_unique<CatchUpCursor>(place_, std::string(since), progress_, settle_);
    DAVENPORT_TRY(changes->open());
    return ChangedDocuments{std::move(changes), Order::by_sequence};
}

Result<std::unique_ptr<DocumentCursor>> CouchdbSnapshot::all_docs(const AllDocsOptions& options) {
    auto cursor = std::make_unique<AllDocsCursor>(place_, options, progress_);
    DAVENPORT_TRY(cursor->open());
    return std::unique_ptr<DocumentCursor>(std::move(cursor));
}

Result<std::unique_ptr<DocumentCursor>> CouchdbSnapshot::changes(const ChangesOptions& options) {
    if (!is_sequence(options.since, info_.sequence))
        return fail(ErrorCode::invalid_argument, "the given sequence is none of database \"{}\"",
                    place_.name);
    if (options.descending && !options.since.empty() && options.since != "0")
        return fail(ErrorCode::unsupported,
                    "CouchDB gives no changes backwards down to a sequence");
    auto cursor = std::make_unique<ChangesCursor>(place_, options, progress_);
    DAVENPORT_TRY(cursor->open());
    return std::unique_ptr<DocumentCursor>(std::move(cursor));
}

Result<Document> CouchdbSnapshot::get(std::string_view id, const ReadOptions& options) {
    progress_->read_singly = true;
    DAVENPORT_ASSIGN(auto found, read_document(place_, id, options));
    return std::move(found.document);
}

Result<std::unique_ptr<ByteSource>> CouchdbSnapshot::attachment(std::string_view id,
                                                                std::string_view revision,
                                                                std::string_view name) {
    return read_attachment(place_, id, revision, name);
}

}  // namespace davenport::documents::couchdb
