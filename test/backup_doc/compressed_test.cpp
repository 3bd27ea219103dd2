#include "compressed.hpp"
#include "upload.hpp"

#include <catch2/catch.hpp>

#include <filesystem>

using namespace davenport;
using namespace davenport::test;
using Catch::Matchers::Contains;

namespace {

std::string many_documents(int count) {
    std::string text = "[";
    for (int i = 0; i < count; ++i)
        text += fmt::format("{}{{\"_id\":\"doc{}\",\"value\":\"some text é\"}}", i ? "," : "", i);
    return text + "]";
}

std::size_t files_in(const std::filesystem::path& directory) {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(directory), {}));
}

}  // namespace

TEST_CASE("compressed_docs are read like docs", "[backup_doc][compressed]") {
    Uploads uploads;
    const std::string text = " [ {\"_id\":\"a\"} , {\"_id\":\"b\",\"x\":[1]}\n] \n";
    for (const std::size_t buffer : {1u, 3u, 1u << 20}) {
        {
            auto reader = uploads.open(compressed_upload(deflated(text)), with_buffer(buffer));
            if (!reader) FAIL(reader.error().message);
            REQUIRE((*reader)->databases()[0].documents == 2);
            REQUIRE(texts_of(**reader, "x") ==
                    std::vector<std::string>{R"({"_id":"a"})", R"({"_id":"b","x":[1]})"});
            REQUIRE(files_in(uploads.directory().path()) == 2);
        }
        REQUIRE(files_in(uploads.directory().path()) == 1);
    }
}

TEST_CASE("several databases with compressed_docs", "[backup_doc][compressed]") {
    Uploads uploads;
    const auto compressed = [](std::string_view text) { return to_base64(deflated(text)); };
    auto reader = uploads.open(fmt::format(
        R"({{"dbs":{{"a":{{"compressed_docs":"{}","docs":[]}},"b":{{"docs":[{{"_id":"2"}}]}},)"
        R"("c":{{"docs":[],"compressed_docs":"{}"}},"d":{{"compressed_docs":"{}"}}}}}})",
        compressed(R"([{"_id":"1"}])"), compressed(R"([{"_id":"3"}])"), compressed("[]")));
    if (!reader) FAIL(reader.error().message);
    REQUIRE(texts_of(**reader, "a") == std::vector<std::string>{R"({"_id":"1"})"});
    REQUIRE(texts_of(**reader, "b") == std::vector<std::string>{R"({"_id":"2"})"});
    REQUIRE(texts_of(**reader, "c") == std::vector<std::string>{R"({"_id":"3"})"});
    REQUIRE(texts_of(**reader, "d").empty());
}

