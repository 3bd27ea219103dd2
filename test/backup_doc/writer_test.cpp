#include "davenport/backup_doc/writer.hpp"
#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "davenport/base/json.hpp"
#include "small_vault.hpp"
#include "support/temporary_directory.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <random>

using namespace davenport;
using namespace davenport::test;
using backup_doc::Contents;
using backup_doc::Summary;
using backup_doc::Writer;

namespace {

const std::string id = "03_ibp_db_backup_1592922855871";

std::string recorded(const std::string& name, const vault::Vault::StoredAttachment& stored) {
    return fmt::format(
        R"({{"{}":{{"content_type":"text/plain","digest":"md5-x","length":{},"revpos":2,"sha256":"{}"}}}})",
        name, stored.length, stored.sha256);
}

Summary running() {
    Summary summary;
    summary.id = id;
    summary.product_tag = "2.5.0";
    summary.started_ms = 1000;
    summary.in_progress = true;
    summary.databases = {{"done", 1001, 1002, "5-x", 4}, {"waiting", 0, 0, "", 0}};
    return summary;
}

}  // namespace

TEST_CASE("a backup doc has the seed's members in the seed's order", "[backup_doc][writer]") {
    SmallVault vault;
    auto components = vault.database("athena_components",
                                     {{"peer/1", "1-a", R"({"type":"fabric-peer","n":1.50})", ""},
                                      {"quote\"é", "12-b", "{}", ""},
                                      {"without a revision", "", R"({"a":1})", ""}});
    components.security = R"({"admins":{"names":["a"]}})";
    auto system = vault.database("athena_system", {});
    system.first_sequence = "3-x";
    const auto manifest = vault.commit(id, {components, system});
    check_done(vault.vault().append_attachment(id, "my-attachment2", R"({"test":"test"})"));
    check_done(vault.vault().append_attachment(id, "my-attachment1", "bub"));

    const std::string expected =
        R"({"id":"03_ibp_db_backup_1592922855871","backup_version":"1.0.0",)"
        R"("ibp_versions":{"tag":"2.5.0-26"},"doc_count":3,"dbs":{)"
        R"("athena_components":{"start_timestamp":1592922855874,"finish_timestamp":1592922856926,)"
        R"("last_sequence":"17-abc","security":{"admins":{"names":["a"]}},"docs":[)"
        R"({"_id":"peer/1","_rev":"1-a","type":"fabric-peer","n":1.50},)"
        R"({"_id":"quote\"é","_rev":"12-b"},)"
        R"({"_id":"without a revision","a":1}]},)"
        R"("athena_system":{"start_timestamp":1592922855874,"finish_timestamp":1592922856926,)"
        R"("first_sequence":"3-x","last_sequence":"17-abc","docs":[]}},)"
        R"("in_progress":false,"type":"athena_backup","start_timestamp":1592922838408,)"
        R"("end_timestamp":1592922862177,"elapsed":"23.8 secs",)"
        R"("_attachments":{"my-attachment1":"YnVi","my-attachment2":"eyJ0ZXN0IjoidGVzdCJ9"}})";

    for (const std::size_t piece : {1u, 2u, 7u, 100u, 65536u}) {
        const Written written = write_all(vault.vault(), manifest, piece);
        REQUIRE_FALSE(written.error);
        REQUIRE(written.text == expected);
    }
    REQUIRE(parse_json_object(expected));
}

TEST_CASE("without documents a backup doc counts them", "[backup_doc][writer]") {
    SmallVault vault;
    const auto manifest = vault.commit(id, {vault.database("db", {{"a", "1-a", "{}", ""}})});
    check_done(vault.vault().append_attachment(id, "extra", "bytes"));
    const Written written = write_all(vault.vault(), manifest, 4096, Contents::envelope_only);
    REQUIRE_FALSE(written.error);
    REQUIRE(written.text ==
            R"({"id":"03_ibp_db_backup_1592922855871","backup_version":"1.0.0",)"
            R"("ibp_versions":{"tag":"2.5.0-26"},"doc_count":1,"dbs":{)"
            R"("db":{"start_timestamp":1592922855874,"finish_timestamp":1592922856926,)"
            R"("last_sequence":"17-abc","doc_count":1}},)"
            R"("in_progress":false,"type":"athena_backup","start_timestamp":1592922838408,)"
            R"("end_timestamp":1592922862177,"elapsed":"23.8 secs"})");
}

