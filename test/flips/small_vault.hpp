#pragma once

#include "flips/kinds.hpp"
#include "replication/fixture.hpp"
#include "support/faulty_blob_store.hpp"

namespace davenport::test {

// A vault with something of everything: backups that share segments, one that was removed, a
// compaction that no backup has taken up yet, attachments of documents, attachments of backups.
class SmallVault {
  public:
    explicit SmallVault(Kind kind) : kind_(std::move(kind)) {
        store_ = documents::make_memory();
        for (const char* name : {"things", "others"}) must(store_->create(name));
        must(things().set_security(R"({"admins":{"names":["ada"],"roles":[]}})"));
        for (int i = 0; i < 20; ++i)
            put(things(), fmt::format("thing-{:02}", i),
                fmt::format(R"({{"type":"thing","number":{},"text":"the text of {}"}})", i, i * i));
        put(things(), "with", {R"({"of":"attachments"})", {{"a.txt", "bytes"}, {"empty", ""}}});
        put(*must(store_->open("others")), "other", R"({"type":"other"})");

        const auto vault = open();
        back_up(*vault, "one");
        must(vault->append_attachment("one", "log.txt", "what the console said"));
        must(vault->append_attachment("one", "log.txt", "what the console said later"));
        for (const char* id : {"two", "three", "four", "five"}) {
            edit(id);
            back_up(*vault, id);
        }
        must(vault->append_attachment("four", "note", "text"));
        must(vault->pin("four", "an audit", "ada"));
        must(vault->remove("two", "in a test"));
        REQUIRE(must(vault->compact("things", 2)) > 0);
        must(vault->collect_garbage(0));
        for (const char* prefix : {"segments/", "attachments/", "manifests/", "removed/",
                                   "appended/", "compactions/", "pins/"})
            REQUIRE(!must(blobs_->list(prefix)).empty());
    }

    // The vault as whoever comes later finds it, damage included.
    std::unique_ptr<vault::Vault> open() const {
        return must(kind_.open(std::make_unique<FaultyBlobStore>(blobs_, faults_), clock_));
    }
    std::vector<blobs::BlobInfo> blobs() const { return must(blobs_->list("")); }
    Faults& faults() { return *faults_; }

  private:
    documents::Database& things() {
        if (!things_) things_ = must(store_->open("things"));
        return *things_;
    }
    void edit(const std::string& backup) {
        put(things(), "thing-03", fmt::format(R"({{"type":"thing","in":"{}"}})", backup));
        put(things(), "with", {R"({"of":"attachments"})", {{"a.txt", "bytes of " + backup}}});
        put(things(), "new in " + backup, "{}");
        if (backup == "three") erase(things(), "thing-10");
        replicate_conflict(backup);
    }
    // Another leaf, as replication would bring it; of interest where every leaf is backed up.
    void replicate_conflict(const std::string& backup) {
        documents::DocumentWrite write;
        const std::vector<std::string> history = {"2-" + std::string(32, backup.back()),
                                                  "1-" + std::string(32, 'f')};
        write.id = "thing-05";
        write.revision = history.front();
        write.body = R"({"type":"thing","conflict":true})";
        write.type = "thing";
        write.history = history;
        const auto outcomes = must(things().write({&write, 1}, documents::WriteMode::replicated,
                                                  documents::Atomicity::each));
        REQUIRE(!outcomes.at(0).error);
    }
    void back_up(vault::Vault& vault, const std::string& id) {
        replication::BackupOptions options;
        options.id = id;
        options.databases = {"things", "others"};
        options.revisions = kind_.revisions;
        options.product_version = "test";
        must(replication::back_up(*store_, vault, clock_, options, {}));
    }

    Kind kind_;
    CountingClock clock_;
    std::unique_ptr<documents::DocumentStore> store_;
    std::shared_ptr<documents::Database> things_;
    std::shared_ptr<blobs::BlobStore> blobs_ = blobs::make_memory();
    std::shared_ptr<Faults> faults_ = std::make_shared<Faults>();
};

}  // namespace davenport::test
