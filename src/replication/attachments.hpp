#pragma once

#include "davenport/documents/document_store.hpp"
#include "davenport/vault/vault.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::replication {

// One revision of a document, with the attachments that it has.
struct AttachmentsOf {
    std::string_view id;
    std::string_view revision;
    std::vector<documents::AttachmentStub> stubs;
};

// Copies the attachments into the vault and returns what a record says about them (see
// vault::Record::attachments); empty for none. An attachment that can't be read whole is an error
// that names it.
//
// `known` is what is said already about attachments of this document, by an earlier record or of
// another leaf: one that has the same name, digest and length there is not fetched again, as long
// as the vault has its bytes. Of other documents' attachments nothing is concluded: a database's
// MD5 digest alone is no proof that two are the same.
Result<std::string> store_attachments(documents::Snapshot& snapshot, vault::Vault& vault,
                                      const AttachmentsOf& revision,
                                      std::span<const std::string> known);

}  // namespace davenport::replication
