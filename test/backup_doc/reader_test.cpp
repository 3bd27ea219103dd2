#include "davenport/backup_doc/reader.hpp"
#include "upload.hpp"

#include <catch2/catch.hpp>

#include <sys/resource.h>

using namespace davenport;
using namespace davenport::test;
using backup_doc::Reader;
using Catch::Matchers::Contains;

TEST_CASE("what a backup doc says, in any order of its members", "[backup_doc][reader]") {
    Uploads uploads;
    const std::string text = R"( {
        "_attachments": {"a": "YnVi"}, "unknown": [1, -0.5e+3, {"x": {"y": [true, false, null]}}],
        "dbs": {
            "athena_components": {"docs": [ {"_id": "a", "n": 1.0} , {"_id":"a","_rev":"2-x","n":{"}":"\"}"}} ],
                                  "last_sequence": "x", "security": {"admins": {"roles": ["é\n"]}}},
            "DB_SYSTEM": {"start_timestamp": 1},
            "empty": {"docs": []},
            "d\u0062": {"security": null, "docs": [{"_id":"\u00e9"}]}
        },
        "client_webhook_url": "http:\/\/localhost:3000\/x",
        "id": "backup_1", "in_progress": false
    }
    )";
    for (const std::size_t buffer : {1u, 5u, 64u, 1u << 20}) {
        auto opened = uploads.open(text, with_buffer(buffer));
        if (!opened) FAIL(opened.error().message);
        Reader& reader = **opened;
        REQUIRE(reader.id() == "backup_1");
        REQUIRE_FALSE(reader.in_progress());
        REQUIRE(reader.error().empty());
        REQUIRE(reader.client_webhook_url() == "http://localhost:3000/x");
        REQUIRE(reader.databases().size() == 4);
        REQUIRE(reader.databases()[0].key == "athena_components");
        REQUIRE(reader.databases()[0].documents == 2);
        REQUIRE(reader.databases()[0].security == R"({"admins": {"roles": ["é\n"]}})");
        REQUIRE(reader.databases()[1].key == "DB_SYSTEM");
        REQUIRE(reader.databases()[1].documents == 0);
        REQUIRE(reader.databases()[3].key == "db");
        REQUIRE(reader.databases()[3].security.empty());
        for (int pass = 0; pass < 2; ++pass)
            REQUIRE(texts_of(reader, "athena_components") ==
                    std::vector<std::string>{R"({"_id": "a", "n": 1.0})",
                                             R"({"_id":"a","_rev":"2-x","n":{"}":"\"}"}})"});
        REQUIRE(texts_of(reader, "DB_SYSTEM").empty());
        REQUIRE(texts_of(reader, "empty").empty());

        auto cursor = reader.documents("db");
        REQUIRE(cursor);
        auto document = (*cursor)->next();
        REQUIRE(document);
        REQUIRE((*document)->parsed->id == "é");
        REQUIRE((*document)->parsed->body == "{}");
        for (int pass = 0; pass < 2; ++pass) {
            document = (*cursor)->next();
            REQUIRE(document);
            REQUIRE(*document == nullptr);
        }
        REQUIRE(reader.documents("other").error().code == ErrorCode::not_found);
    }
}

TEST_CASE("cursors of one reader are independent", "[backup_doc][reader]") {
    Uploads uploads;
    auto reader = uploads.open(
        R"({"dbs":{"a":{"docs":[{"_id":"1"},{"_id":"2"}]},"b":{"docs":[{"_id":"3"}]}}})");
    REQUIRE(reader);
    auto first = (*reader)->documents("a");
    auto second = (*reader)->documents("b");
    auto third = (*reader)->documents("a");
    REQUIRE((*(*first)->next())->parsed->id == "1");
    REQUIRE((*(*second)->next())->parsed->id == "3");
    REQUIRE((*(*first)->next())->parsed->id == "2");
    REQUIRE((*(*third)->next())->parsed->id == "1");
}

