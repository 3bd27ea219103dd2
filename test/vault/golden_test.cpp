// A small vault that an earlier build wrote must be readable for ever, and this build must write
// the same bytes. After a change of format on purpose: test_vault "write the golden vault".
#include "support.hpp"

#include <filesystem>
#include <fstream>

using namespace davenport;
using namespace davenport::vault;
using namespace davenport::vault::test;
namespace fs = std::filesystem;

namespace {

class FixedClock final : public Clock {
  public:
    std::int64_t now_ms() const override { return 1'700'000'000'000; }
};

const fs::path golden_directory = GOLDEN_DIRECTORY;

Records old_records(const std::string& sha256_hex) {
    Records records{document("a", "one"), document("b", "ünïcode \\\" \\u0000"),
                    with_attachment(document("c", "three", "3-c"), sha256_hex),
                    document("d", std::string(300, '.')), document("e", "five")};
    records[4].extra = R"({"history":["2-e","1-e"],"conflicts":[]})";
    records[4].revision = "2-e";
    return records;
}
Records young_records() {
    return {document("a", "changed", "2-a"), tombstone("b"), document("f", "six")};
}

// Every kind of blob that a vault has. No compression, so that the bytes do not depend on zstd's
// version; the compaction's do.
void build(const std::shared_ptr<blobs::BlobStore>& blobs) {
    const FixedClock clock;
    const auto vault = must(Vault::open(std::make_unique<FaultyBlobStore>(blobs), clock));
    SegmentOptions options;
    options.frame_bytes = 200;
    options.compression = Compression::none;
    const std::string hash = put_attachment(*vault, "attached");
    const auto old = must(write_segment(vault->store(), old_records(hash), options, {}));
    const auto young = must(write_segment(vault->store(), young_records(), options, {}));
    must(vault->commit(backup("backup_1", {entry("components", {old})}, 1)));
    must(vault->commit(backup("backup_2", {entry("components", {old, young})}, 2)));
    must(vault->commit(backup("backup_3", {entry("components", {old, young})}, 3)));
    must(vault->append_attachment("backup_3", "note.txt", "first"));
    must(vault->append_attachment("backup_3", "note.txt", "second"));
    must(vault->remove("backup_2", "retention"));
    must(vault->compact("components", 1));
}

std::shared_ptr<blobs::BlobStore> stored_vault() {
    std::shared_ptr<blobs::BlobStore> blobs = blobs::make_memory();
    for (const auto& file : fs::recursive_directory_iterator(golden_directory)) {
        if (!file.is_regular_file()) continue;
        std::ifstream in(file.path(), std::ios::binary);
        const std::string bytes((std::istreambuf_iterator<char>(in)), {});
        must(blobs::write_all(*blobs, fs::relative(file.path(), golden_directory).string(), bytes));
    }
    return blobs;
}

}  // namespace

TEST_CASE("the golden vault is read as it was meant") {
    const auto blobs = stored_vault();
    const FixedClock clock;
    const auto vault = must(Vault::open(std::make_unique<FaultyBlobStore>(blobs), clock));
    CHECK(must(vault->list()) == std::vector<std::string>{"backup_1", "backup_3"});
    const auto verification = must(vault->verify({}, {}));
    CHECK(findings_text(verification) == "");
    CHECK(verification.segments == 3);  // that of the compaction, too
    CHECK(verification.attachments == 1);
    const Manifest first = must(vault->manifest("backup_1"));
    const Manifest third = must(vault->manifest("backup_3"));
    CHECK(third.previous_id == "backup_2");
    CHECK(third.databases[0].identity == "identity of components");
    const auto names = must(must(vault->open_segments(first.databases[0]))[0]->attachment_names());
    REQUIRE(names.size() == 1);
    const Records old = old_records(names[0]);
    const Records young = young_records();
    CHECK(must(drain(*must(vault->documents(first.databases[0])))) == old);
    const Records expected{young[0], old[2], old[3], old[4], young[2]};
    CHECK(must(drain(*must(vault->documents(third.databases[0])))) == expected);
    const auto base = must(vault->base_for("components"));
    REQUIRE(base->segments.size() == 1);
    CHECK(must(drain(*must(vault->documents(*base)))) == expected);
    CHECK(must(vault->appended_bytes("backup_3", "note.txt")) == "second");
}

TEST_CASE("this build writes the golden bytes") {
    const auto golden = stored_vault();
    const std::shared_ptr<blobs::BlobStore> fresh = blobs::make_memory();
    build(fresh);
    const auto vault = must(golden->list(""));
    REQUIRE(vault.size() >= 9);
    // The compaction's segment and note depend on zstd; all else is exact.
    std::size_t exact = 0;
    for (const blobs::BlobInfo& blob : vault) {
        const auto bytes = blobs::read_all(*fresh, blob.name, 1 << 20);
        if (blob.name.starts_with("compactions/") || (!bytes && blob.name.starts_with("segments/")))
            continue;
        CAPTURE(blob.name);
        CHECK(must(bytes) == must(blobs::read_all(*golden, blob.name, 1 << 20)));
        ++exact;
    }
    CHECK(exact >= 8);
    CHECK(must(fresh->list("")).size() == vault.size());
}

TEST_CASE("write the golden vault", "[.]") {
    const std::shared_ptr<blobs::BlobStore> blobs = blobs::make_memory();
    build(blobs);
    fs::remove_all(golden_directory);
    for (const blobs::BlobInfo& blob : must(blobs->list(""))) {
        const fs::path path = golden_directory / blob.name;
        fs::create_directories(path.parent_path());
        std::ofstream(path, std::ios::binary) << must(blobs::read_all(*blobs, blob.name, 1 << 20));
    }
}
