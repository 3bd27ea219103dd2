#include "support.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"

using namespace davenport;
using namespace davenport::vault;
using namespace davenport::vault::test;

namespace {

Records numbered(std::size_t count, std::size_t text_bytes = 20) {
    Records records;
    for (std::size_t i = 0; i < count; ++i)
        records.push_back(document(fmt::format("id{:06}", i), std::string(text_bytes, 'x'),
                                   fmt::format("{}-r", i + 1)));
    return records;
}

SegmentOptions small_frames(std::size_t bytes) {
    SegmentOptions options;
    options.frame_bytes = bytes;
    return options;
}

std::shared_ptr<SegmentReader> open(const blobs::BlobStore& store,
                                    const SegmentReference& reference) {
    return must(open_segment(store, reference));
}

}  // namespace

TEST_CASE("a segment gives back what was written") {
    const auto store = blobs::make_memory();
    const std::size_t frame = GENERATE(1, 300, 4096, 512 * 1024);
    const Compression compression = GENERATE(Compression::zstd, Compression::none);
    CAPTURE(frame);
    Records records = numbered(500);
    records[3] = tombstone(records[3].id);
    records[4].extra = R"({"history":["1-a"]})";
    records[5].revision = "";
    records[6].id += std::string("\0\xff", 2);
    records[7].body = std::string(5000, 'b');
    SegmentOptions options = small_frames(frame);
    options.compression = compression;
    const SegmentReference reference = must(write_segment(*store, records, options));
    CHECK(reference.records == 500);
    CHECK(reference.tombstones == 1);
    CHECK(reference.name == "segments/" + reference.root);
    CHECK(reference.stored_bytes == must(store->open(reference.name))->size());
    const auto reader = open(*store, reference);
    CHECK(must(drain(*reader->scan())) == records);
    CHECK(must(drain(*must(reader->scan_from("")))) == records);
    std::uint64_t raw = 0;
    CHECK(must(reader->verify([&](std::uint64_t bytes) -> Result<> {
              raw += bytes;
              return {};
          })).empty());
    CHECK(raw == reference.raw_bytes);
    // Two cursors at once.
    const auto one = reader->scan();
    const auto two = reader->scan();
    CHECK(must(one->next())->id == records[0].id);
    CHECK(must(two->next())->id == records[0].id);
    CHECK(must(one->next())->id == records[1].id);
}

TEST_CASE("looking up ids in a segment") {
    const auto store = blobs::make_memory();
    Records records;
    for (int i = 0; i < 300; ++i) records.push_back(document(fmt::format("k{:04}", 2 * i), "text"));
    const auto reference = must(write_segment(*store, records, small_frames(700)));
    const auto reader = open(*store, reference);
    const auto seed = Catch::rngSeed();
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto cursor = reader->scan();
    for (int i = 0; i < 2000; ++i) {
        const int key = static_cast<int>(random() % 604);
        const std::string wanted = fmt::format("k{:04}", key);
        const Record* record = must(cursor->seek(wanted));
        const int expected = (key + 1) / 2;
        if (expected >= 300) {
            CHECK(record == nullptr);
            CHECK(must(cursor->next()) == nullptr);
            continue;
        }
        REQUIRE(record != nullptr);
        REQUIRE(own(*record) == records[static_cast<std::size_t>(expected)]);
        for (int step = 1; step <= static_cast<int>(random() % 4); ++step) {
            record = must(cursor->next());
            if (expected + step >= 300) {
                REQUIRE(record == nullptr);
                break;
            }
            REQUIRE(own(*record) == records[static_cast<std::size_t>(expected + step)]);
        }
        if (i % 100 == 0) {
            const Records rest = must(drain(*must(reader->scan_from(wanted))));
            CHECK(rest == Records(records.begin() + expected, records.end()));
        }
    }
}