TEST_CASE("a backup that is not complete is recorded as such", "[backup_doc][reader]") {
    Uploads uploads;
    REQUIRE((*uploads.open(R"({"dbs":{},"in_progress":true})"))->in_progress());
    REQUIRE((*uploads.open(R"({"dbs":{},"error":"disk full"})"))->error() == "disk full");
    REQUIRE((*uploads.open(R"({"error": {"code": 1} ,"dbs":{}})"))->error() == R"({"code": 1})");
    REQUIRE((*uploads.open(R"({"error":null,"dbs":{}})"))->error().empty());
    REQUIRE_THAT(uploads.refusal(R"({"in_progress":"true","dbs":{}})"),
                 Contains("\"in_progress\" must be a boolean"));
}

TEST_CASE("the id is `id`, else `_id`", "[backup_doc][reader]") {
    Uploads uploads;
    REQUIRE((*uploads.open(R"({"dbs":{},"_id":"u","id":"x"})"))->id() == "x");
    REQUIRE((*uploads.open(R"({"dbs":{},"id":"x","_id":"u"})"))->id() == "x");
    REQUIRE((*uploads.open(R"({"dbs":{},"_id":"u"})"))->id() == "u");
    REQUIRE((*uploads.open(R"({"dbs":{},"id":5})"))->id().empty());
}

TEST_CASE("what is wrong is said in words and with its place", "[backup_doc][reader]") {
    Uploads uploads;
    const auto message = [&](std::string_view text) { return uploads.refusal(text); };
    CHECK(message("") == "malformed JSON at byte 0: the upload is empty");
    CHECK(message(" \n ") == "malformed JSON at byte 3: the upload is empty");
    CHECK_THAT(message("\xEF\xBB\xBF{}"), Contains("byte order mark (at byte 0)"));
    CHECK_THAT(message("\xFF\xFE{"),
               Contains("malformed JSON at byte 0: expected a value, found the byte 0xFF"));
    CHECK(message("[]") == "a backup doc must be a JSON object (at byte 0)");
    CHECK_THAT(message("[}"), Contains("malformed JSON at byte 1"));
    CHECK_THAT(message("{}"), Contains("no \"dbs\""));
    CHECK_THAT(message(R"({"docs":[]})"), Contains("no \"dbs\""));
    CHECK(message(R"({"dbs":[]})") == "\"dbs\" must be an object (at byte 7)");
    CHECK(message(R"({"dbs":{"x":[]}})") == "\"x\" in \"dbs\" must be an object (at byte 12)");
    CHECK(message(R"({"dbs":{"x":{"docs":{}}}})") ==
          "\"docs\" of database \"x\" must be an array (at byte 20)");
    CHECK(message(R"({"dbs":{"x":{"docs":null}}})") ==
          "\"docs\" of database \"x\" must be an array (at byte 20)");
    CHECK(message(R"({"dbs":{"x":{"docs":[{"_id":"a"},7]}}})") ==
          "database \"x\", document 1: the value at byte 33 is not an object");
    CHECK(message(R"({"dbs":{"x":{"docs":[{"id":"a"}]}}})") ==
          "database \"x\", document 0: the object at byte 21 has no \"_id\"");
    CHECK_THAT(message(R"({"dbs":{"x":{"docs":[{"_id":7}]}}})"),
               Contains("database \"x\", document 0: \"_id\" at byte 1: must be a string") &&
                   Contains("in the object at byte 21"));
    CHECK_THAT(message(R"({"dbs":{"x":{"docs":[{"_id":""}]}}})"),
               Contains("database \"x\", document 0"));
    CHECK_THAT(message(R"({"dbs":{"x":{"docs":[{"_id":"_foo"}]}}})"),
               Contains("database \"x\", document 0: the object at byte 21 has a bad \"_id\""));
    CHECK_THAT(message(R"({"dbs":{"x":{"docs":[{"_id":"a","v":1,"v":2}]}}})"),
               Contains("database \"x\", document 0") && Contains("stands twice"));
    CHECK_THAT(
        message(R"({"dbs":{"x":{"docs":[{"_id":"a"},{"_id":"b",}]}}})"),
        Contains(
            "database \"x\", document 1: malformed JSON at byte 44: expected a key, found '}'"));
    CHECK_THAT(message(R"({"dbs":{"x":{"docs":[{"_id":"a"} {"_id":"b"}]}}})"),
               Contains("database \"x\", document 1: malformed JSON at byte 33: expected ',' or "
                        "']' after a document, found '{'"));
    CHECK_THAT(
        message(R"({"dbs":{"x":{"docs":[{"_id":"a"},]}}})"),
        Contains(
            "database \"x\", document 1: malformed JSON at byte 33: expected a value, found ']'"));
    CHECK_THAT(message(R"({"dbs":{"x":{"docs":[{"_id":"a"}}}})"),
               Contains("malformed JSON at byte 32"));
    CHECK_THAT(message(R"({"dbs":{"x":{"docs":[{"_id":"a)"),
               Contains("database \"x\", document 0: malformed JSON at byte 30: the text ends "
                        "inside a string"));
    CHECK_THAT(message(R"({"dbs":{}} x)"),
               Contains("malformed JSON at byte 11: text after the end"));
    CHECK_THAT(message(R"({"dbs":{}}{)"), Contains("malformed JSON at byte 10"));
    CHECK(message(R"({"dbs":{},"client_webhook_url":7})") ==
          "\"client_webhook_url\" must be a string (at byte 31)");
    CHECK(message(R"({"dbs":{"x":{"security":[]}}})") ==
          "\"security\" of database \"x\" must be an object (at byte 24)");
    CHECK_THAT(message(R"({"dbs":{"x":{"security":{"a":1,"a":2}}}})"),
               Contains("\"security\" of database \"x\"") && Contains("twice"));
}

