#include "../src/vault/notes.hpp"
#include "support.hpp"
#include "support/temporary_directory.hpp"

#include <chrono>
#include <future>
#include <numeric>

using namespace davenport;
using namespace davenport::vault;
using namespace davenport::vault::test;

namespace {

using Ids = std::vector<std::string>;

std::vector<Vault::Doomed> doomed(const Ids& ids) {
    std::vector<Vault::Doomed> all;
    for (const std::string& id : ids)
        all.push_back({id, {.reason = "thinned out", .rule = "keep_last=1", .by = "anna"}});
    return all;
}

// Everything but the notes that stay of removed backups.
std::uint64_t bytes(Disk& disk) {
    const auto blobs = must(disk.blobs->list(""));
    return std::accumulate(blobs.begin(), blobs.end(), std::uint64_t{0},
                           [](std::uint64_t sum, const blobs::BlobInfo& blob) {
                               return sum + (blob.name.starts_with("removed/") ? 0 : blob.size);
                           });
}

// A backup of one more segment on top, with an attachment of its own.
void make_backup(Vault& vault, int number) {
    const std::string id = fmt::format("b{:04}", number);
    const std::string hash = put_attachment(vault, "attachment of " + id);
    const auto segment = must(write_segment(
        vault.store(), {document(id, id), with_attachment(document("doc", id), hash)}));
    auto base = must(vault.base_for("db"));
    DatabaseManifest database = base ? *base : entry("db", {});
    database.segments.push_back(segment);
    must(vault.commit(backup(id, {database}, number)));
}

Records content(Vault& vault, const std::string& id) {
    return must(drain(*must(vault.documents(must(vault.manifest(id)).databases.at(0)))));
}

// A store in which another process appends an attachment to "b0003" while this one looks which are
// needed: before its look number `at`.
class AppendedMeanwhile final : public blobs::BlobStore {
  public:
    AppendedMeanwhile(Disk& disk, int at) : disk_(disk), at_(at) {}
    Result<std::unique_ptr<blobs::BlobWriter>> create() override { return disk_.blobs->create(); }
    Result<std::unique_ptr<blobs::BlobReader>> open(std::string_view name) const override {
        return disk_.blobs->open(name);
    }
    Result<std::vector<blobs::BlobInfo>> list(std::string_view prefix) const override {
        if (prefix.starts_with("appended/") && ++looks_ == at_)
            DAVENPORT_TRY(disk_.open()->append_attachment("b0003", "log", "acknowledged"));
        return disk_.blobs->list(prefix);
    }
    Result<> remove(std::string_view name) override { return disk_.blobs->remove(name); }
    Result<std::uint64_t> sweep(std::uint64_t age_seconds) override {
        return disk_.blobs->sweep(age_seconds);
    }
    bool has_come() const { return looks_ >= at_; }

  private:
    Disk& disk_;
    const int at_;
    mutable int looks_ = 0;
};

}  // namespace

TEST_CASE("an attachment that another process appends during a prune stays") {
    Disk disk;
    const auto vault = disk.open();
    for (int i = 1; i <= 3; ++i) make_backup(*vault, i);
    must(vault->append_attachment("b0003", "log", "replaced"));
    const int at = GENERATE(range(1, 8));
    INFO(at);
    auto made = std::make_unique<AppendedMeanwhile>(disk, at);
    const AppendedMeanwhile& store = *made;
    const auto pruning = must(Vault::open(std::move(made), disk.clock, chosen_ring()));
    if (GENERATE(false, true))
        must(pruning->prune(doomed({"b0001"}), {}));
    else
        must(pruning->collect_garbage(0));
    if (store.has_come())
        CHECK(must(disk.open()->appended_bytes("b0003", "log")) == "acknowledged");
    CHECK(findings_text(must(disk.open()->verify({}, {}))) == "");
}

