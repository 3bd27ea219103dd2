#include "davenport/backup_doc/reader.hpp"

#include "document_array.hpp"
#include "envelope.hpp"

#include <algorithm>

namespace davenport::backup_doc {
namespace {

class ArrayCursor final : public Reader::Cursor {
  public:
    ArrayCursor(std::unique_ptr<Input> input, std::string_view text_name, const std::string& key,
                const ReaderLimits& limits)
        : input_(std::move(input)),
          scanner_(*input_, limits.max_depth, text_name),
          array_(scanner_, key, limits.max_document_bytes) {}

    Result<const UploadedDocument*> next() override {
        if (ended_) return nullptr;
        auto document = array_.next();
        ended_ = !document || *document == nullptr;
        return document;
    }

  private:
    std::unique_ptr<Input> input_;
    Scanner scanner_;
    DocumentArray array_;
    bool ended_ = false;
};

class EmptyCursor final : public Reader::Cursor {
  public:
    Result<const UploadedDocument*> next() override { return nullptr; }
};

class FileReader final : public Reader {
  public:
    FileReader(std::string path, const ReaderLimits& limits, Envelope envelope)
        : path_(std::move(path)), limits_(limits), envelope_(std::move(envelope)) {
        for (const Stored& stored : envelope_.databases) entries_.push_back(stored.entry);
    }

    const std::vector<DatabaseEntry>& databases() const override { return entries_; }
    const std::string& id() const override { return envelope_.id; }
    bool in_progress() const override { return envelope_.in_progress; }
    const std::string& error() const override { return envelope_.error; }
    const std::string& client_webhook_url() const override { return envelope_.client_webhook_url; }

    Result<std::unique_ptr<Cursor>> documents(std::string_view database_key) override {
        const auto found =
            std::find_if(envelope_.databases.begin(), envelope_.databases.end(),
                         [&](const Stored& stored) { return stored.entry.key == database_key; });
        if (found == envelope_.databases.end())
            return fail(ErrorCode::not_found, "the upload holds no database \"{}\"", database_key);
        if (!found->array) return std::make_unique<EmptyCursor>();
        const bool inflated = found->inflated != nullptr;
        DAVENPORT_ASSIGN(auto input, Input::open(inflated ? found->inflated->path() : path_,
                                                 *found->array, limits_.buffer_bytes));
        return std::make_unique<ArrayCursor>(std::move(input), inflated ? inflated_text_name : "",
                                             found->entry.key, limits_);
    }

  private:
    const std::string path_;
    const ReaderLimits limits_;
    Envelope envelope_;
    std::vector<DatabaseEntry> entries_;
};

}  // namespace

Result<std::unique_ptr<Reader>> Reader::open(const std::string& path, ReaderLimits limits) {
    DAVENPORT_ASSIGN(Envelope envelope, read_envelope(path, limits));
    return std::make_unique<FileReader>(path, limits, std::move(envelope));
}

}  // namespace davenport::backup_doc