TEST_CASE("the name of a segment follows from its content", "[plain]") {
    const auto store = blobs::make_memory();
    const Records records = numbered(50);
    const auto first = must(write_segment(*store, records));
    CHECK(must(write_segment(*store, records)) == first);
    CHECK(must(store->list("")).size() == 1);
    Records changed = records;
    changed[20].body = "{}";
    CHECK(must(write_segment(*store, changed)).root != first.root);
}

TEST_CASE("a damaged segment of the same content is replaced by a sound one", "[plain]") {
    Disk disk;
    const Records records = numbered(50);
    const auto reference = must(write_segment(*disk.blobs, records));
    std::string bytes = disk.read(reference.name);
    const std::size_t position = GENERATE(40, 8, 5000);
    bytes[std::min(position, bytes.size() - 1)] ^= 1;
    disk.overwrite(reference.name, bytes);
    CHECK(must(write_segment(*disk.blobs, records)) == reference);
    CHECK(must(open(*disk.blobs, reference)->verify()).empty());
}

namespace {

// Lets somebody else act at the moment when a blob was found missing.
class RacingStore final : public blobs::BlobStore {
  public:
    explicit RacingStore(blobs::BlobStore& inner) : inner_(inner) {}
    std::function<void()> meanwhile;
    int removals = 0;

    Result<std::unique_ptr<blobs::BlobWriter>> create() override { return inner_.create(); }
    Result<std::unique_ptr<blobs::BlobReader>> open(std::string_view name) const override {
        auto blob = inner_.open(name);
        if (!blob && meanwhile) meanwhile();
        return blob;
    }
    Result<std::vector<blobs::BlobInfo>> list(std::string_view prefix) const override {
        return inner_.list(prefix);
    }
    Result<> remove(std::string_view name) override {
        ++removals;
        return inner_.remove(name);
    }
    Result<std::uint64_t> sweep(std::uint64_t age) override { return inner_.sweep(age); }

  private:
    blobs::BlobStore& inner_;
};

}  // namespace

TEST_CASE("two writers of the same content do not get in each other's way", "[plain]") {
    const auto store = blobs::make_memory();
    const Records records = numbered(50);
    RacingStore racing(*store);
    SegmentReference other;
    racing.meanwhile = [&] { other = must(write_segment(*store, records)); };
    CHECK(must(write_segment(racing, records)) == other);
    CHECK(racing.removals == 0);
    CHECK(must(open(*store, other)->verify()).empty());
}

TEST_CASE("what may not be appended") {
    const auto store = blobs::make_memory();
    const auto writer = must(SegmentWriter::create(*store));
    CHECK(must(SegmentWriter::create(*store))->finish().error().code == ErrorCode::internal);
    REQUIRE(writer->append(document("b", "").view()));
    SECTION("an id out of order") {
        CHECK(writer->append(document("a", "").view()).error().code == ErrorCode::internal);
    }
    SECTION("an id twice") {
        CHECK(writer->append(document("b", "").view()).error().code == ErrorCode::internal);
    }
    SECTION("no id") {
        CHECK(writer->append(document("", "").view()).error().code == ErrorCode::internal);
    }
    SECTION("an endless id") {
        CHECK(writer->append(document(std::string(65536, 'c'), "").view()).error().code ==
              ErrorCode::too_large);
    }
    SECTION("a document over the limit") {
        const std::string body(64 * 1024 * 1024, 'x');
        Record record;
        record.id = "c";
        record.body = body;
        CHECK(writer->append(record).error().code == ErrorCode::too_large);
    }
    SECTION("attachments that are none") {
        for (const char* text :
             {"[]", "{\"a\":1}", "{\"a\":{\"sha256\":\"short\"}}", "{\"a\":{\"sha256\":7}}", "{"}) {
            const auto other = must(SegmentWriter::create(*store));
            OwnedRecord record = document("c", "");
            record.attachments = text;
            CHECK(other->append(record.view()).error().code == ErrorCode::invalid_argument);
        }
        return;
    }
    CHECK_FALSE(writer->append(document("d", "").view()));
    CHECK_FALSE(writer->finish());
    CHECK(must(store->list("")).empty());
}

