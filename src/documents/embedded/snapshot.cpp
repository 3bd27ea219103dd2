#include "snapshot.hpp"

#include "blobs.hpp"

namespace davenport::documents::embedded {

Result<Snapshot::ChangedDocuments> EmbeddedSnapshot::changed_since(std::string_view since,
                                                                   Revisions revisions) {
    DAVENPORT_ASSIGN(const std::int64_t sequence, parse_sequence(since));
    DAVENPORT_ASSIGN(auto cursor, changed_cursor(view_, sequence, revisions));
    return ChangedDocuments{std::move(cursor), Order::by_id};
}

Result<std::unique_ptr<DocumentCursor>> EmbeddedSnapshot::all_docs(const AllDocsOptions& options) {
    return all_docs_cursor(view_, options);
}

Result<std::unique_ptr<DocumentCursor>> EmbeddedSnapshot::changes(const ChangesOptions& options) {
    return changes_cursor(view_, options);
}

Result<std::optional<std::uint64_t>> EmbeddedSnapshot::count_by_types(
    std::span<const std::string> types) {
    std::uint64_t sum = 0;
    for (const std::string& type : types) {
        DAVENPORT_ASSIGN(const std::uint64_t documents, view_->reader().count_type(type));
        sum += documents;
    }
    return std::optional(sum);
}

Result<Document> EmbeddedSnapshot::get(std::string_view id, const ReadOptions& options) {
    return view_->reader().get(id, options);
}

Result<std::unique_ptr<ByteSource>> EmbeddedSnapshot::attachment(std::string_view id,
                                                                 std::string_view revision,
                                                                 std::string_view name) {
    DAVENPORT_ASSIGN(StoredBlob blob, view_->reader().find_attachment(id, revision, name));
    return open_blob(view_, std::move(blob));
}

}  // namespace davenport::documents::embedded
