#pragma once

#include "davenport/documents/document_store.hpp"
#include "davenport/drills/drill.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace davenport::drills {

// One version of a document, as the vault has it: see vault::Record and vault::Leaf.
struct Expected {
    std::string_view body;
    std::string_view attachments;
};

// The same, read back. `revision` tells where its attachments are.
struct Found {
    std::string_view id;
    std::string_view revision;
    std::string_view body;
    std::vector<documents::AttachmentStub> attachments;
};

// What differs, for a person; nullopt = nothing. Reads every attachment to its end and counts.
// Errors: those of the store, and `corrupt` for a record of the vault that makes no sense.
Result<std::optional<std::string>> difference_of(const Expected& expected, const Found& found,
                                                 documents::Database& database,
                                                 DatabaseFindings& findings);

}  // namespace davenport::drills
