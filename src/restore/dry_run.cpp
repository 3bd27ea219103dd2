#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "davenport/documents/document_text.hpp"

#include "extra_documents.hpp"

#include <algorithm>
#include <array>

namespace davenport::restore {
namespace {

constexpr std::uint64_t report_every_documents = 2'000;

enum class Match { same, different, missing_stub };

struct Bytes {
    std::string digest;
    std::uint64_t length = 0;
};

Result<Bytes> hash_all(documents::ByteSource& source) {
    Md5 hash;
    Bytes bytes;
    std::array<char, 64 * 1024> buffer;
    while (true) {
        DAVENPORT_ASSIGN(const std::size_t size, source.read(buffer));
        if (size == 0) break;
        hash.update({buffer.data(), size});
        bytes.length += size;
    }
    bytes.digest = "md5-" + to_base64(as_bytes(hash.finish()));
    return bytes;
}

// A document as it is in the database, and how to read its attachments.
struct Existing {
    documents::Snapshot* snapshot;
    documents::Document document;

    const documents::AttachmentStub* attachment(const std::string& name) const {
        const auto& all = document.attachments;
        const auto found = std::find_if(all.begin(), all.end(),
                                        [&](const auto& stub) { return stub.name == name; });
        return found == all.end() ? nullptr : &*found;
    }
    Result<Bytes> read(const std::string& name) const {
        DAVENPORT_ASSIGN(const auto source,
                         snapshot->attachment(document.id, document.revision, name));
        return hash_all(*source);
    }
};

// Whether the stored attachment is what the write would leave there. New bytes are read and hashed
// as a store would do it.
Result<Match> match(const documents::AttachmentWrite& write, const Existing* existing) {
    const documents::AttachmentStub* stored =
        existing != nullptr ? existing->attachment(write.name) : nullptr;
    if (write.stub) {
        const bool kept =
            stored != nullptr && (write.digest.empty() || write.digest == stored->digest);
        return kept ? Match::same : Match::missing_stub;
    }
    DAVENPORT_ASSIGN(const Bytes bytes, hash_all(*write.source));
    if (stored == nullptr || stored->length != bytes.length ||
        stored->content_type != write.content_type)
        return Match::different;
    if (stored->digest == bytes.digest) return Match::same;
    // It may be of compressed bytes, as in CouchDB: only reading tells.
    DAVENPORT_ASSIGN(const Bytes kept, existing->read(write.name));
    return kept.digest == bytes.digest ? Match::same : Match::different;
}

Result<Match> match(const std::vector<documents::AttachmentWrite>& writes,
                    const Existing* existing) {
    const std::size_t stored = existing != nullptr ? existing->document.attachments.size() : 0;
    Match all = writes.size() == stored ? Match::same : Match::different;
    for (const documents::AttachmentWrite& write : writes) {
        DAVENPORT_ASSIGN(const Match one, match(write, existing));
        if (one == Match::missing_stub) return one;
        if (one == Match::different) all = one;
    }
    return all;
}

class DryRun {
  public:
    DryRun(Source& source, documents::DocumentStore& store, const RestoreOptions& options,
           const ProgressCallback& callback)
        : source_(source), store_(store), options_(options), callback_(callback) {}

    Result<Report> run() {
        DAVENPORT_TRY(check_databases(source_, options_));
        progress_.total_steps = static_cast<std::uint32_t>(source_.databases().size());
        for (const SourceDatabase& database : source_.databases()) {
            progress_.documents_total += database.documents;
        }
        for (const SourceDatabase& database : source_.databases()) {
            DAVENPORT_ASSIGN(progress_.step, resolve_database(database.key, options_));
            ++progress_.on_step;
            report_.databases.emplace_back().database = progress_.step;
            last_id_.clear();
            DAVENPORT_TRY(tell());
            DAVENPORT_TRY(compare(database));
            DAVENPORT_TRY(tell());
        }
        return std::move(report_);
    }

  private:
    Result<> tell() const { return callback_ ? callback_(progress_) : Result<>(); }

    Result<std::unique_ptr<documents::Snapshot>> snapshot_of(const std::string& name) {
        auto database = store_.open(name);
        if (database) return (*database)->snapshot();
        if (database.error().code != ErrorCode::not_found) return fail(database.error());
        return std::unique_ptr<documents::Snapshot>();  // the restore would create it
    }

    Result<> compare(const SourceDatabase& database) {
        const std::string& name = report_.databases.back().database;
        const SkippedIds& skip = skipped_ids(options_, name);
        DAVENPORT_ASSIGN(auto snapshot, snapshot_of(name));
        DAVENPORT_ASSIGN(auto winners, Winners::of(source_, database));
        DAVENPORT_ASSIGN(auto selection,
                         Selection::open(source_, database, options_.history, *winners, skip));
        const std::uint64_t done_before = progress_.documents_done;
        for (std::uint64_t compared = 1;; ++compared) {
            DAVENPORT_ASSIGN(const SourceDocument* document, selection->next());
            progress_.documents_done = done_before + selection->read();
            if (document == nullptr) break;
            if (options_.history == History::exact)
                count_exact(*document);
            else
                DAVENPORT_TRY(count(*document, snapshot.get()));
            progress_.bytes += document->body.size();
            if (compared % report_every_documents == 0) DAVENPORT_TRY(tell());
        }
        DatabaseCounts& counts = report_.databases.back();
        counts.skipped = selection->skipped();
        const bool deletes = options_.mode == Mode::exact && options_.history == History::fresh;
        if (!deletes || !snapshot) return {};
        DAVENPORT_ASSIGN(auto source_ids, winners->ids());
        return for_each_extra_document(*source_ids, *snapshot, database, options_, skip,
                                       [&](std::string_view) -> Result<> {
                                           ++counts.deleted;
                                           return {};
                                       });
    }

    // Into an empty database: each document counts with its first leaf.
    void count_exact(const SourceDocument& document) {
        if (std::exchange(last_id_, std::string(document.id)) == document.id) return;
        DatabaseCounts& counts = report_.databases.back();
        ++(document.deleted ? counts.deleted : counts.created);
    }

    Result<> count(const SourceDocument& document, documents::Snapshot* snapshot) {
        DatabaseCounts& counts = report_.databases.back();
        std::optional<Existing> existing;
        if (snapshot != nullptr) {
            auto found = snapshot->get(document.id);
            if (!found && found.error().code != ErrorCode::not_found) return fail(found.error());
            if (found) existing = Existing{snapshot, std::move(*found)};
        }
        if (document.deleted) {
            ++(existing ? counts.deleted : counts.unchanged);
            return {};
        }
        DAVENPORT_ASSIGN(const Match attachments,
                         match(document.attachments, existing ? &*existing : nullptr));
        if (attachments == Match::missing_stub) {
            ++counts.failed;
        } else if (!existing) {
            ++counts.created;
        } else if (attachments == Match::same &&
                   documents::same_json(existing->document.body, document.body)) {
            ++counts.unchanged;
        } else {
            ++counts.changed;
        }
        return {};
    }

    Source& source_;
    documents::DocumentStore& store_;
    const RestoreOptions& options_;
    const ProgressCallback& callback_;
    RestoreProgress progress_;
    Report report_;
    std::string last_id_;
};

}  // namespace

Result<Report> dry_run(Source& source, documents::DocumentStore& store,
                       const RestoreOptions& options, const ProgressCallback& progress) {
    return DryRun(source, store, options, progress).run();
}

}  // namespace davenport::restore
