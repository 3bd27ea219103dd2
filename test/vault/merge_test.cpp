#include "support.hpp"

using namespace davenport;
using namespace davenport::vault;
using namespace davenport::vault::test;

namespace {

std::vector<std::shared_ptr<SegmentReader>> open_all(const blobs::BlobStore& store,
                                                     const std::vector<SegmentReference>& list) {
    std::vector<std::shared_ptr<SegmentReader>> readers;
    for (const SegmentReference& reference : list)
        readers.push_back(must(open_segment(store, reference)));
    return readers;
}

}  // namespace

TEST_CASE("merging nothing gives nothing") {
    CHECK(must(merge({}, Tombstones::show)->next()) == nullptr);
}

TEST_CASE("random segments merge as a map would") {
    const auto seed = Catch::rngSeed();
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto below = [&](unsigned n) { return static_cast<std::size_t>(random() % n); };
    for (int round = 0; round < 60; ++round) {
        const auto store = blobs::make_memory();
        std::map<std::string, OwnedRecord> model;
        std::vector<SegmentReference> list;
        const std::size_t segments = 1 + below(10);
        const unsigned keys = static_cast<unsigned>(1 + below(round % 2 ? 20 : 400));
        for (std::size_t s = 0; s < segments; ++s) {
            std::map<std::string, OwnedRecord> own_records;
            const std::size_t count = 1 + below(keys);
            for (std::size_t i = 0; i < count; ++i) {
                // Some ids are beginnings of others.
                const std::string id =
                    std::string(below(4), 'k') + std::to_string(below(keys)) + "x";
                own_records[id] = below(4) == 0 ? tombstone(id)
                                                : document(id, std::string(below(200), 'a'),
                                                           fmt::format("{}-{}", s + 1, random()));
            }
            Records records;
            for (const auto& [id, record] : own_records) {
                records.push_back(record);
                model[id] = record;
            }
            SegmentOptions options;
            options.frame_bytes = 1 + below(3000);
            list.push_back(must(write_segment(*store, records, options)));
        }
        Records all, visible;
        for (const auto& [id, record] : model) {
            all.push_back(record);
            if (!record.tombstone) visible.push_back(record);
        }
        REQUIRE(must(drain(*merge(open_all(*store, list), Tombstones::show))) == all);
        REQUIRE(must(drain(*merge(open_all(*store, list), Tombstones::hide))) == visible);
    }
}

TEST_CASE("a merge stops at damage and does not fall back to older versions", "[plain]") {
    Disk disk;
    const auto old = must(write_segment(*disk.blobs, {document("a", "old"), document("b", "old")}));
    const auto young = must(write_segment(*disk.blobs, {document("b", "new")}));
    disk.faults->flip(young.name, 40, 1);
    const auto store = disk.faulty();
    const auto cursor = merge(open_all(*store, {old, young}), Tombstones::hide);
    for (int i = 0; i < 3; ++i) CHECK(cursor->next().error().code == ErrorCode::corrupt);
}