TEST_CASE("base64 with JSON escapes, across every border of pieces", "[backup_doc][compressed]") {
    Uploads uploads;
    const std::string documents = many_documents(20'000);
    // Level 0 gives a text larger than the decoder's pieces.
    std::string base64 = to_base64(deflated(documents, 0));
    REQUIRE(base64.size() > 4 * 64 * 1024);
    std::string escaped;
    for (const char c : base64) {
        if (c == '/')
            escaped += "\\/";
        else if (c == '=')
            escaped += "\\u003d";
        else
            escaped += c;
    }
    for (const std::size_t buffer : {1021u, 1u << 20}) {
        auto reader = uploads.open("{\"dbs\":{\"x\":{\"compressed_docs\":\"" + escaped + "\"}}}",
                                   with_buffer(buffer));
        if (!reader) FAIL(reader.error().message);
        REQUIRE((*reader)->databases()[0].documents == 20'000);
        REQUIRE(texts_of(**reader, "x").size() == 20'000);
    }
}

TEST_CASE("compressed_docs that are damaged", "[backup_doc][compressed]") {
    Uploads uploads;
    const std::string text = many_documents(30);
    const std::string bytes = deflated(text);
    for (std::size_t length = 0; length < bytes.size(); ++length)
        CHECK_THAT(uploads.refusal(compressed_upload(bytes.substr(0, length))),
                   Contains("\"compressed_docs\" of database \"x\""));
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        std::string damaged = bytes;
        damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
        (void)uploads.refusal(compressed_upload(damaged));  // zlib's checksum at the latest
    }
    CHECK_THAT(uploads.refusal(compressed_upload(bytes + "x")),
               Contains("follow the end of the zlib stream"));
    CHECK_THAT(uploads.refusal(compressed_upload(bytes + bytes)),
               Contains("follow the end of the zlib stream"));
    CHECK_THAT(uploads.refusal(compressed_upload(text)), Contains("no zlib stream"));
    const auto refusal = [&](std::string_view value) {
        return uploads.refusal(fmt::format(R"({{"dbs":{{"x":{{"compressed_docs":{}}}}}}})", value));
    };
    const std::string base64 = to_base64(deflated("[]"));
    CHECK_THAT(refusal("\"\""), Contains("ends before its end"));
    CHECK_THAT(refusal("\"a\""), Contains("no base64"));
    CHECK_THAT(refusal("\"" + base64 + "=\""), Contains("no base64"));
    CHECK_THAT(refusal("\" " + base64 + "\""), Contains("no base64"));
    CHECK_THAT(refusal("\"" + base64), Contains("malformed JSON"));
    CHECK_THAT(refusal("null"), Contains("must be a string"));
    CHECK_THAT(refusal("[]"), Contains("must be a string"));
    // Padding inside the text, at the border of two pieces of the decoder.
    const std::string long_stream = deflated(many_documents(5'000), 0);
    const std::size_t piece = 3 * 16 * 1024 - 1;
    CHECK_THAT(refusal("\"" + to_base64(long_stream.substr(0, piece)) +
                       to_base64(long_stream.substr(piece)) + "\""),
               Contains("goes on after its padding"));
    REQUIRE(files_in(uploads.directory().path()) == 1);
}

TEST_CASE("what was compressed is checked like docs", "[backup_doc][compressed]") {
    Uploads uploads;
    const auto refusal = [&](std::string_view text) {
        return uploads.refusal(compressed_upload(deflated(text)));
    };
    CHECK_THAT(refusal(""), Contains("expected an array of documents, found the end of the text"));
    CHECK_THAT(refusal("{}"),
               Contains("byte 0 of the inflated compressed_docs: expected an array of documents"));
    CHECK_THAT(refusal("[{\"_id\":\"a\"}] ]"),
               Contains("malformed JSON at byte 14 of the inflated compressed_docs"));
    CHECK_THAT(refusal("[{\"_id\":\"a\"}"),
               Contains("malformed JSON at byte 12 of the inflated compressed_docs"));
    CHECK(refusal("[{\"_id\":\"a\"},7]") ==
          "database \"x\", document 1: the value at byte 13 of the inflated compressed_docs is not "
          "an object");
    CHECK_THAT(refusal("[{\"_id\":\"a\"},{\"_id\":\"b\"]"),
               Contains("database \"x\", document 1: malformed JSON at byte 23 of the inflated "
                        "compressed_docs"));
    CHECK_THAT(refusal("[{\"id\":\"a\"}]"), Contains("has no \"_id\""));
}

TEST_CASE("docs and compressed_docs, both with documents", "[backup_doc][compressed]") {
    Uploads uploads;
    const std::string compressed = to_base64(deflated("[]"));
    CHECK_THAT(
        uploads.refusal(fmt::format(
            R"({{"dbs":{{"x":{{"docs":[{{"_id":"a"}}],"compressed_docs":"{}"}}}}}})", compressed)),
        Contains("database \"x\" has both"));
    CHECK_THAT(
        uploads.refusal(fmt::format(
            R"({{"dbs":{{"x":{{"compressed_docs":"{}","docs":[{{"_id":"a"}}]}}}}}})", compressed)),
        Contains("database \"x\" has both"));
}

TEST_CASE("deflate bombs end at the limit, over all databases", "[backup_doc][compressed]") {
    Uploads uploads;
    const std::string bomb = deflated("[" + std::string(20'000'000, ' ') + "]");
    backup_doc::ReaderLimits limits;
    limits.max_inflated_bytes = 30'000'000;
    REQUIRE(uploads.open(compressed_upload(bomb), limits));
    const std::string base64 = to_base64(bomb);
    CHECK_THAT(
        uploads.refusal(
            fmt::format(
                R"({{"dbs":{{"x":{{"compressed_docs":"{}"}},"y":{{"compressed_docs":"{}"}}}}}})",
                base64, base64),
            limits, ErrorCode::too_large),
        Contains("\"compressed_docs\" of database \"y\": it inflates to more than the limit"));
    REQUIRE(files_in(uploads.directory().path()) == 1);
}

TEST_CASE("a spool file that can't be written", "[backup_doc][compressed]") {
    Uploads uploads;
    std::filesystem::create_directory(uploads.directory() / "upload.json.0.inflated");
    const auto reader = uploads.open(compressed_upload(deflated("[]")));
    REQUIRE_FALSE(reader);
    REQUIRE(reader.error().code != ErrorCode::invalid_argument);
}