TEST_CASE("keys that stand twice where they would matter", "[backup_doc][reader]") {
    Uploads uploads;
    CHECK(uploads.refusal(R"({"dbs":{},"a":1,"dbs":{}})") ==
          "the key \"dbs\" stands twice in the backup doc (at byte 16)");
    CHECK_THAT(uploads.refusal(R"({"dbs":{},"d\u0062s":{}})"),
               Contains("the key \"dbs\" stands twice"));
    CHECK_THAT(uploads.refusal(R"({"dbs":{"x":{},"y":{},"x":{}}})"),
               Contains("the key \"x\" stands twice in \"dbs\""));
    CHECK_THAT(uploads.refusal(R"({"dbs":{"x":{"docs":[],"docs":[]}}})"),
               Contains("the key \"docs\" stands twice in database \"x\""));
    // In a value that nobody looks at they do no harm.
    REQUIRE(uploads.open(R"({"dbs":{},"a":{"b":1,"b":2}})"));
}

TEST_CASE("attachments of documents are checked", "[backup_doc][reader]") {
    Uploads uploads;
    const auto text = [](std::string_view attachment) {
        return fmt::format(
            R"({{"dbs":{{"x":{{"docs":[{{"_id":"d","_attachments":{{"f":{}}}}}]}}}}}})",
            attachment);
    };
    REQUIRE(uploads.open(text(R"({"content_type":"text/plain","data":"YnVi"})")));
    REQUIRE(uploads.open(text(R"({"content_type":"text/plain","data":""})")));
    REQUIRE(uploads.open(text(R"({"stub":true,"digest":"md5-x"})")));
    // printf bub | openssl md5 -binary | base64
    REQUIRE(uploads.open(text(R"({"data":"YnVi","digest":"md5-dGuWaFsxQ3m94WjMTm/sdg=="})")));
    CHECK_THAT(
        uploads.refusal(text(R"({"data":"YnV"})")),
        Contains(
            "database \"x\", document 0 (\"d\"): the data of the attachment \"f\" are no base64"));
    // Padding at the end of one piece of the decoding, with more behind it.
    std::string long_data(64 * 1024 - 2, 'A');
    long_data += "==AAAA";
    CHECK_THAT(uploads.refusal(text("{\"data\":\"" + long_data + "\"}")), Contains("no base64"));
    CHECK_THAT(uploads.refusal(text(R"({"data":"YnVi","digest":"md5-dGuWaFsxQ3m94WjMTm/sdw=="})")),
               Contains("do not have the digest"));
    // CouchDB's digest of what it keeps compressed is not that of the data.
    REQUIRE(uploads.open(text(
        R"({"content_type":"text/plain","data":"YnVi","digest":"md5-dGuWaFsxQ3m94WjMTm/sdw=="})")));
}

