#include "presence.hpp"
#include "record_buffer.hpp"

#include "replication/fixture.hpp"

#include <set>

using namespace davenport;
using namespace davenport::test;

namespace {

std::string id_of(unsigned number) {
    return fmt::format("doc-{:06}", number);
}

std::shared_ptr<vault::SegmentReader> segment(blobs::BlobStore& store,
                                              const std::map<unsigned, bool>& records) {
    vault::SegmentOptions options;
    options.frame_bytes = 2'000;
    auto writer = must(vault::SegmentWriter::create(store, options));
    for (const auto& [number, exists] : records) {
        const std::string id = id_of(number);
        vault::Record record;
        record.id = id;
        record.tombstone = !exists;
        record.body = exists ? "{\"some\":\"text that fills the frame a little\"}" : "{}";
        must(writer->append(record));
    }
    return must(vault::SegmentReader::open(store, must(writer->finish())));
}

}  // namespace

TEST_CASE("presence says what a merge of the segments would show") {
    const Seed seed;
    INFO("seed " << seed.value());
    std::mt19937 random(seed.value());
    for (int round = 0; round < 20; ++round) {
        auto store = blobs::make_memory();
        std::vector<std::shared_ptr<vault::SegmentReader>> segments;
        std::map<unsigned, bool> visible;
        const unsigned range = 1 + random() % 3'000;
        for (unsigned layer = 0; layer < 1 + random() % 4; ++layer) {
            std::map<unsigned, bool> records;
            const unsigned count = 1 + random() % range;
            for (unsigned i = 0; i < count; ++i) records[random() % range] = random() % 3 != 0;
            for (const auto& [number, exists] : records) visible[number] = exists;
            segments.push_back(segment(*store, records));
        }
        std::set<unsigned> asked;
        const unsigned questions = 1 + random() % (range + 10);
        for (unsigned i = 0; i < questions; ++i) asked.insert(random() % (range + 20));
        replication::Presence presence(segments);
        for (const unsigned number : asked) {
            const auto known = visible.find(number);
            const auto expected = known == visible.end() ? replication::Held::nothing
                                  : known->second        ? replication::Held::document
                                                         : replication::Held::tombstone;
            REQUIRE(must(presence.find(id_of(number))) == expected);
        }
    }
}

TEST_CASE("presence without segments sees nothing") {
    replication::Presence presence({});
    CHECK(must(presence.find("a")) == replication::Held::nothing);
}

TEST_CASE("a record buffer sorts and keeps the record added last") {
    replication::RecordBuffer buffer;
    const auto add = [&](std::string id, std::string body) {  // by value: the buffer must copy
        vault::Record record;
        record.id = id;
        record.body = body;
        buffer.add(record);
    };
    add("b", "{\"n\":1}");
    add("a", "{\"n\":2}");
    add("b", "{\"n\":3}");
    add("c", "{\"n\":4}");
    add("a", "{\"n\":5}");
    CHECK(buffer.bytes() > 5 * 8);
    buffer.sort();
    REQUIRE(buffer.records().size() == 3);
    CHECK(buffer.records()[0].id == "a");
    CHECK(buffer.records()[0].body == "{\"n\":5}");
    CHECK(buffer.records()[1].body == "{\"n\":3}");
    CHECK(buffer.records()[2].body == "{\"n\":4}");
    buffer.clear();
    CHECK(buffer.bytes() == 0);
    CHECK(buffer.records().empty());
}
