#include "davenport/base/json.hpp"
#include "davenport/base/json_text.hpp"
#include "davenport/restore/source.hpp"
#include "davenport/vault/revisions.hpp"

#include <algorithm>
#include <cstring>

namespace davenport::restore {
namespace {

// The bytes of an attachment in the vault, which checks them against their name. Opens the blob
// with the first read and closes it with the last, because thousands may be waiting.
class VaultAttachment final : public documents::ByteSource {
  public:
    VaultAttachment(const vault::Vault& vault, std::string sha256, std::uint64_t length)
        : vault_(vault), expected_(std::move(sha256)), length_(length) {}

    Result<std::size_t> read(std::span<char> buffer) override {
        if (done_ || buffer.empty()) return std::size_t{0};
        if (!blob_) {
            DAVENPORT_ASSIGN(blob_, vault_.attachment(expected_));
            if (blob_->size() != length_) {
                return fail(ErrorCode::corrupt, "attachment blob {} has {} bytes instead of {}",
                            expected_, blob_->size(), length_);
            }
        }
        const auto size =
            static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), length_ - offset_));
        if (size > 0) {
            DAVENPORT_TRY(blob_->read(offset_, size, piece_));
            if (piece_.size() != size) {
                return fail(ErrorCode::corrupt, "attachment blob {} gives fewer bytes than it has",
                            expected_);
            }
            std::memcpy(buffer.data(), piece_.data(), size);
            offset_ += size;
        }
        if (offset_ == length_) {
            done_ = true;
            blob_.reset();
        }
        return size;
    }

  private:
    const vault::Vault& vault_;
    std::string expected_;
    std::uint64_t length_;
    std::uint64_t offset_ = 0;
    bool done_ = false;
    std::unique_ptr<blobs::BlobReader> blob_;
    std::string piece_;
};

// A write as a new revision says nothing of the revisions that brought attachments.
enum class Revpos { leave_out, keep };

Result<std::vector<documents::AttachmentWrite>> attachments_of(const vault::Vault& vault,
                                                               std::string_view attachments,
                                                               Revpos revpos) {
    std::vector<documents::AttachmentWrite> writes;
    if (attachments.empty()) return writes;
    DAVENPORT_ASSIGN(const json::object described, parse_json_object(attachments));
    for (const auto& [name, value] : described) {
        const json::object* facts = value.if_object();
        const json::string* hash = facts != nullptr ? string_member(*facts, "sha256") : nullptr;
        const auto length = facts != nullptr ? integer_member(*facts, "length") : std::nullopt;
        if (hash == nullptr || !length || *length < 0) {
            return fail(ErrorCode::corrupt, "attachment {} has no hash or no length",
                        std::string_view(name));
        }
        documents::AttachmentWrite write;
        write.name = name;
        write.content_type = text_or(*facts, "content_type");
        write.source = std::make_shared<VaultAttachment>(vault, std::string(*hash),
                                                         static_cast<std::uint64_t>(*length));
        if (revpos == Revpos::keep)
            write.revpos = static_cast<std::uint64_t>(
                std::max<std::int64_t>(0, integer_member(*facts, "revpos").value_or(0)));
        writes.push_back(std::move(write));
    }
    return writes;
}

Error about(const vault::Record& record, Error error) {
    error.message = fmt::format("document {} in the backup: {}", record.id, error.message);
    return error;
}

class VaultCursor final : public SourceCursor {
  public:
    VaultCursor(const vault::Vault& vault, std::unique_ptr<vault::RecordCursor> records)
        : vault_(vault), records_(std::move(records)) {}

    Result<const SourceDocument*> next() override {
        DAVENPORT_ASSIGN(const vault::Record* record, records_->next());
        if (record == nullptr) return static_cast<const SourceDocument*>(nullptr);
        auto filled = fill(*record);
        if (!filled) return fail(about(*record, std::move(filled).error()));
        return &document_;
    }

  private:
    Result<> fill(const vault::Record& record) {
        document_.id = record.id;
        document_.body = record.body;
        type_ = string_member_of(record.body, "type").value_or("");
        document_.type = type_;
        DAVENPORT_ASSIGN(document_.attachments,
                         attachments_of(vault_, record.attachments, Revpos::leave_out));
        return {};
    }

    const vault::Vault& vault_;
    std::unique_ptr<vault::RecordCursor> records_;
    std::string type_;
    SourceDocument document_;
};

// Every leaf. Records without revisions hide something older and stand for nothing themselves.
class VaultRevisions final : public SourceCursor {
  public:
    VaultRevisions(const vault::Vault& vault, std::unique_ptr<vault::RecordCursor> records)
        : vault_(vault), records_(std::move(records)) {}