TEST_CASE("limits are refusals, not memory", "[backup_doc][reader]") {
    Uploads uploads;
    backup_doc::ReaderLimits limits;
    limits.max_document_bytes = 1000;
    const auto document = [](std::size_t bytes) {
        return R"({"_id":"a","v":")" + std::string(bytes - 18, 'v') + "\"}";
    };
    const auto upload = [&](std::size_t bytes) {
        return R"({"dbs":{"x":{"docs":[{"_id":"b"},)" + document(bytes) + "]}}}";
    };
    for (const std::size_t buffer : {16u, 1u << 20}) {
        limits.buffer_bytes = buffer;
        REQUIRE(uploads.open(upload(1000), limits));
        CHECK_THAT(uploads.refusal(upload(1001), limits, ErrorCode::too_large),
                   Contains("database \"x\", document 1"));
        CHECK_THAT(uploads.refusal(upload(100'000), limits, ErrorCode::too_large),
                   Contains("database \"x\", document 1"));
        // Malformed before the limit says so.
        CHECK_THAT(
            uploads.refusal(R"({"dbs":{"x":{"docs":[{"_id":"a" 7,"v":")" + std::string(5000, 'v'),
                            limits),
            Contains("malformed JSON at byte 32"));
    }

    limits = {};
    limits.max_envelope_bytes = 2000;
    CHECK_THAT(uploads.refusal(R"({")" + std::string(3000, 'k') + R"(":1,"dbs":{}})", limits,
                               ErrorCode::too_large),
               Contains("size limit"));
    CHECK_THAT(
        uploads.refusal(R"({"dbs":{"x":{"security":{"a":")" + std::string(3000, 'k') + R"("}}}})",
                        limits, ErrorCode::too_large),
        Contains("limit"));
    std::string many = R"({"dbs":{})";
    for (int i = 0; i < 100; ++i) many += fmt::format(R"(,"{}":1)", i);
    CHECK_THAT(uploads.refusal(many + "}", limits, ErrorCode::too_large),
               Contains("limit of 2000 bytes"));
    // What is skipped has no limit.
    REQUIRE(uploads.open(
        R"({"dbs":{},"_attachments":{"a":")" + std::string(100'000, 'A') + R"("}})", limits));
}

TEST_CASE("deep nesting", "[backup_doc][reader]") {
    Uploads uploads;
    const auto nested = [](std::size_t levels) {
        return std::string(levels, '[') + std::string(levels, ']');
    };
    REQUIRE(uploads.open(R"({"dbs":{},"x":)" + nested(255) + "}"));
    CHECK_THAT(uploads.refusal(R"({"dbs":{},"x":)" + nested(256) + "}"),
               Contains("more than 256 levels deep"));
    uploads.refusal(R"({"dbs":{},"x":)" + std::string(3'000'000, '['));
    uploads.refusal(R"({"dbs":{"x":{"docs":[{"_id":"a","v":)" + std::string(3'000'000, '['));
    CHECK_THAT(uploads.refusal(R"({"dbs":{"x":{"docs":[{"_id":"a","v":)" + nested(300) + "}]}}}"),
               Contains("database \"x\", document 0"));
    std::string objects;
    for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
    uploads.refusal(R"({"dbs":{"x":{"docs":[{"_id":"a","v":)" + objects);
    uploads.refusal(R"({"dbs":{"x":{"docs":)" + std::string(1000, '['));
    uploads.refusal(std::string(1'000'000, '{'));
}