TEST_CASE("bad options are refused") {
    const auto store = blobs::make_memory();
    for (const SegmentOptions options :
         {SegmentOptions{0, 1000, Compression::zstd}, SegmentOptions{23, 1000, Compression::zstd},
          SegmentOptions{1, 0, Compression::zstd}, SegmentOptions{1, 1UL << 30, Compression::zstd}})
        CHECK(SegmentWriter::create(*store, options).error().code == ErrorCode::invalid_argument);
}

TEST_CASE("the largest document fits") {
    const auto store = blobs::make_memory();
    const std::string id(65535, 'i');
    const std::string body(64 * 1024 * 1024 - 20 - id.size(), 'x');
    Record record;
    record.id = id;
    record.body = body;
    const auto writer = must(SegmentWriter::create(*store));
    REQUIRE(writer->append(document("a", "small").view()));
    REQUIRE(writer->append(record));
    REQUIRE(writer->append(document("z", "small").view()));
    const auto reader = open(*store, must(writer->finish()));
    CHECK(must(reader->verify()).empty());
    const auto cursor = must(reader->scan_from("i"));
    CHECK(must(cursor->next())->body == body);
    CHECK(must(cursor->next())->id == "z");
}

TEST_CASE("attachments of a segment are listed once each") {
    const auto store = blobs::make_memory();
    const std::string a = to_hex(as_bytes(sha256("a")));
    const std::string b = to_hex(as_bytes(sha256("b")));
    Records records;
    for (int i = 0; i < 200; ++i)
        records.push_back(with_attachment(document(fmt::format("d{:03}", i), "x"), i % 2 ? a : b));
    records[7].attachments = R"({"stub without bytes":{"content_type":"x"}})";
    const auto reader = open(*store, must(write_segment(*store, records)));
    std::vector<std::string> expected{a, b};
    std::sort(expected.begin(), expected.end());
    CHECK(must(reader->attachment_names()) == expected);
}

