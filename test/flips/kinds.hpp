#pragma once

#include "davenport/base/clock.hpp"
#include "davenport/documents/document_store.hpp"
#include "davenport/vault/vault.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace davenport::test {

// A kind of vault to flip bits in. Whoever adds a way to store a vault adds it here, and every
// promise about damage is tested on it.
struct Kind {
    std::string name;
    documents::Revisions revisions = documents::Revisions::winners;
    // Opens a vault of that kind, for writing and for reading.
    std::function<Result<std::unique_ptr<vault::Vault>>(std::unique_ptr<blobs::BlobStore>,
                                                        const Clock&)>
        open = [](std::unique_ptr<blobs::BlobStore> store, const Clock& clock) {
            return vault::Vault::open(std::move(store), clock);
        };
};

inline std::vector<Kind> kinds() {
    return {
        {.name = "winners"},
        {.name = "every leaf", .revisions = documents::Revisions::leaves},
    };
}

}  // namespace davenport::test