TEST_CASE("a running backup never looks complete", "[backup_doc][writer]") {
    SmallVault vault;
    check_done(vault.vault().append_attachment(id, "early", "bub"));
    auto writer = value_of(Writer::create(vault.vault(), running(), nullptr, Contents::everything));
    const Written written = write_all(*writer);
    REQUIRE_FALSE(written.error);
    REQUIRE(
        written.text ==
        R"({"id":"03_ibp_db_backup_1592922855871","backup_version":"1.0.0",)"
        R"("ibp_versions":{"tag":"2.5.0"},"doc_count":4,"dbs":{)"
        R"("done":{"start_timestamp":1001,"finish_timestamp":1002,"last_sequence":"5-x","docs":[]},)"
        R"("waiting":{"docs":[]}},"in_progress":true,"type":"athena_backup",)"
        R"("start_timestamp":1000,"_attachments":{"early":"YnVi"}})");
}

TEST_CASE("a failed backup says so", "[backup_doc][writer]") {
    SmallVault vault;
    Summary summary = running();
    summary.error = "no database \"x\"";
    summary.ended_ms = 3000;
    summary.databases.clear();
    auto writer = value_of(Writer::create(vault.vault(), summary, nullptr, Contents::everything));
    const Written written = write_all(*writer);
    REQUIRE(written.text ==
            R"({"id":"03_ibp_db_backup_1592922855871","backup_version":"1.0.0",)"
            R"("ibp_versions":{"tag":"2.5.0"},"doc_count":0,"dbs":{},"in_progress":false,)"
            R"("error":"no database \"x\"","type":"athena_backup","start_timestamp":1000,)"
            R"("end_timestamp":3000,"elapsed":"2.0 secs","_attachments":{}})");
}

TEST_CASE("a complete backup needs its manifest", "[backup_doc][writer]") {
    SmallVault vault;
    Summary summary = running();
    summary.in_progress = false;
    const auto writer = Writer::create(vault.vault(), summary, nullptr, Contents::everything);
    REQUIRE_FALSE(writer);
    REQUIRE(writer.error().code == ErrorCode::internal);
}

TEST_CASE("document attachments come out as base64 of any length", "[backup_doc][writer]") {
    SmallVault vault;
    const std::size_t piece = 3 * 64 * 1024;
    std::vector<StoredDocument> documents;
    std::vector<std::string> contents;
    for (const std::size_t length : {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{3},
                                     piece - 1, piece, piece + 1, 3 * piece + 2}) {
        std::string bytes(length, '\0');
        for (std::size_t i = 0; i < length; ++i) bytes[i] = static_cast<char>(i * 31 + i / 251);
        const auto stored = vault.put_attachment(bytes);
        documents.push_back({fmt::format("doc{}", documents.size()), "3-a", R"({"x":[1]})",
                             recorded("file", stored)});
        contents.push_back(std::move(bytes));
    }
    documents.push_back({"none", "1-a", "{}", "{}"});
    const auto manifest = vault.commit(id, {vault.database("db", documents)});
    const Written written = write_all(vault.vault(), manifest, 1000);
    REQUIRE_FALSE(written.error);

    const json::object doc = value_of(parse_json_object(written.text));
    const json::array& docs = doc.at("dbs").at("db").at("docs").as_array();
    REQUIRE(docs.size() == documents.size());
    for (std::size_t i = 0; i < contents.size(); ++i) {
        REQUIRE(docs[i].at("x").at(0).as_int64() == 1);
        const json::object& file = docs[i].at("_attachments").at("file").as_object();
        REQUIRE(file.size() == 4);
        REQUIRE(file.begin()->key() == "content_type");
        REQUIRE(text_or(file, "content_type") == "text/plain");
        REQUIRE(integer_member(file, "revpos") == 2);
        REQUIRE(text_or(file, "digest") == "md5-x");
        REQUIRE(value_of(from_base64(text_or(file, "data"))) == contents[i]);
    }
    REQUIRE(docs.back().at("_attachments").as_object().empty());
}