TEST_CASE("a prune does not hold up who appends and who pins") {
    Disk disk;
    const auto vault = disk.open();
    for (int i = 1; i <= 4; ++i) make_backup(*vault, i);
    std::future<void> others;
    bool held_up = false;
    must(vault->prune(doomed({"b0001", "b0002"}), [&](std::uint64_t) -> Result<> {
        if (others.valid()) return {};
        others = std::async(std::launch::async, [&] {
            must(vault->append_attachment("b0004", "log", "meanwhile"));
            must(vault->pin("b0002", "meanwhile", "anna"));
            must(vault->pin("b0003", "meanwhile", "anna"));
            must(vault->unpin("b0003"));
        });
        held_up = others.wait_for(std::chrono::seconds(60)) != std::future_status::ready;
        return {};
    }));
    others.get();
    CHECK_FALSE(held_up);
    CHECK(must(vault->list()) == Ids{"b0002", "b0003", "b0004"});
    CHECK(must(vault->appended_bytes("b0004", "log")) == "meanwhile");
}

TEST_CASE("a prune gives back what was weighed, to the byte", "[plain]") {
    Disk disk;
    const auto vault = disk.open();
    for (int i = 1; i <= 12; ++i) {
        make_backup(*vault, i);
        if (i % 4 == 0) must(vault->compact("db", 1));
    }
    must(vault->append_attachment("b0003", "log", "goes with its backup"));
    must(vault->append_attachment("b0012", "log", "replaced"));
    must(vault->append_attachment("b0012", "log", "stays"));
    must(vault->append_attachment("b9999", "log", "of a backup that is still running"));
    must(write_segment(*disk.blobs, {document("left behind", "by a crash")}));
    const Ids gone{"b0001", "b0002", "b0003", "b0004", "b0006", "b0009", "b0011"};
    std::map<std::string, Records> kept;
    for (const std::string& id : must(vault->list()))
        if (std::find(gone.begin(), gone.end(), id) == gone.end()) kept[id] = content(*vault, id);

    const std::uint64_t before = bytes(disk);
    const auto names_before = disk.names("");
    const Reclaimed weighed = must(vault->weigh(gone));
    CHECK(disk.names("") == names_before);
    CHECK(weighed.backups == gone.size());
    CHECK(weighed.segments > 0);
    CHECK(weighed.attachments > 2);
    std::vector<std::uint64_t> progress;
    const Reclaimed pruned = must(vault->prune(doomed(gone), [&](std::uint64_t done) -> Result<> {
        progress.push_back(done);
        return {};
    }));
    CHECK(pruned == weighed);
    CHECK(before - bytes(disk) == weighed.bytes);
    CHECK(progress.front() == 0);
    CHECK(progress.back() == gone.size());
    CHECK(findings_text(must(vault->verify({}, {}))) == "");
    for (const auto& [id, records] : kept) CHECK(content(*vault, id) == records);
    CHECK(must(vault->list()).size() == kept.size());
    CHECK(must(vault->appended_bytes("b0012", "log")) == "stays");
    CHECK(must(vault->appended_bytes("b9999", "log")) == "of a backup that is still running");
    // Nothing is left for a second one, nor for the collector of garbage but that last one.
    const std::uint64_t stray = must(disk.blobs->list("appended/b9999/")).at(0).size;
    CHECK(must(vault->weigh(gone)) == Reclaimed{});
    CHECK(must(vault->prune(doomed(gone), {})) == Reclaimed{});
    CHECK(must(vault->collect_garbage(0)) == stray);
}

TEST_CASE("the note of a removed backup says by which rule and by whom") {
    Disk disk;
    const auto vault = disk.open();
    make_backup(*vault, 1);
    make_backup(*vault, 2);
    must(vault->prune(doomed({"b0001"}), {}));
    const auto note = must(decode_removed_note(disk.read("removed/b0001")));
    CHECK(note.reason == "thinned out");
    CHECK(note.rule == "keep_last=1");
    CHECK(note.by == "anna");
    CHECK(note.removed_ms > 0);
}

