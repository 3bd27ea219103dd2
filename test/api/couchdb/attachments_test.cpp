#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "davenport/base/random.hpp"
#include "harness.hpp"

#include <catch2/catch.hpp>

using namespace davenport;
using namespace davenport::test;

namespace {

struct Fixture {
    explicit Fixture(api::CouchdbOptions options = {}) : couch(options) { couch.call("PUT", "/a"); }
    Reply attach(const std::string& path, std::string_view bytes, const std::string& revision,
                 const char* type = "text/plain") {
        return couch.call("PUT", path + (revision.empty() ? "" : "?rev=" + revision), bytes,
                          {std::string("Content-Type: ") + type});
    }
    CouchServer couch;
};

}  // namespace

TEST_CASE_METHOD(Fixture, "an attachment is put, read in parts, and deleted") {
    const Reply made = attach("/a/x/hello.txt", "hello world", "");
    CHECK(made.status == 201);
    CHECK(made.member("id") == "x");
    CHECK(attach("/a/x/hello.txt", "other", "").status == 409);

    const Reply read = couch.call("GET", "/a/x/hello.txt");
    CHECK(read.status == 200);
    CHECK(read.body == "hello world");
    CHECK(read.headers.at("content-type") == "text/plain");
    CHECK(read.headers.at("content-length") == "11");
    CHECK(read.headers.at("accept-ranges") == "bytes");
    const std::string digest = to_base64(as_bytes(md5("hello world")));
    CHECK(read.headers.at("content-md5") == digest);
    CHECK(read.headers.at("etag") == "\"" + digest + "\"");
    CHECK(couch.call("GET", "/a/x/hello.txt", {}, {"If-None-Match: \"" + digest + "\""}).status ==
          304);
    const Reply head = couch.call("HEAD", "/a/x/hello.txt");
    CHECK(head.headers.at("content-length") == "11");
    CHECK(head.body.empty());

    const Reply part = couch.call("GET", "/a/x/hello.txt", {}, {"Range: bytes=6-8"});
    CHECK(part.status == 206);
    CHECK(part.body == "wor");
    CHECK(part.headers.at("content-range") == "bytes 6-8/11");
    const Reply beyond = couch.call("GET", "/a/x/hello.txt", {}, {"Range: bytes=11-"});
    CHECK(beyond.status == 416);
    CHECK(beyond.headers.at("content-range") == "bytes */11");

    const auto stub =
        couch.call("GET", "/a/x").json().at("_attachments").at("hello.txt").as_object();
    CHECK(stub.at("stub") == true);
    CHECK(stub.at("length") == 11);
    CHECK(stub.at("revpos") == 1);
    CHECK(stub.at("digest").as_string() == ("md5-" + digest).c_str());

    const Reply second =
        attach("/a/x/dir/b%20c", std::string("\0\1\2", 3), made.revision(), "image/png");
    CHECK(second.status == 201);
    CHECK(couch.call("GET", "/a/x/dir/b%20c").body == std::string("\0\1\2", 3));
    CHECK(couch.call("GET", "/a/x/dir%2Fb%20c").body.size() == 3);
    CHECK(couch.call("GET", "/a/x/hello.txt").body == "hello world");
    CHECK(attach("/a/x/late", "z", made.revision()).status == 409);

    CHECK(couch.call("GET", "/a/x/never").status == 404);
    CHECK(couch.call("GET", "/a/x/never").reason() == "Document is missing attachment");
    CHECK(couch.call("GET", "/a/never/y").reason() == "missing");
    CHECK(couch.call("DELETE", "/a/x/hello.txt").status == 409);
    CHECK(couch.call("DELETE", "/a/x/never?rev=" + second.revision()).status == 404);
    const Reply removed = couch.call("DELETE", "/a/x/hello.txt?rev=" + second.revision());
    CHECK(removed.status == 200);
    CHECK(removed.revision().starts_with("3-"));
    CHECK(couch.call("GET", "/a/x/hello.txt").status == 404);
    CHECK(couch.call("GET", "/a/x/dir/b%20c").status == 200);
}

TEST_CASE_METHOD(Fixture, "names of attachments may hold nearly anything") {
    std::string revision;
    for (const char* name :
         {"..%2F..%2Fetc%2Fpasswd", "../x", "100%25", "a+b", "%C3%A9", ".", "a%0D%0Ab"}) {
        CAPTURE(name);
        const Reply put = attach(std::string("/a/x/") + name, name, revision);
        CHECK(put.status == 201);
        revision = put.revision();
        CHECK(couch.call("GET", std::string("/a/x/") + name).body == name);
    }
    for (const char* name : {"_x", "a%00b", "%ff", ""}) {
        CAPTURE(name);
        CHECK(attach(std::string("/a/x/") + name, "z", revision).status == 400);
    }
    CHECK(couch.call("GET", "/a/x").json().at("_attachments").as_object().size() == 7);
}

TEST_CASE_METHOD(Fixture, "a broken transfer is noticed by its digest") {
    const Reply wrong = couch.call(
        "PUT", "/a/x/t", "hello",
        {"Content-Type: text/plain", "Content-MD5: " + to_base64(as_bytes(md5("other")))});
    CHECK(wrong.status == 400);
    CHECK(wrong.error() == "content_md5_mismatch");
    CHECK(couch.call("GET", "/a/x").status == 404);
    CHECK(
        couch
            .call("PUT", "/a/x/t", "hello",
                  {"Content-Type: text/plain", "Content-MD5: " + to_base64(as_bytes(md5("hello")))})
            .status == 201);
    CHECK(
        couch.call("PUT", "/a/y/t", "hello", {"Content-Type: text/plain", "Content-Encoding: gzip"})
            .status == 415);
}

