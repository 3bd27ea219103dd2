#include "support.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"

using namespace davenport;
using namespace davenport::vault;
using namespace davenport::vault::test;

namespace {

SegmentReference some_segment(char digit) {
    SegmentReference segment;
    segment.root = std::string(64, digit);
    segment.name = "segments/" + segment.root;
    segment.records = 3;
    segment.tombstones = 1;
    segment.stored_bytes = 1000;
    segment.raw_bytes = 5000;
    return segment;
}

Manifest some_manifest() {
    DatabaseManifest database = entry("athena_components", {some_segment('a'), some_segment('b')});
    database.security = R"({"admins":{"names":["ä\"b"]}})";
    database.skipped_types = {"session", "lock"};
    database.documents = 2;
    database.started_ms = 1;
    database.finished_ms = 2;
    Manifest manifest = backup("03_ibp_db_backup_1", {database, entry("other", {})}, 5);
    manifest.finished_ms = 9;
    manifest.previous_id = "before";
    manifest.previous_sha256 = std::string(64, '0');
    return manifest;
}

// The text with another checksum that fits again.
std::string sealed_again(std::string text) {
    text.resize(text.rfind(",\"checksum\""));
    return text + ",\"checksum\":\"" + to_hex(as_bytes(sha256(text))) + "\"}";
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    return sealed_again(text.replace(at, from.size(), to));
}

ErrorCode code_of(const std::string& text) {
    const auto manifest = decode_manifest(text);
    REQUIRE_FALSE(manifest);
    return manifest.error().code;
}

}  // namespace

TEST_CASE("a manifest survives its text") {
    const Manifest manifest = some_manifest();
    const std::string text = encode(manifest);
    const Manifest decoded = must(decode_manifest(text));
    CHECK(encode(decoded) == text);
    CHECK(decoded.databases[0].security == manifest.databases[0].security);
    CHECK(decoded.databases[0].segments == manifest.databases[0].segments);
    CHECK(decoded.databases[0].skipped_types == manifest.databases[0].skipped_types);
    CHECK(decoded.previous_sha256 == manifest.previous_sha256);
    CHECK(decoded.finished_ms == 9);
}

TEST_CASE("members of later versions are passed over") {
    const std::string text = encode(some_manifest());
    CHECK(decode_manifest(replaced(text, "\"id\":", "\"signatures\":[{\"key\":1}],\"id\":")));
    CHECK(decode_manifest(replaced(text, "\"identity\":", "\"colour\":null,\"identity\":")));
}

TEST_CASE("every flipped bit of a manifest is found") {
    const std::string text = encode(some_manifest());
    for (std::size_t at = 0; at < text.size(); ++at)
        for (unsigned bit = 0; bit < 8; ++bit) {
            std::string damaged = text;
            damaged[at] = static_cast<char>(damaged[at] ^ (1U << bit));
            if (decode_manifest(damaged)) FAIL("byte " << at << " bit " << bit);
        }
    for (std::size_t size = 0; size < text.size(); ++size)
        if (decode_manifest(std::string_view(text).substr(0, size))) FAIL("cut at " << size);
}

TEST_CASE("a manifest that makes no sense is refused") {
    const std::string text = encode(some_manifest());
    CHECK(code_of(replaced(text, "\"version\":1", "\"version\":2")) == ErrorCode::unsupported);
    const std::vector<std::array<std::string, 2>> changes{
        {"davenport-backup", "other"},
        {"\"version\":1", "\"version\":\"1\""},
        {"\"id\":\"03_ibp_db_backup_1\"", "\"id\":\"../x\""},
        {"\"id\":\"03_ibp_db_backup_1\"", "\"id\":\"\""},
        {"\"previous_id\":\"before\"", "\"previous_id\":\"\""},
        {std::string(64, '0'), std::string(64, 'A')},
        {"\"documents\":2", "\"documents\":-2"},
        {"\"documents\":2", "\"documents\":2.5"},
        {"\"documents\":2", "\"documents\":99999999999999999999"},
        {"\"name\":\"athena_components\"", "\"name\":\"other\""},
        {"\"name\":\"athena_components\"", "\"name\":\"\""},
        {"\"name\":\"athena_components\",", ""},
        {"[\"session\",\"lock\"]", "[\"session\",1]"},
        {"[\"session\",\"lock\"]", "null"},
        {"segments/aaaa", "segments/aaab"},
        {"\"tombstones\":1", "\"tombstones\":4"},
        {"\"segments\":[]", "\"segments\":[7]"},
        {"\"databases\":[", "\"databases\":[[],"},
    };
    for (const auto& [from, to] : changes) {
        CAPTURE(from, to);
        CHECK(code_of(replaced(text, from, to)) == ErrorCode::corrupt);
    }
    for (const char* other : {"", "{}", "[]", "null", "{\"checksum\":\"\"}"})
        CHECK(code_of(other) == ErrorCode::corrupt);
}
