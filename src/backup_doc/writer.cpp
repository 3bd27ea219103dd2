#include "davenport/backup_doc/writer.hpp"

#include "attachments_text.hpp"
#include "davenport/base/clock.hpp"
#include "davenport/base/encoding.hpp"
#include "davenport/base/json.hpp"
#include "davenport/documents/document_text.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

namespace davenport::backup_doc {
namespace {

// Documents are gathered up to about this many bytes before they are handed out: few switches
// between vault and caller, and still inside the processor's cache.
constexpr std::size_t gathered_bytes = 128 * 1024;

class VaultWriter final : public Writer {
  public:
    VaultWriter(const vault::Vault& vault, Summary summary, std::optional<vault::Manifest> manifest,
                Contents contents)
        : vault_(vault),
          summary_(std::move(summary)),
          manifest_(std::move(manifest)),
          contents_(contents) {}

    Result<std::size_t> read(std::span<char> buffer) override;

  private:
    enum class Stage { beginning, database, documents, attachments, end, appended, done };

    Result<> produce();
    void begin_backup();
    Result<> begin_database();
    Result<> add_documents();
    Result<> add_document_attachments();
    Result<> end_documents();
    Result<> end_databases();
    Result<> add_appended();

    void text_member(std::string_view name, std::string_view value);
    void time_member(std::string_view name, std::int64_t unix_ms);
    const vault::DatabaseManifest* stored_database() const {
        return manifest_ ? &manifest_->databases[database_] : nullptr;
    }

    const vault::Vault& vault_;
    const Summary summary_;
    const std::optional<vault::Manifest>
        manifest_;  // of a complete backup; databases as in summary_
    const Contents contents_;

    std::string text_;  // produced and not yet handed out from `position_` on
    std::size_t position_ = 0;
    std::optional<Error> failure_;