TEST_CASE("nothing is removed while what stays is damaged") {
    Disk disk;
    const auto vault = disk.open();
    for (int i = 1; i <= 4; ++i) make_backup(*vault, i);
    SECTION("a manifest") {
        disk.overwrite("manifests/b0003", "nonsense");
    }
    SECTION("a segment") {
        const auto segment = must(vault->manifest("b0004")).databases.at(0).segments.back();
        disk.overwrite(segment.name, "nonsense");
    }
    const auto before = disk.names("");
    CHECK(vault->weigh({"b0001"}).error().code == ErrorCode::corrupt);
    CHECK(vault->prune(doomed({"b0001"}), {}).error().code == ErrorCode::corrupt);
    CHECK(disk.names("") == before);
}

TEST_CASE("damage goes with the backup that it is in") {
    Disk disk;
    const auto vault = disk.open();
    make_backup(*vault, 1);
    must(vault->commit(backup(
        "other", {entry("db2", {must(write_segment(vault->store(), {document("x", "y")}))})}, 2)));
    disk.overwrite(must(vault->manifest("b0001")).databases.at(0).segments.at(0).name, "nonsense");
    CHECK(must(vault->prune(doomed({"b0001"}), {})).backups == 1);
    CHECK(findings_text(must(vault->verify({}, {}))) == "");
}

TEST_CASE("a prune that is told to stop leaves whole backups and is ended by the next one") {
    Disk disk;
    const auto vault = disk.open();
    for (int i = 1; i <= 6; ++i) make_backup(*vault, i);
    const Ids gone{"b0001", "b0002", "b0003", "b0004", "b0005"};
    const std::uint64_t in_all = must(vault->weigh(gone)).bytes;
    const std::uint64_t before = bytes(disk);
    const auto stopped = vault->prune(doomed(gone), [](std::uint64_t done) -> Result<> {
        if (done == 3) return fail(ErrorCode::cancelled, "stop");
        return {};
    });
    CHECK(stopped.error().code == ErrorCode::cancelled);
    CHECK(must(vault->list()) == Ids{"b0004", "b0005", "b0006"});
    CHECK(findings_text(must(vault->verify({}, {}))) == "");
    must(vault->prune(doomed(gone), {}));
    CHECK(before - bytes(disk) == in_all);
}

TEST_CASE("the work of a prune grows with the vault, not with its square") {
    const auto calls_of = [](int backups) {
        Disk disk;
        const auto vault = disk.open();
        for (int i = 1; i <= backups; ++i) {
            make_backup(*vault, i);
            if (i % 8 == 0) must(vault->compact("db", 1));
        }
        Ids gone;
        for (int i = 1; i <= backups; ++i)
            if (i % 2 == 0 && i != backups) gone.push_back(fmt::format("b{:04}", i));
        const std::uint64_t before = disk.faults->calls();
        must(vault->prune(doomed(gone), {}));
        return disk.faults->calls() - before;
    };
    const std::uint64_t few = calls_of(40);
    const std::uint64_t many = calls_of(160);
    INFO(few << " and " << many);
    CHECK(many < few * 5);
}

// On request: test_vault "measure a prune".
TEST_CASE("measure a prune", "[.]") {
    const davenport::test::TemporaryDirectory directory;
    const SystemClock clock;
    const auto vault = must(Vault::open(must(blobs::open_directory(directory / "vault")), clock));
    Ids gone;
    DatabaseManifest database = entry("db", {});
    for (int i = 0; i < 1000; ++i) {
        const std::string id = fmt::format("b{:04}", i);
        // Eight segments each, one of them new, as compaction leaves it.
        if (database.segments.size() == 8) database.segments.erase(database.segments.begin());
        database.segments.push_back(must(write_segment(vault->store(), {document(id, id)})));
        must(vault->commit(backup(id, {database}, i)));
        if (i % 10 == 0) gone.push_back(id);
    }
    const auto timed = [](const char* what, const auto& work) {
        const auto start = std::chrono::steady_clock::now();
        work();
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
        WARN(what << ": " << took.count() << " s");
    };
    const Ids some(gone.begin(), gone.begin() + 10);
    timed("10 of 1,000, one by one", [&] {
        for (const std::string& id : some) must(vault->remove(id, "test"));
    });
    const Ids rest(gone.begin() + 10, gone.end());
    timed("weighing 90", [&] { must(vault->weigh(rest)); });
    timed("pruning 90", [&] { must(vault->prune(doomed(rest), {})); });
}
