#pragma once

#include "davenport/documents/document_store.hpp"
#include "davenport/vault/vault.hpp"

#include <string>

namespace davenport::replication {

// Copies the attachments of a document into the vault and returns what its record says about them
// (see vault::Record::attachments); empty for none. An attachment that can't be read whole is an
// error that names it.
//
// Always reads the bytes: the MD5 digest that a database gives them is no proof that the vault
// holds the same ones, their SHA-256 is.
Result<std::string> store_attachments(documents::Snapshot& snapshot, vault::Vault& vault,
                                      const documents::DocumentView& document);

}  // namespace davenport::replication
