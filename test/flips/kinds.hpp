#pragma once

#include "davenport/base/clock.hpp"
#include "davenport/documents/document_store.hpp"
#include "davenport/vault/key_ring.hpp"
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
    vault::KeyRing ring;
    ring.use_master(crypto::Secret::random());
    const auto key = std::make_shared<const SigningKey>(SigningKey::generate());
    const vault::Signing signing{key, {key->public_key()}};
    const auto opened_with = [](vault::KeyRing keys, vault::Signing signs) {
        return [keys = std::move(keys), signs = std::move(signs)](
                   std::unique_ptr<blobs::BlobStore> store, const Clock& clock) {
            return vault::Vault::open(std::move(store), clock, keys, signs);
        };
    };
    return {
        {.name = "winners"},
        {.name = "every leaf", .revisions = documents::Revisions::leaves},
        {.name = "signed", .open = opened_with({}, signing)},
        {.name = "encrypted and signed", .open = opened_with(ring, signing)},
    };
}

}  // namespace davenport::test