TEST_CASE("strings outside documents are checked strictly", "[backup_doc][reader]") {
    Uploads uploads;
    const auto with = [](std::string_view inside) {
        return fmt::format("{{\"dbs\":{{}},\"x\":\"{}\"}}", inside);
    };
    const std::string nul("\0", 1);
    for (const std::string_view good : {"", "plain", "é€😀", R"(\"\\\/\b\f\n\r\t)", R"(\u0000)",
                                        R"(\uD83D\uDE00)", R"(\ud83d\ude00\uFFFF)", "\x7F"}) {
        for (const std::size_t buffer : {1u, 3u, 4096u}) {
            INFO(good);
            REQUIRE(uploads.open(with(good), with_buffer(buffer)));
        }
    }
    for (const std::string_view bad : {"\n",
                                       "\x1F",
                                       "\x80",
                                       "\xC0\xAF",
                                       "\xC3",
                                       "\xC3(",
                                       "\xE2\x82",
                                       "\xE0\x80\x80",
                                       "\xED\xA0\x80",
                                       "\xF0\x80\x80\x80",
                                       "\xF4\x90\x80\x80",
                                       "\xF8\x88\x80\x80\x80",
                                       "\xFF",
                                       R"(\x)",
                                       R"(\u12)",
                                       R"(\u12g4)",
                                       R"(\ud83d)",
                                       R"(\ud83dx)",
                                       R"(\ud83d\n)",
                                       R"(\ud83d\u0041)",
                                       R"(\ude00)",
                                       "\\"}) {
        for (const std::size_t buffer : {1u, 3u, 4096u}) {
            INFO(bad);
            CHECK_THAT(uploads.refusal(with(bad), with_buffer(buffer)),
                       Contains("malformed JSON at byte"));
        }
    }
    CHECK_THAT(uploads.refusal(with(nul)),
               Contains("malformed JSON at byte 15: the byte 0x00 inside a string"));
    // In documents too, with the position in the upload.
    CHECK_THAT(uploads.refusal("{\"dbs\":{\"x\":{\"docs\":[{\"_id\":\"a\xFF\"}]}}}"),
               Contains("database \"x\", document 0: malformed JSON at byte 30: not UTF-8"));
}

TEST_CASE("numbers and literals", "[backup_doc][reader]") {
    Uploads uploads;
    const auto with = [](std::string_view value) {
        return fmt::format(R"({{"dbs":{{}},"x":{}}})", value);
    };
    const std::string digits(10'000, '9');
    for (const std::string& good :
         {std::string("0"), std::string("-0"), std::string("-0.0e-0"), std::string("1E400"),
          std::string("10.25e+7"), digits, "1e" + digits, "0." + digits, std::string("true"),
          std::string("false"), std::string("null")}) {
        INFO(good);
        REQUIRE(uploads.open(with(good)));
        REQUIRE(uploads.open(with("[" + good + "]"), with_buffer(1)));
    }
    for (const std::string bad :
         {"",       "01",  "-",    "-a",  "+1",       ".5",       "1.",   "1.e5",
          "1e",     "1e+", "0x10", "NaN", "Infinity", "tru",      "True", "nul",
          "falsee", "1 2", "'a'",  "a",   "//",       "undefined"}) {
        INFO(bad);
        CHECK_THAT(uploads.refusal(with(bad)), Contains("malformed JSON at byte"));
        CHECK_THAT(uploads.refusal(with("[0," + bad + "]"), with_buffer(1)),
                   Contains("malformed JSON at byte"));
    }
}

TEST_CASE("a file that can't be opened", "[backup_doc][reader]") {
    Uploads uploads;
    const auto missing = Reader::open(uploads.directory() / "missing");
    REQUIRE_FALSE(missing);
    REQUIRE_THAT(missing.error().message, Contains("missing"));
    // A directory opens, and fails when it is read: an error of the system, not of the JSON.
    const auto directory = Reader::open(uploads.directory().path().string());
    REQUIRE_FALSE(directory);
    REQUIRE(directory.error().code != ErrorCode::invalid_argument);
}

TEST_CASE("a file that was cut off after it was checked", "[backup_doc][reader]") {
    Uploads uploads;
    std::string text = R"({"dbs":{"x":{"docs":[{"_id":"a"},{"_id":"b"}]}}})";
    auto reader = uploads.open(text, with_buffer(16));
    REQUIRE(reader);
    (void)uploads.put(text.substr(0, 36));
    auto cursor = (*reader)->documents("x");
    REQUIRE(cursor);
    REQUIRE(*(*cursor)->next());
    const auto second = (*cursor)->next();
    REQUIRE_FALSE(second);
}
