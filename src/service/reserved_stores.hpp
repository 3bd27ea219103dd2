#pragma once

#include "davenport/blobs/blob_store.hpp"
#include "davenport/documents/document_store.hpp"
#include "davenport/service/reserve.hpp"

#include <memory>
#include <string_view>

namespace davenport::service {

// The same stores on a disk with a reserve (which must outlive them): data is refused while it is
// given up, what is written to the database `records` and what frees space may spend it.
std::unique_ptr<documents::DocumentStore> with_reserve(
    std::unique_ptr<documents::DocumentStore> store, Reserve& reserve, std::string_view records);
std::unique_ptr<blobs::BlobStore> with_reserve(std::unique_ptr<blobs::BlobStore> store,
                                               Reserve& reserve);

}  // namespace davenport::service
