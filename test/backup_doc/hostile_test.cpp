#include "compressed.hpp"
#include "davenport/base/json.hpp"
#include "upload.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace davenport;
using namespace davenport::test;
using backup_doc::Reader;

namespace {

const std::string& sample() {
    static const std::string text =
        R"({"client_webhook_url":"http:\/\/h\/x","id":"b","backup_version":"1.0.0","ibp_versions":{"tag":"2"},)"
        R"("doc_count":3,"dbs":{"athena_components":{"start_timestamp":1592922855874,"last_sequence":"1-\u00e9",)"
        R"("security":{"admins":{"names":["a"]}},"docs":[{"_id":"a","_rev":"1-a","pem":"x\ny\\","n":-1.5e3},)"
        R"({"_id":"é","o":{"}":["{",{"k":null}]},"_attachments":{"f":{"content_type":"t","data":"YnVi"}}}]},)"
        R"("DB_SYSTEM":{"compressed_docs":")" +
        to_base64(deflated(R"([{"_id":"s"}])")) +
        R"("}},"in_progress":false,"type":"athena_backup","elapsed":"23.8 secs","x":[true,[],{}],)"
        R"("_attachments":{"m":"YnVi"}})";
    return text;
}

// What Boost.JSON refuses though it is JSON, where the reader only skips it.
bool is_matter_of_opinion(const Error& error) {
    return error.message.find("stands twice") != std::string::npos ||
           error.message.find("exponent overflow") != std::string::npos;
}

// Boost.JSON as a second opinion: what the reader accepts is JSON, and its documents can be read
// again.
void check_sound(Uploads& uploads, const std::string& text, std::size_t buffer) {
    auto reader = uploads.open(text, with_buffer(buffer));
    if (!reader) {
        REQUIRE_FALSE(reader.error().message.empty());
        REQUIRE((reader.error().code == ErrorCode::invalid_argument ||
                 reader.error().code == ErrorCode::too_large));
        return;
    }
    const auto parsed = parse_json(text);
    if (!parsed && !is_matter_of_opinion(parsed.error()))
        FAIL("accepted " << text << " though " << parsed.error().message);
    for (const backup_doc::DatabaseEntry& database : (*reader)->databases()) {
        const auto documents = texts_of(**reader, database.key);
        REQUIRE(documents.size() == database.documents);
        for (const std::string& document : documents) {
            const auto object = parse_json_object(document);
            REQUIRE((object || is_matter_of_opinion(object.error())));
        }
    }
}

}  // namespace

TEST_CASE("the sample is fine at every buffer size", "[backup_doc][hostile]") {
    Uploads uploads;
    for (std::size_t buffer = 1; buffer <= sample().size() + 1; ++buffer) {
        auto reader = uploads.open(sample(), with_buffer(buffer));
        if (!reader) FAIL(reader.error().message << " with a buffer of " << buffer);
        REQUIRE(texts_of(**reader, "athena_components").size() == 2);
        REQUIRE(texts_of(**reader, "DB_SYSTEM") == std::vector<std::string>{R"({"_id":"s"})"});
        REQUIRE((*reader)->client_webhook_url() == "http://h/x");
    }
}

TEST_CASE("a backup doc cut off at any byte is refused", "[backup_doc][hostile]") {
    Uploads uploads;
    for (const std::size_t buffer : {7u, 1u << 20}) {
        for (std::size_t length = 0; length < sample().size(); ++length) {
            const auto reader = uploads.open(sample().substr(0, length), with_buffer(buffer));
            INFO(length);
            REQUIRE_FALSE(reader);
            REQUIRE(reader.error().code == ErrorCode::invalid_argument);
        }
    }
}

TEST_CASE("any byte of a backup doc changed: refused, or still JSON", "[backup_doc][hostile]") {
    Uploads uploads;
    static constexpr char others[] = {'"',    '\\',   '{',    '}', '[',  ']',  ',',    ':',
                                      '0',    'e',    '-',    ' ', '\n', '\0', '\x1F', '\x7F',
                                      '\x80', '\xC3', '\xFF', 'a', '/',  '='};
    for (std::size_t i = 0; i < sample().size(); ++i) {
        for (const char other : others) {
            std::string text = sample();
            if (text[i] == other) continue;
            text[i] = other;
            check_sound(uploads, text, 64);
        }
    }
}

TEST_CASE("random damage: refused, or still JSON", "[backup_doc][hostile]") {
    Uploads uploads;
    const auto seed = std::random_device()();
    CAPTURE(seed);
    std::mt19937 random(seed);
    for (int round = 0; round < 5'000; ++round) {
        std::string text = sample();
        for (unsigned changes = 1 + random() % 3; changes > 0; --changes) {
            const std::size_t at = random() % text.size();
            switch (random() % 4) {
                case 0:
                    text[at] = static_cast<char>(random());
                    break;
                case 1:
                    text.erase(at, 1 + random() % 8);
                    break;
                case 2:
                    text.insert(at, text.substr(random() % text.size(), random() % 20));
                    break;
                default:
                    std::swap(text[at], text[random() % text.size()]);
            }
        }
        check_sound(uploads, text, 1 + random() % 200);
    }
}
