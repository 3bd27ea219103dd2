#pragma once

#include "davenport/restore/restore.hpp"
#include "davenport/restore/source.hpp"
#include "replication/fixture.hpp"

#include <fstream>

namespace davenport::test {

// A document as it stands in a backup's array.
struct Given {
    std::string id;
    std::string body = "{}";
    bool deleted = false;
    std::map<std::string, std::string> attachments = {};
    std::vector<std::string> stubs = {};
};

// A source of documents that a test made up, in any order, with repeats.
class GivenSource final : public restore::Source {
  public:
    void add(std::string key, std::vector<Given> documents, std::string security = "") {
        databases_.push_back({key, documents.size(), std::move(security), {}});
        documents_[key] = std::move(documents);
    }
    void fail_at(std::string key, std::uint64_t position) { failing_ = {std::move(key), position}; }
    void set_skipped_types(std::vector<std::string> types) {
        databases_.back().skipped_types = std::move(types);
    }

    const std::vector<restore::SourceDatabase>& databases() const override { return databases_; }
    restore::IdOrder order() const override { return restore::IdOrder::any; }
    Result<std::unique_ptr<restore::SourceCursor>> documents(std::string_view key) override {
        return std::make_unique<Cursor>(*this, std::string(key));
    }
    Result<std::unique_ptr<restore::IdCursor>> ids(std::string_view key) override {
        return std::make_unique<Ids>(documents_.at(std::string(key)));
    }

  private:
    class Cursor final : public restore::SourceCursor {
      public:
        Cursor(GivenSource& source, std::string key)
            : source_(source), key_(std::move(key)), documents_(source.documents_.at(key_)) {}
        Result<const restore::SourceDocument*> next() override {
            if (source_.failing_ == std::pair(key_, position_))
                return fail(ErrorCode::corrupt, "unreadable");
            if (position_ == documents_.size())
                return static_cast<const restore::SourceDocument*>(nullptr);
            const Given& given = documents_[position_++];
            type_ = type_in(given.body);
            document_ = {given.id, given.body, type_, {}, 0, given.deleted};
            for (const auto& [name, bytes] : given.attachments) {
                document_.attachments.push_back(
                    {name, "application/octet-stream", documents::source_of(bytes), false, "", 0});
            }
            for (const auto& name : given.stubs)
                document_.attachments.push_back({name, "", nullptr, true, "", 0});
            return &document_;
        }

      private:
        GivenSource& source_;
        std::string key_;
        const std::vector<Given>& documents_;
        std::uint64_t position_ = 0;
        std::string type_;
        restore::SourceDocument document_;
    };
    class Ids final : public restore::IdCursor {
      public:
        explicit Ids(const std::vector<Given>& documents) : documents_(documents) {}
        Result<const std::string_view*> next() override {
            if (position_ == documents_.size())
                return static_cast<const std::string_view*>(nullptr);
            id_ = documents_[position_++].id;
            return &id_;
        }

      private:
        const std::vector<Given>& documents_;
        std::size_t position_ = 0;
        std::string_view id_;
    };

    std::vector<restore::SourceDatabase> databases_;
    std::map<std::string, std::vector<Given>> documents_;
    std::pair<std::string, std::uint64_t> failing_;
};

inline restore::RestoreOptions things_options() {
    restore::RestoreOptions options;
    options.known_databases = {"things", "others"};
    return options;
}

inline std::string counts_text(const restore::DatabaseCounts& counts) {
    return fmt::format(
        "{}: {} created, {} changed, {} unchanged, {} deleted, {} skipped, {} failed",
        counts.database, counts.created, counts.changed, counts.unchanged, counts.deleted,
        counts.skipped, counts.failed);
}

inline std::unique_ptr<restore::Source> uploaded(const TemporaryDirectory& directory,
                                                 const std::string& text) {
    const std::string path = directory / "upload.json";
    std::ofstream(path, std::ios::binary) << text;
    return restore::from_upload(must(backup_doc::Reader::open(path)));
}

}  // namespace davenport::test
