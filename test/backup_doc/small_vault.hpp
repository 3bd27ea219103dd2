#pragma once

#include "davenport/backup_doc/writer.hpp"
#include "davenport/base/clock.hpp"
#include "davenport/vault/segment.hpp"
#include "davenport/vault/vault.hpp"
#include "support/encryption.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace davenport::test {

struct StoredDocument {
    std::string id, revision, body;
    std::string attachments;  // as in vault::Record
};

template <class T>
T value_of(Result<T> result) {
    if (!result) FAIL(result.error().message);
    return std::move(*result);
}
inline void check_done(const Result<>& result) {
    if (!result) FAIL(result.error().message);
}

// A vault over a store of the test's own, and backups in it.
class SmallVault {
  public:
    explicit SmallVault(std::unique_ptr<blobs::BlobStore> store = blobs::make_memory())
        : vault_(value_of(vault::Vault::open(std::move(store), clock_, test::chosen_ring()))) {}

    vault::Vault& vault() { return *vault_; }

    vault::DatabaseManifest database(const std::string& name,
                                     const std::vector<StoredDocument>& documents) {
        vault::DatabaseManifest manifest;
        manifest.name = name;
        manifest.identity = name + "-identity";
        manifest.started_ms = 1592922855874;
        manifest.finished_ms = 1592922856926;
        manifest.first_sequence = manifest.last_sequence = "17-abc";
        manifest.included = {"documents"};
        manifest.documents = documents.size();
        if (documents.empty()) return manifest;
        auto writer = value_of(vault_->create_segment());
        for (const StoredDocument& document : documents) {
            vault::Record record;
            record.id = document.id;
            record.revision = document.revision;
            record.body = document.body;
            record.attachments = document.attachments;
            check_done(writer->append(record));
        }
        manifest.segments.push_back(value_of(writer->finish()));
        return manifest;
    }

    vault::Manifest commit(std::string id, std::vector<vault::DatabaseManifest> databases) {
        vault::Manifest manifest;
        manifest.id = std::move(id);
        manifest.started_ms = 1592922838408;
        manifest.finished_ms = 1592922862177;
        manifest.product_version = "2.5.0-26";
        manifest.databases = std::move(databases);
        check_done(vault_->commit(manifest));
        return value_of(vault_->manifest(manifest.id));
    }

    vault::Vault::StoredAttachment put_attachment(std::string_view bytes) {
        return value_of(vault_->put_attachment([&](std::span<char> buffer) -> Result<std::size_t> {
            const std::size_t count = bytes.copy(buffer.data(), buffer.size());
            bytes.remove_prefix(count);
            return count;
        }));
    }

  private:
    SystemClock clock_;
    std::unique_ptr<vault::Vault> vault_;
};

// All of it, in pieces of `piece` bytes; an error is appended to the text so far and ends it.
struct Written {
    std::string text;
    std::optional<Error> error;
};
inline Written write_all(backup_doc::Writer& writer, std::size_t piece = 64 * 1024) {
    Written written;
    std::string buffer(piece, '\0');
    for (;;) {
        auto count = writer.read(buffer);
        if (!count) {
            written.error = count.error();
            // It stays.
            auto again = writer.read(buffer);
            REQUIRE(!again);
            return written;
        }
        REQUIRE(*count <= piece);
        if (*count == 0) return written;
        written.text.append(buffer, 0, *count);
    }
}
inline Written write_all(const vault::Vault& vault, const vault::Manifest& manifest,
                         std::size_t piece = 64 * 1024,
                         backup_doc::Contents contents = backup_doc::Contents::everything) {
    auto writer = value_of(
        backup_doc::Writer::create(vault, backup_doc::summarise(manifest), &manifest, contents));
    return write_all(*writer, piece);
}

}  // namespace davenport::test