    Stage stage_ = Stage::beginning;
    std::size_t database_ = 0;  // index of the one at hand
    std::unique_ptr<vault::RecordCursor> cursor_;
    std::uint64_t documents_ = 0;  // of that database, so far
    std::string document_id_;      // whose attachments are at hand
    std::unique_ptr<AttachmentsText> attachments_;
    std::vector<vault::Appended> appended_;
    std::size_t next_appended_ = 0;
};

Result<std::size_t> VaultWriter::read(std::span<char> buffer) {
    std::size_t filled = 0;
    while (filled < buffer.size()) {
        if (position_ == text_.size()) {
            if (failure_ || stage_ == Stage::done) break;
            text_.clear();
            position_ = 0;
            if (auto produced = produce(); !produced) {
                failure_ = std::move(produced).error();
                text_.clear();
            }
            continue;
        }
        const std::size_t count = std::min(buffer.size() - filled, text_.size() - position_);
        std::memcpy(buffer.data() + filled, text_.data() + position_, count);
        filled += count;
        position_ += count;
    }
    if (filled == 0 && failure_) return fail(*failure_);
    return filled;
}

Result<> VaultWriter::produce() {
    switch (stage_) {
        case Stage::beginning:
            begin_backup();
            return {};
        case Stage::database:
            return begin_database();
        case Stage::documents:
            return add_documents();
        case Stage::attachments:
            return add_document_attachments();
        case Stage::end:
            return end_databases();
        case Stage::appended:
            return add_appended();
        case Stage::done:
            return {};
    }
    return fail(ErrorCode::internal, "no such stage of a backup doc");
}

// ,"name":"value"
void VaultWriter::text_member(std::string_view name, std::string_view value) {
    fmt::format_to(std::back_inserter(text_), R"(,"{}":)", name);
    append_quoted(text_, value);
}

void VaultWriter::time_member(std::string_view name, std::int64_t unix_ms) {
    if (unix_ms != 0) fmt::format_to(std::back_inserter(text_), R"(,"{}":{})", name, unix_ms);
}

void VaultWriter::begin_backup() {
    std::uint64_t documents = 0;
    for (const Summary::Database& database : summary_.databases) documents += database.documents;
    text_ += R"({"id":)";
    append_quoted(text_, summary_.id);
    text_ += R"(,"backup_version":"1.0.0","ibp_versions":{"tag":)";
    append_quoted(text_, summary_.product_tag);
    fmt::format_to(std::back_inserter(text_), R"(}},"doc_count":{},"dbs":{{)", documents);
    stage_ = summary_.databases.empty() ? Stage::end : Stage::database;
}

Result<> VaultWriter::begin_database() {
    const Summary::Database& database = summary_.databases[database_];
    const vault::DatabaseManifest* stored = stored_database();
    if (database_ > 0) text_ += ',';
    append_quoted(text_, database.name);
    text_ += ":{";
    const std::size_t first_member = text_.size();
    time_member("start_timestamp", database.started_ms);
    time_member("finish_timestamp", database.finished_ms);
    if (stored && stored->first_sequence != stored->last_sequence)
        text_member("first_sequence", stored->first_sequence);
    if (!database.last_sequence.empty()) text_member("last_sequence", database.last_sequence);
    if (stored && !stored->security.empty()) {
        text_ += R"(,"security":)";
        text_ += stored->security;
    }
    if (contents_ == Contents::everything)
        text_ += R"(,"docs":[)";
    else
        fmt::format_to(std::back_inserter(text_), R"(,"doc_count":{})", database.documents);
    text_.erase(first_member, 1);  // the first member's comma

    documents_ = 0;
    if (stored && contents_ == Contents::everything) {
        DAVENPORT_ASSIGN(cursor_, vault_.documents(*stored));
        stage_ = Stage::documents;
        return {};
    }
    return end_documents();
}

Result<> VaultWriter::add_documents() {
    while (text_.size() < gathered_bytes) {
        DAVENPORT_ASSIGN(const vault::Record* record, cursor_->next());
        if (record == nullptr) {
            cursor_.reset();
            return end_documents();
        }
        if (documents_++ > 0) text_ += ',';
        documents::append_document_text(text_, record->id, record->revision, false, record->body,
                                        {});
        if (record->attachments.empty()) continue;
        document_id_ = record->id;
        auto attachments = AttachmentsText::create(vault_, record->attachments);
        if (!attachments)
            return fail(attachments.error().code, "document \"{}\" of database \"{}\": {}",
                        document_id_, stored_database()->name, attachments.error().message);
        attachments_ = std::move(*attachments);
        text_.pop_back();  // the object goes on
        text_ += R"(,"_attachments":)";
        stage_ = Stage::attachments;
        return {};
    }
    return {};
}

Result<> VaultWriter::add_document_attachments() {
    auto more = attachments_->append_piece(text_);
    if (!more)
        return fail(more.error().code, "document \"{}\" of database \"{}\": {}", document_id_,
                    stored_database()->name, more.error().message);
    if (*more) return {};
    attachments_.reset();
    text_ += '}';
    stage_ = Stage::documents;
    return {};
}

Result<> VaultWriter::end_documents() {
    const vault::DatabaseManifest* stored = stored_database();
    if (contents_ == Contents::everything) {
        if (stored && documents_ != stored->documents)
            return fail(ErrorCode::corrupt,
                        "database \"{}\": the backup's manifest counts {} documents, its segments "
                        "hold {}",
                        stored->name, stored->documents, documents_);
        text_ += ']';
    }
    text_ += '}';
    ++database_;
    stage_ = database_ == summary_.databases.size() ? Stage::end : Stage::database;
    return {};
}

Result<> VaultWriter::end_databases() {
    fmt::format_to(std::back_inserter(text_), R"(}},"in_progress":{})",
                   summary_.in_progress && summary_.error.empty());
    if (!summary_.error.empty()) text_member("error", summary_.error);
    text_member("type", "athena_backup");
    time_member("start_timestamp", summary_.started_ms);
    time_member("end_timestamp", summary_.ended_ms);
    if (summary_.ended_ms != 0)
        text_member("elapsed",
                    to_elapsed(std::max<std::int64_t>(summary_.ended_ms - summary_.started_ms, 0)));
    if (contents_ == Contents::envelope_only) {
        text_ += '}';
        stage_ = Stage::done;
        return {};
    }
    DAVENPORT_ASSIGN(appended_, vault_.appended(summary_.id));
    text_ += R"(,"_attachments":{)";
    stage_ = Stage::appended;
    return {};
}

Result<> VaultWriter::add_appended() {
    if (next_appended_ == appended_.size()) {
        text_ += "}}";
        stage_ = Stage::done;
        return {};
    }
    const std::string& name = appended_[next_appended_].name;
    DAVENPORT_ASSIGN(const std::string bytes, vault_.appended_bytes(summary_.id, name));
    if (next_appended_ > 0) text_ += ',';
    append_quoted(text_, name);
    text_ += ":\"";
    append_base64(text_, bytes);
    text_ += '"';
    ++next_appended_;
    return {};
}

}  // namespace

Summary summarise(const vault::Manifest& manifest) {
    Summary summary;
    summary.id = manifest.id;
    summary.product_tag = manifest.product_version;
    summary.started_ms = manifest.started_ms;
    summary.ended_ms = manifest.finished_ms;
    for (const vault::DatabaseManifest& database : manifest.databases)
        summary.databases.push_back({database.name, database.started_ms, database.finished_ms,
                                     database.last_sequence, database.documents});
    return summary;
}

Result<std::unique_ptr<Writer>> Writer::create(const vault::Vault& vault, Summary summary,
                                               const vault::Manifest* manifest, Contents contents) {
    const bool complete = !summary.in_progress && summary.error.empty();
    if (!complete)
        return std::make_unique<VaultWriter>(vault, std::move(summary), std::nullopt, contents);
    if (manifest == nullptr)
        return fail(ErrorCode::internal, "the manifest of the complete backup {} is missing",
                    summary.id);
    summary.databases = summarise(*manifest).databases;
    if (contents == Contents::everything)
        for (const vault::DatabaseManifest& database : manifest->databases)
            DAVENPORT_TRY(vault.open_segments(database));
    return std::make_unique<VaultWriter>(vault, std::move(summary), *manifest, contents);
}

}  // namespace davenport::backup_doc
