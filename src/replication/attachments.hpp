#pragma once

#include "davenport/documents/document_store.hpp"
#include "davenport/vault/vault.hpp"

#include <string>

namespace davenport::replication {

// Copies the attachments of a document into the vault and returns what its record says about them
// (see vault::Record::attachments); empty for none. An attachment that can't be read whole is an
// error that names it.
//
// `known` is what an earlier record of this document says about its attachments, or empty: one that
// has the same digest and length there is not fetched again, as long as the vault has
// its bytes. Of other documents' attachments nothing is concluded: a database's MD5 digest alone is
// no proof that two are the same.
Result<std::string> store_attachments(documents::Snapshot& snapshot, vault::Vault& vault,
                                      const documents::DocumentView& document,
                                      std::string_view known);

}  // namespace davenport::replication
