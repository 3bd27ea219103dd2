#include "extra_documents.hpp"

namespace davenport::restore {

Result<> for_each_extra_document(IdCursor& source_ids, documents::Snapshot& snapshot,
                                 const SourceDatabase& database, const RestoreOptions& options,
                                 const SkippedIds& skip,
                                 const std::function<Result<>(std::string_view)>& visit) {
    std::set<std::string, std::less<>> kept_types(options.skipped_types.begin(),
                                                  options.skipped_types.end());
    kept_types.insert(database.skipped_types.begin(), database.skipped_types.end());

    // With their bodies: CouchDB knows a document's type from nowhere else.
    DAVENPORT_ASSIGN(auto existing, snapshot.all_docs({}));
    // Both sides ascend by the bytes of the id.
    DAVENPORT_ASSIGN(const std::string_view* source_id, source_ids.next());
    while (true) {
        DAVENPORT_ASSIGN(const documents::DocumentView* document, existing->next());
        if (document == nullptr) return {};
        while (source_id != nullptr && *source_id < document->id) {
            DAVENPORT_ASSIGN(source_id, source_ids.next());
        }
        const bool in_source = source_id != nullptr && *source_id == document->id;
        const bool kept = skip.contains(document->id) ||
                          (!document->type.empty() && kept_types.contains(document->type));
        if (!in_source && !kept) DAVENPORT_TRY(visit(document->id));
    }
}

}  // namespace davenport::restore
