#pragma once

#include "davenport/blobs/blob_store.hpp"
#include "davenport/documents/document_store.hpp"
#include "davenport/metrics/registry.hpp"

#include <memory>
#include <string_view>

// Stores that pass every call on and measure it. Cursors and sources are handed out as they are:
// what is measured is the call that opens them. `metrics` must outlive the stores.
namespace davenport::service {

std::unique_ptr<documents::DocumentStore> measured(std::unique_ptr<documents::DocumentStore> store,
                                                   metrics::Registry& metrics);
std::unique_ptr<blobs::BlobStore> measured(std::unique_ptr<blobs::BlobStore> store,
                                           metrics::Registry& metrics);

}  // namespace davenport::service
