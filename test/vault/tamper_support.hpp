#pragma once

#include "support.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "davenport/base/sealed_text.hpp"
#include "davenport/vault/offline.hpp"
#include "davenport/vault/proof.hpp"
#include "support/temporary_directory.hpp"

#include <filesystem>
#include <fstream>

namespace davenport::vault::test {

inline std::shared_ptr<const SigningKey> new_key() {
    return std::make_shared<const SigningKey>(SigningKey::generate());
}

// A vault on a real directory, as an auditor gets it.
struct SignedDisk {
    davenport::test::TemporaryDirectory directory;
    SystemClock clock;
    std::shared_ptr<const SigningKey> key = new_key();
    std::vector<VerifyingKey> trusted{key->public_key()};

    std::unique_ptr<Vault> open() { return open_with({key, trusted}); }
    std::unique_ptr<Vault> open_with(Signing signing) {
        return must(Vault::open(must(blobs::open_directory(root())), clock, chosen_ring(),
                                std::move(signing)));
    }
    std::string root() const { return directory / "vault"; }
    std::string path(const std::string& name) const { return root() + "/" + name; }

    std::string read(const std::string& name) const {
        std::ifstream file(path(name), std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    void write(const std::string& name, const std::string& bytes) const {
        std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
        std::ofstream(path(name), std::ios::binary | std::ios::trunc) << bytes;
    }
    void remove(const std::string& name) const { std::filesystem::remove(path(name)); }

    // Edits a manifest and makes its checksum fit again; signed by `by`, or not at all.
    void edit(const std::string& id, const std::function<void(Manifest&)>& change,
              const SigningKey* by = nullptr) const {
        Manifest manifest = must(decode_manifest(read("manifests/" + id)));
        change(manifest);
        write("manifests/" + id, encode(manifest, by));
    }

    // Backups b1, b2, … of one database, each with a segment of its own.
    void fill(Vault& vault, int first, int last) const {
        for (int i = first; i <= last; ++i) {
            const auto segment =
                must(write_segment(vault.store(), {document("x", std::to_string(i))}));
            must(vault.commit(backup(fmt::format("b{}", i), {entry("db", {segment})}, i)));
        }
    }

    Verification verify(const std::optional<Head>& head = std::nullopt) const {
        return must(verify_offline(directory.path().string(), trusted, head));
    }
    std::string findings(const std::optional<Head>& head = std::nullopt) const {
        return findings_text(verify(head));
    }
};

// Makes the checksum of a sealed text fit again, whatever was done to it. The signature stays.
inline std::string resealed(std::string text) {
    constexpr std::size_t checksum_bytes = 13 + 64 + 2;
    text.resize(text.size() - checksum_bytes);
    return text + ",\"checksum\":\"" + to_hex(as_bytes(sha256(text))) + "\"}";
}

}  // namespace davenport::vault::test