TEST_CASE("several attachments of one document", "[backup_doc][writer]") {
    SmallVault vault;
    const auto one = vault.put_attachment("one");
    const auto two = vault.put_attachment("two!");
    std::string both = recorded("a\\\"/b", one);
    both.pop_back();
    both += "," + recorded("c", two).substr(1);
    const auto manifest = vault.commit(id, {vault.database("db", {{"d", "1-a", "{}", both}})});
    const Written written = write_all(vault.vault(), manifest);
    REQUIRE_FALSE(written.error);
    REQUIRE(
        written.text.find(
            R"({"_id":"d","_rev":"1-a","_attachments":{)"
            R"("a\"/b":{"content_type":"text/plain","revpos":2,"digest":"md5-x","data":"b25l"},)"
            R"("c":{"content_type":"text/plain","revpos":2,"digest":"md5-x","data":"dHdvIQ=="}}})") !=
        std::string::npos);
}

TEST_CASE("attachments that are not what was stored end the text", "[backup_doc][writer]") {
    SmallVault vault;
    auto stored = vault.put_attachment("the bytes");
    SECTION("another length") {
        stored.length += 1;
    }
    SECTION("other bytes of the same length") {
        const std::string other = to_hex(as_bytes(sha256("other one")));
        check_done(blobs::write_all(vault.vault().store(), "attachments/" + other, "the bytes"));
        stored.sha256 = other;
    }
    bool remove = false;
    SECTION("no bytes") {
        remove = true;
    }
    const auto manifest =
        vault.commit(id, {vault.database("db", {{"a fine one", "1-a", "{}", ""},
                                                {"bad", "1-a", "{}", recorded("file", stored)}})});
    if (remove) check_done(vault.vault().store().remove("attachments/" + stored.sha256));
    const Written written = write_all(vault.vault(), manifest);
    REQUIRE(written.error);
    INFO(written.error->message);
    REQUIRE(written.error->code == ErrorCode::corrupt);
    REQUIRE(written.error->message.find("document \"bad\" of database \"db\"") == 0);
    REQUIRE(written.error->message.find("\"file\"") != std::string::npos);
    REQUIRE_FALSE(parse_json(written.text));
}

TEST_CASE("a manifest that counts other documents than its segments is refused",
          "[backup_doc][writer]") {
    SmallVault vault;
    auto database = vault.database("db", {{"a", "1-a", "{}", ""}});
    database.documents = 2;
    const auto manifest = vault.commit(id, {database});
    const Written written = write_all(vault.vault(), manifest);
    REQUIRE(written.error);
    REQUIRE(written.error->code == ErrorCode::corrupt);
}

TEST_CASE("a missing segment is noticed before the first byte", "[backup_doc][writer]") {
    SmallVault vault;
    const auto manifest = vault.commit(id, {vault.database("db", {{"a", "1-a", "{}", ""}})});
    check_done(vault.vault().store().remove(manifest.databases[0].segments[0].name));
    const auto writer = Writer::create(vault.vault(), backup_doc::summarise(manifest), &manifest,
                                       Contents::everything);
    REQUIRE_FALSE(writer);
    // The envelope needs no segment.
    REQUIRE(Writer::create(vault.vault(), backup_doc::summarise(manifest), &manifest,
                           Contents::envelope_only));
}

TEST_CASE("a damaged segment ends the text in the middle", "[backup_doc][writer]") {
    TemporaryDirectory directory;
    SmallVault vault(value_of(blobs::open_directory(directory / "vault")));
    std::mt19937 random(7);  // letters that do not compress, so that there are several frames
    std::vector<StoredDocument> documents;
    for (int i = 0; i < 4000; ++i) {
        std::string letters(1000, 'x');
        for (char& c : letters) c = static_cast<char>('A' + random() % 26);
        documents.push_back({fmt::format("doc{:05}", i), "1-a", "{\"v\":\"" + letters + "\"}", ""});
    }
    const auto manifest = vault.commit(id, {vault.database("db", documents)});
    const std::string path = directory / ("vault/" + manifest.databases[0].segments[0].name);
    std::filesystem::permissions(path, std::filesystem::perms::owner_write,
                                 std::filesystem::perm_options::add);
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(std::filesystem::file_size(path) / 2));
    file.write("damage", 6);
    file.close();
    REQUIRE(file.good());

    const Written written = write_all(vault.vault(), manifest);
    REQUIRE(written.error);
    INFO(written.error->message);
    REQUIRE(written.error->code == ErrorCode::corrupt);
    REQUIRE(written.text.size() > 1'000'000);
    REQUIRE_FALSE(parse_json(written.text));
}