TEST_CASE("attachments over the limit are refused") {
    api::CouchdbOptions options;
    options.max_attachment_bytes = 1000;
    Fixture fixture(options);
    CHECK(fixture.attach("/a/x/t", std::string(1001, 'x'), "").status == 413);
    CHECK(fixture.couch.call("GET", "/a/x").status == 404);
    CHECK(fixture.attach("/a/x/t", std::string(1000, 'x'), "").status == 201);
}

TEST_CASE_METHOD(Fixture, "large attachments stream in and out, also as base64") {
    const std::string bytes = random_bytes((3u << 20) + 1);
    const Reply put = attach("/a/x/big", bytes, "", "application/octet-stream");
    CHECK(put.status == 201);
    CHECK(couch.call("GET", "/a/x/big").body == bytes);
    CHECK(couch.call("GET", "/a/x/big", {}, {"Range: bytes=3000000-"}).body ==
          bytes.substr(3'000'000));
    const auto attachment =
        couch.call("GET", "/a/x?attachments=true").json().at("_attachments").at("big").as_object();
    CHECK(from_base64(attachment.at("data").as_string().c_str()).value() == bytes);
    CHECK_FALSE(attachment.contains("stub"));
    for (const std::size_t size : {0, 1, 48 * 1024 - 1, 48 * 1024, 48 * 1024 + 1}) {
        CAPTURE(size);
        const std::string path = "/a/size" + std::to_string(size);
        const std::string some = bytes.substr(0, size);
        CHECK(attach(path + "/t", some, "").status == 201);
        CHECK(couch.call("GET", path + "/t").body == some);
        const auto data = couch.call("GET", path + "?attachments=true")
                              .json()
                              .at("_attachments")
                              .at("t")
                              .at("data");
        CHECK(data.as_string() == to_base64(some).c_str());
    }
}

TEST_CASE_METHOD(Fixture, "stubs keep attachments from one revision to the next") {
    const Reply first = couch.call(
        "PUT", "/a/x", R"({"_attachments":{"t":{"content_type":"text/plain","data":"aGVsbG8="}}})");
    CHECK(first.status == 201);
    const Reply kept = couch.call(
        "PUT", "/a/x",
        R"({"_rev":")" + first.revision() + R"(","v":2,"_attachments":{"t":{"stub":true}}})");
    CHECK(kept.status == 201);
    CHECK(couch.call("GET", "/a/x/t").body == "hello");
    const Reply none = couch.call("PUT", "/a/y", R"({"_attachments":{"t":{"stub":true}}})");
    CHECK(none.status == 412);
    CHECK(none.error() == "missing_stub");
    const Reply dropped =
        couch.call("PUT", "/a/x", R"({"_rev":")" + kept.revision() + R"(","v":3})");
    CHECK(dropped.status == 201);
    CHECK(couch.call("GET", "/a/x/t").status == 404);
}

TEST_CASE_METHOD(Fixture, "attachments can follow their document in one multipart body") {
    const std::string type = "Content-Type: multipart/related; boundary=\"b o\"";
    const auto put = [&](const std::string& path, const std::string& body) {
        return couch.call("PUT", path, body, {type});
    };
    const std::string document =
        "--b o\r\nContent-Type: application/json\r\n\r\n"
        R"({"n":1.50,"_attachments":{"a.txt":{"follows":true,"content_type":"text/plain","length":5},)"
        R"("b.txt":{"follows":true,"content_type":"text/x"},"c":{"data":"aGVsbG8=","content_type":"text/plain"}}})";
    const std::string parts =
        "\r\n--b o\r\n\r\nfirst\r\n--b o\r\nContent-Type: text/x\r\n\r\nsec\r\nond\r\n--b o--";
    CHECK(put("/a/x", document + parts).status == 201);
    CHECK(couch.call("GET", "/a/x/a.txt").body == "first");
    CHECK(couch.call("GET", "/a/x/b.txt").body == "sec\r\nond");
    CHECK(couch.call("GET", "/a/x/b.txt").headers.at("content-type") == "text/x");
    CHECK(couch.call("GET", "/a/x/c").body == "hello");
    CHECK(couch.call("GET", "/a/x").body.find("\"n\":1.50") != std::string::npos);

    const std::string named =
        "\r\n--b o\r\nContent-Disposition: attachment; filename=\"b.txt\"\r\n\r\nB\r\n--b o\r\n"
        "Content-Disposition: attachment; filename=\"a.txt\"\r\n\r\nAAAAA\r\n--b o--\r\n";
    CHECK(put("/a/y", document + named).status == 201);
    CHECK(couch.call("GET", "/a/y/a.txt").body == "AAAAA");
    CHECK(couch.call("GET", "/a/y/b.txt").body == "B");

    const std::string open_end = parts.substr(0, parts.size() - 2);
    for (const std::string& wrong :
         {std::string(), std::string("--b o--"), std::string("x"), document,
          document + "\r\n--b o--", document + open_end,
          document + "\r\n--b o\r\n\r\nfirst\r\n--b o--",
          document + "\r\n--b o\r\n\r\nlonger than told\r\n--b o\r\n\r\nx\r\n--b o--",
          document + "\r\n--b o\r\n\r\nfirst\r\n--b o\r\n\r\nx\r\n--b o\r\n\r\ny\r\n--b o--",
          std::string("--b o\r\n\r\n{}\r\n--b o\r\n\r\nx\r\n--b o--"),
          std::string("--b o\r\n\r\n{\r\n--b o--")}) {
        CAPTURE(wrong);
        CHECK(put("/a/z", wrong).status == 400);
    }
    CHECK(couch.call("GET", "/a/z").status == 404);
}
