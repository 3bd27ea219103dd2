#pragma once

#include "davenport/base/clock.hpp"
#include "davenport/vault/vault.hpp"
#include "support/encryption.hpp"
#include "support/faulty_blob_store.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace davenport::vault::test {

using davenport::test::chosen_ring;
using davenport::test::Faults;
using davenport::test::FaultyBlobStore;

// Stops a test with the error's message.
template <class T>
T must(Result<T> result) {
    if (!result) FAIL(result.error().message);
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

struct OwnedRecord {
    std::string id, revision;
    bool tombstone = false;
    std::string body = "{}", attachments, extra;
    bool operator==(const OwnedRecord&) const = default;
    Record view() const { return {id, revision, tombstone, body, attachments, extra}; }
};
inline OwnedRecord own(const Record& record) {
    return {std::string(record.id),   std::string(record.revision),    record.tombstone,
            std::string(record.body), std::string(record.attachments), std::string(record.extra)};
}
using Records = std::vector<OwnedRecord>;

inline OwnedRecord document(const std::string& id, const std::string& text,
                            const std::string& revision = "1-a") {
    return {id, revision, false, "{\"text\":\"" + text + "\"}", "", ""};
}
inline OwnedRecord tombstone(const std::string& id) {
    return {id, "2-dead", true, "{}", "", ""};
}

// nullopt when there is nothing to write.
inline Result<SegmentReference> write_segment(blobs::BlobStore& store, const Records& records,
                                              SegmentOptions options = {},
                                              const KeyRing& ring = chosen_ring()) {
    Keys keys(store, ring);
    options.keys = &keys;
    DAVENPORT_ASSIGN(const auto writer, SegmentWriter::create(store, options));
    for (const OwnedRecord& record : records) DAVENPORT_TRY(writer->append(record.view()));
    return writer->finish();
}

inline Result<std::shared_ptr<SegmentReader>> open_segment(const blobs::BlobStore& store,
                                                           const SegmentReference& reference,
                                                           const KeyRing& ring = chosen_ring()) {
    // Keys only read here.
    const Keys keys(const_cast<blobs::BlobStore&>(store), ring);
    return SegmentReader::open(store, reference, &keys);
}

inline Result<Records> drain(RecordCursor& cursor) {
    Records records;
    while (true) {
        DAVENPORT_ASSIGN(const Record* record, cursor.next());
        if (!record) return records;
        records.push_back(own(*record));
    }
}

inline DatabaseManifest entry(const std::string& name, std::vector<SegmentReference> segments) {
    DatabaseManifest database;
    database.name = name;
    database.identity = "identity of " + name;
    database.first_sequence = database.last_sequence = "7";
    database.included = {"documents"};
    database.segments = std::move(segments);
    return database;
}

inline Manifest backup(const std::string& id, std::vector<DatabaseManifest> databases,
                       std::int64_t started_ms = 0) {
    Manifest manifest;
    manifest.id = id;
    manifest.started_ms = started_ms;
    manifest.product_version = "0.1.0";
    manifest.databases = std::move(databases);
    return manifest;
}

// A store in memory that outlives the vaults on it, as a disk outlives processes.
struct Disk {
    std::shared_ptr<blobs::BlobStore> blobs = blobs::make_memory();
    std::shared_ptr<Faults> faults = std::make_shared<Faults>();
    SystemClock clock;

    std::unique_ptr<blobs::BlobStore> faulty() {
        return std::make_unique<FaultyBlobStore>(blobs, faults);
    }
    std::unique_ptr<Vault> open(KeyRing ring = chosen_ring()) {
        return must(Vault::open(faulty(), clock, std::move(ring)));
    }
    std::vector<std::string> names(const std::string& prefix) const {
        std::vector<std::string> found;
        for (const auto& blob : must(blobs->list(prefix))) found.push_back(blob.name);
        return found;
    }
    // Puts other bytes in the place of a blob, as a careless or hostile hand would.
    void overwrite(const std::string& name, const std::string& bytes) {
        must(blobs->remove(name));
        must(blobs::write_all(*blobs, name, bytes));
    }
    std::string read(const std::string& name) const {
        return must(blobs::read_all(*blobs, name, 1 << 30));
    }
};

inline std::string findings_text(const Verification& verification) {
    std::string text;
    for (const Finding& finding : verification.findings)
        text += fmt::format("[{}|{}|{}] {}\n", finding.backup_id, finding.database, finding.object,
                            finding.message);
    return text;
}

inline std::string put_attachment(Vault& vault, const std::string& bytes) {
    std::size_t at = 0;
    return must(vault.put_attachment([&](std::span<char> buffer) -> Result<std::size_t> {
               const std::size_t count =
                   std::min<std::size_t>({buffer.size(), bytes.size() - at, 7});
               bytes.copy(buffer.data(), count, at);
               at += count;
               return count;
           }))
        .sha256;
}

inline OwnedRecord with_attachment(OwnedRecord record, const std::string& sha256_hex) {
    record.attachments = fmt::format(
        R"({{"file.txt":{{"content_type":"text/plain","digest":"md5-x","length":3,"revpos":1,"sha256":"{}"}}}})",
        sha256_hex);
    return record;
}

}  // namespace davenport::vault::test
