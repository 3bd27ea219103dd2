#pragma once

#include "davenport/documents/document_store.hpp"
#include "davenport/http/message.hpp"

#include <memory>

namespace davenport::api::couchdb {

// The bytes of a request's spooled body, for a document's attachment. A request without a body has
// no file and is an attachment of no bytes.
Result<std::shared_ptr<documents::ByteSource>> open_body(const http::SpooledBody& body);

}  // namespace davenport::api::couchdb
