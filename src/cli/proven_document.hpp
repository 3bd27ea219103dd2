#pragma once

#include "davenport/base/result.hpp"
#include "davenport/vault/proof.hpp"

#include <string>
#include <string_view>

namespace davenport::cli {

// The document as CouchDB would send it, from what a proof shows of it.
std::string document_text(const vault::Proven& proven);

// In which way a document's JSON text is not the proven one; empty: it is. Members in any order are
// equal. `_rev` and `_id` are compared where the text has them; attachments by name and digest.
Result<std::string> find_difference(const vault::Proven& proven, std::string_view text);

}  // namespace davenport::cli
