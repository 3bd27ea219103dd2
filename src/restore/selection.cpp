#include "selection.hpp"

namespace davenport::restore {

const SkippedIds& skipped_ids(const RestoreOptions& options, std::string_view database) {
    static const SkippedIds none;
    const auto list = options.skip.find(database);
    return list != options.skip.end() ? list->second : none;
}

Result<std::unique_ptr<Selection>> Selection::open(Source& source, const SourceDatabase& database,
                                                   History history, Winners& winners,
                                                   const SkippedIds& skip) {
    DAVENPORT_ASSIGN(auto documents, history == History::exact ? source.revisions(database.key)
                                                               : source.documents(database.key));
    return std::unique_ptr<Selection>(new Selection(std::move(documents), winners, skip));
}

Result<const SourceDocument*> Selection::next() {
    while (true) {
        DAVENPORT_ASSIGN(const SourceDocument* document, documents_->next());
        if (document == nullptr) return document;
        if (document->further) {
            if (!skip_.contains(document->id)) return document;
            continue;
        }
        DAVENPORT_ASSIGN(const bool stands, winners_.stands(document->id, read_++));
        if (!stands) continue;
        if (!skip_.contains(document->id)) return document;
        ++skipped_;
    }
}

}  // namespace davenport::restore