    Result<const SourceDocument*> next() override {
        while (!record_ || next_leaf_ == revisions_.leaves.size()) {
            DAVENPORT_ASSIGN(record_, records_->next());
            if (record_ == nullptr) return static_cast<const SourceDocument*>(nullptr);
            auto read = vault::read_revisions(record_->extra);
            if (!read) return fail(about(*record_, std::move(read).error()));
            next_leaf_ = 0;
            revisions_ = {};
            if (*read) {
                revisions_ = std::move(**read);
                return show_winner();
            }
            if (!record_->tombstone)
                return fail(about(*record_, {ErrorCode::corrupt, "it has no history", {}}));
        }
        vault::Leaf& leaf = revisions_.leaves[next_leaf_++];
        document_.further = true;
        return show(leaf.revision, leaf.deleted, leaf.body, leaf.attachments, leaf.ancestors);
    }

  private:
    Result<const SourceDocument*> show_winner() {
        document_.further = record_->tombstone;
        return show(std::string(record_->revision), record_->tombstone, record_->body,
                    record_->attachments, revisions_.ancestors);
    }

    Result<const SourceDocument*> show(const std::string& revision, bool deleted,
                                       std::string_view body, std::string_view attachments,
                                       const std::vector<std::string>& ancestors) {
        document_.id = record_->id;
        document_.body = body;
        type_ = string_member_of(body, "type").value_or("");
        document_.type = type_;
        document_.deleted = deleted;
        auto writes = attachments_of(vault_, attachments, Revpos::keep);
        if (!writes) return fail(about(*record_, std::move(writes).error()));
        document_.attachments = std::move(*writes);
        document_.history.assign(1, revision);
        document_.history.insert(document_.history.end(), ancestors.begin(), ancestors.end());
        return &document_;
    }

    const vault::Vault& vault_;
    std::unique_ptr<vault::RecordCursor> records_;
    const vault::Record* record_ = nullptr;
    vault::Revisions revisions_;
    std::size_t next_leaf_ = 0;
    std::string type_;
    SourceDocument document_;
};

class VaultIds final : public IdCursor {
  public:
    explicit VaultIds(std::unique_ptr<vault::RecordCursor> records)
        : records_(std::move(records)) {}

    Result<const std::string_view*> next() override {
        DAVENPORT_ASSIGN(const vault::Record* record, records_->next());
        return record != nullptr ? &record->id : nullptr;
    }

  private:
    std::unique_ptr<vault::RecordCursor> records_;
};

class VaultSource final : public Source {
  public:
    VaultSource(const vault::Vault& vault, vault::Manifest manifest)
        : vault_(vault), manifest_(std::move(manifest)) {
        for (const vault::DatabaseManifest& entry : manifest_.databases) {
            const bool revisions = entry.includes(vault::with_revisions) &&
                                   entry.includes(vault::with_conflicts) &&
                                   entry.includes(vault::with_tombstones);
            databases_.push_back(
                {entry.name, entry.documents, entry.security, entry.skipped_types, revisions});
        }
    }

    const std::vector<SourceDatabase>& databases() const override { return databases_; }
    IdOrder order() const override { return IdOrder::ascending; }

    Result<std::unique_ptr<SourceCursor>> documents(std::string_view key) override {
        DAVENPORT_ASSIGN(auto records, open(key));
        return std::make_unique<VaultCursor>(vault_, std::move(records));
    }
    Result<std::unique_ptr<IdCursor>> ids(std::string_view key) override {
        DAVENPORT_ASSIGN(auto records, open(key));
        return std::make_unique<VaultIds>(std::move(records));
    }
    Result<std::unique_ptr<SourceCursor>> revisions(std::string_view key) override {
        DAVENPORT_ASSIGN(const vault::DatabaseManifest* entry, find(key));
        if (!entry->includes(vault::with_revisions)) return Source::revisions(key);
        DAVENPORT_ASSIGN(auto segments, vault_.open_segments(*entry));
        return std::make_unique<VaultRevisions>(
            vault_, vault::merge(std::move(segments), vault::Tombstones::show));
    }

  private:
    Result<const vault::DatabaseManifest*> find(std::string_view key) const {
        const auto entry = std::find_if(manifest_.databases.begin(), manifest_.databases.end(),
                                        [&](const auto& database) { return database.name == key; });
        if (entry == manifest_.databases.end()) {
            return fail(ErrorCode::not_found, "backup {} holds no database {}", manifest_.id, key);
        }
        return &*entry;
    }
    Result<std::unique_ptr<vault::RecordCursor>> open(std::string_view key) const {
        DAVENPORT_ASSIGN(const vault::DatabaseManifest* entry, find(key));
        return vault_.documents(*entry);
    }

    const vault::Vault& vault_;
    vault::Manifest manifest_;
    std::vector<SourceDatabase> databases_;
};

}  // namespace

Result<std::unique_ptr<SourceCursor>> Source::revisions(std::string_view key) {
    return fail(ErrorCode::unsupported, "database {} was backed up without its revisions", key);
}

Result<std::unique_ptr<Source>> from_vault(const vault::Vault& vault, std::string_view backup_id) {
    DAVENPORT_ASSIGN(auto manifest, vault.manifest(backup_id));
    return std::make_unique<VaultSource>(vault, std::move(manifest));
}

}  // namespace davenport::restore