TEST_CASE("an error of the store reaches the writer's caller", "[plain]") {
    Disk disk;
    const auto store = disk.faulty();
    SegmentOptions options = small_frames(1000);
    options.compression = Compression::none;
    disk.faults->limit_bytes(20'000);
    const auto result = write_segment(*store, numbered(5000), options);
    REQUIRE_FALSE(result);
    CHECK(result.error().code == ErrorCode::no_space);
    CHECK(disk.names("").empty());
}

TEST_CASE("one failing call, whichever, and there is no segment", "[plain]") {
    for (std::uint64_t call = 1;; ++call) {
        REQUIRE(call < 200);
        Disk disk;
        disk.faults->fail_call(call, Faults::Lasting::once);
        const auto result = write_segment(*disk.faulty(), numbered(60), small_frames(300));
        if (!disk.faults->struck()) {
            CHECK(must(open(*disk.blobs, must(result))->verify()).empty());
            break;
        }
        CAPTURE(call);
        REQUIRE_FALSE(result);
        CHECK(result.error().code == ErrorCode::io);
        CHECK(disk.names("").empty());
    }
}

TEST_CASE("a writer that is given up leaves nothing") {
    const auto store = blobs::make_memory();
    {
        const auto writer = must(SegmentWriter::create(*store, small_frames(100)));
        for (const OwnedRecord& record : numbered(1000)) REQUIRE(writer->append(record.view()));
    }
    CHECK(must(store->list("")).empty());
}

TEST_CASE("every flipped bit of a segment is found, and never gives a wrong record") {
    Disk disk;
    Records records = numbered(6, 40);
    records[2] = tombstone(records[2].id);
    records[3] = with_attachment(records[3], to_hex(as_bytes(sha256("x"))));
    SegmentOptions options = small_frames(250);
    options.compression = GENERATE(Compression::zstd, Compression::none);
    const auto reference = must(write_segment(*disk.blobs, records, options));
    const auto store = disk.faulty();
    std::size_t at_open = 0;
    for (std::uint64_t offset = 0; offset < reference.stored_bytes; ++offset) {
        for (unsigned bit = 0; bit < 8; ++bit) {
            disk.faults->flip(reference.name, offset, static_cast<unsigned char>(1U << bit));
            const auto reader = open_segment(*store, reference);
            if (!reader) {
                ++at_open;
                if (reader.error().code != ErrorCode::corrupt) FAIL(reader.error().message);
                continue;
            }
            if (must((*reader)->verify()).empty()) FAIL("byte " << offset << " bit " << bit);
            // What still comes is right.
            const auto cursor = (*reader)->scan();
            for (std::size_t i = 0;; ++i) {
                const auto record = cursor->next();
                if (!record || !*record) break;
                if (!(own(**record) == records.at(i))) FAIL("a wrong record at " << offset);
            }
        }
    }
    CHECK(at_open > 1000);
}

TEST_CASE("every truncation of a segment is found, and so are short reads") {
    Disk disk;
    const auto reference = must(write_segment(*disk.blobs, numbered(10), small_frames(200)));
    const auto store = disk.faulty();
    for (std::uint64_t size = 0; size < reference.stored_bytes; ++size) {
        disk.faults->cut(reference.name, size);
        CHECK(open_segment(*store, reference).error().code == ErrorCode::corrupt);
        // Also when the manifest was "repaired" to fit.
        SegmentReference other = reference;
        other.stored_bytes = size;
        CHECK(open_segment(*store, other).error().code == ErrorCode::corrupt);
    }
    disk.faults->clear();
    const auto reader = open(*store, reference);
    disk.faults->read_short(reference.name);
    CHECK(reader->scan()->next().error().code == ErrorCode::corrupt);
    CHECK(open_segment(*store, reference).error().code == ErrorCode::corrupt);
}

TEST_CASE("a segment is what its reference says") {
    const auto store = blobs::make_memory();
    const auto reference = must(write_segment(*store, numbered(10)));
    const auto other = must(write_segment(*store, numbered(11)));
    auto wrong = reference;
    SECTION("counts") {
        wrong.records = 11;
    }
    SECTION("tombstones") {
        wrong.tombstones = 1;
    }
    SECTION("raw bytes") {
        ++wrong.raw_bytes;
    }
    SECTION("another segment under its name") {
        const std::string bytes = must(blobs::read_all(*store, other.name, 1 << 20));
        must(store->remove(reference.name));
        must(blobs::write_all(*store, reference.name, bytes));
        wrong.stored_bytes = other.stored_bytes;
    }
    CHECK(open_segment(*store, wrong).error().code == ErrorCode::corrupt);
}

TEST_CASE("verify names the documents of the broken frame, and a cursor stays with its error") {
    Disk disk;
    const Records records = numbered(100, 10);
    SegmentOptions options = small_frames(500);
    options.compression = Compression::none;
    const auto reference = must(write_segment(*disk.blobs, records, options));
    disk.faults->flip(reference.name, 32 + 1200, 0x10);  // in the third frame
    const auto store = disk.faulty();
    const auto reader = open(*store, reference);
    const auto damage = must(reader->verify());
    REQUIRE(damage.size() == 1);
    const auto cursor = reader->scan();
    std::size_t count = 0;
    Result<const Record*> record = nullptr;
    while ((record = cursor->next())) ++count;
    CHECK(records[count].id == damage[0].first_id);
    CHECK_THAT(record.error().message, Catch::Contains(damage[0].first_id));
    CHECK_THAT(record.error().message, Catch::Contains(damage[0].last_id));
    CHECK_THAT(record.error().message, Catch::Contains(reference.name));
    CHECK_FALSE(cursor->next());
    // Behind the damage everything can still be fetched.
    const Records behind = must(drain(*must(reader->scan_from(damage[0].last_id + "0"))));
    CHECK(behind.back() == records.back());
}
