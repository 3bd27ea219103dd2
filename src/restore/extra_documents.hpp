#pragma once

#include "selection.hpp"

#include <functional>
#include <string_view>

namespace davenport::restore {

// Calls `visit` with the id of every document of the snapshot that an exact restore deletes: those
// whose id the source does not hold, unless it is skipped or the document is of a type that backups
// leave out. Ascending; memory stays flat.
Result<> for_each_extra_document(IdCursor& source_ids, documents::Snapshot& snapshot,
                                 const SourceDatabase& database, const RestoreOptions& options,
                                 const SkippedIds& skip,
                                 const std::function<Result<>(std::string_view)>& visit);

}  // namespace davenport::restore
