#include "davenport/base/encoding.hpp"
#include "davenport/restore/source.hpp"

namespace davenport::restore {
namespace {

Result<std::vector<documents::AttachmentWrite>> attachments_of(
    const documents::ParsedDocument& parsed, std::uint64_t& bytes) {
    std::vector<documents::AttachmentWrite> writes;
    for (const documents::InlineAttachment& given : parsed.attachments) {
        documents::AttachmentWrite write;
        write.name = given.name;
        write.content_type = given.content_type;
        if (given.stub) {
            write.stub = true;
            write.digest = given.digest;
            write.revpos = given.revpos;
        } else {
            DAVENPORT_ASSIGN(std::string data, from_base64(given.data_base64));
            bytes += data.size();
            write.source = documents::source_of(std::move(data));
        }
        writes.push_back(std::move(write));
    }
    return writes;
}

class UploadCursor final : public SourceCursor {
  public:
    explicit UploadCursor(std::unique_ptr<backup_doc::Reader::Cursor> uploaded)
        : uploaded_(std::move(uploaded)) {}

    Result<const SourceDocument*> next() override {
        DAVENPORT_ASSIGN(const backup_doc::UploadedDocument* uploaded, uploaded_->next());
        if (uploaded == nullptr) return static_cast<const SourceDocument*>(nullptr);
        const documents::ParsedDocument& parsed = *uploaded->parsed;
        document_.id = parsed.id;
        document_.deleted = parsed.deleted;
        // What a deleted document says of itself is of no use to anyone who restores.
        document_.body = parsed.deleted ? std::string_view("{}") : std::string_view(parsed.body);
        document_.type = parsed.deleted ? std::string_view() : std::string_view(parsed.type);
        document_.attachment_bytes = 0;
        document_.attachments.clear();
        if (!parsed.deleted) {
            DAVENPORT_ASSIGN(document_.attachments,
                             attachments_of(parsed, document_.attachment_bytes));
        }
        return &document_;
    }

  private:
    std::unique_ptr<backup_doc::Reader::Cursor> uploaded_;
    SourceDocument document_;
};

class UploadIds final : public IdCursor {
  public:
    explicit UploadIds(std::unique_ptr<backup_doc::Reader::Cursor> uploaded)
        : uploaded_(std::move(uploaded)) {}

    Result<const std::string_view*> next() override {
        DAVENPORT_ASSIGN(const backup_doc::UploadedDocument* uploaded, uploaded_->next());
        if (uploaded == nullptr) return static_cast<const std::string_view*>(nullptr);
        id_ = uploaded->parsed->id;
        return &id_;
    }

  private:
    std::unique_ptr<backup_doc::Reader::Cursor> uploaded_;
    std::string_view id_;
};

class UploadSource final : public Source {
  public:
    explicit UploadSource(std::unique_ptr<backup_doc::Reader> reader) : reader_(std::move(reader)) {
        for (const backup_doc::DatabaseEntry& entry : reader_->databases()) {
            databases_.push_back({entry.key, entry.documents, entry.security, {}});
        }
    }

    const std::vector<SourceDatabase>& databases() const override { return databases_; }
    IdOrder order() const override { return IdOrder::any; }

    Result<std::unique_ptr<SourceCursor>> documents(std::string_view key) override {
        DAVENPORT_ASSIGN(auto cursor, reader_->documents(key));
        return std::make_unique<UploadCursor>(std::move(cursor));
    }
    Result<std::unique_ptr<IdCursor>> ids(std::string_view key) override {
        DAVENPORT_ASSIGN(auto cursor, reader_->documents(key));
        return std::make_unique<UploadIds>(std::move(cursor));
    }

  private:
    std::unique_ptr<backup_doc::Reader> reader_;
    std::vector<SourceDatabase> databases_;
};

}  // namespace

std::unique_ptr<Source> from_upload(std::unique_ptr<backup_doc::Reader> reader) {
    return std::make_unique<UploadSource>(std::move(reader));
}

}  // namespace davenport::restore
