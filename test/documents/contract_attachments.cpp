#include "contract.hpp"
#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"

#include <cstring>

using namespace davenport;
using namespace davenport::documents;
using namespace davenport::documents::test;
using Kind = WriteOutcome::Kind;

namespace {

// Bytes that were never in memory as a whole.
class GeneratedSource final : public ByteSource {
  public:
    explicit GeneratedSource(std::size_t length) : left_(length) {}
    Result<std::size_t> read(std::span<char> buffer) override {
        const std::size_t count = std::min({buffer.size(), left_, std::size_t{70'001}});
        for (std::size_t i = 0; i < count; ++i) buffer[i] = next();
        left_ -= count;
        return count;
    }
    char next() { return static_cast<char>((state_ = state_ * 1664525 + 1013904223) >> 24); }

  private:
    std::size_t left_;
    std::uint32_t state_ = 1;
};

class FailingSource final : public ByteSource {
  public:
    explicit FailingSource(std::size_t good) : good_(good) {}
    Result<std::size_t> read(std::span<char> buffer) override {
        if (good_ == 0) return fail(ErrorCode::io, "the source broke");
        const std::size_t count = std::min(buffer.size(), good_);
        std::memset(buffer.data(), 'x', count);
        good_ -= count;
        return count;
    }

  private:
    std::size_t good_;
};

std::string md5_of(std::string_view bytes) {
    return "md5-" + to_base64(as_bytes(md5(bytes)));
}

}  // namespace

TEST_CASE("attachments of all sizes") {
    Fixture f;
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{1}, std::size_t{256 * 1024 - 1}, std::size_t{256 * 1024},
          std::size_t{256 * 1024 + 1}, std::size_t{1'000'000}}) {
        std::string bytes(size, '\0');
        GeneratedSource source(0);
        for (char& c : bytes) c = source.next();
        const std::string id = "doc" + std::to_string(size);
        put(*f.database, {id, "{}", "", false, {}, {bytes_of("a/b ü.bin", bytes, "image/png")}});
        const Document document = require(f.database->get(id));
        REQUIRE(document.attachments.size() == 1);
        const AttachmentStub& stub = document.attachments.front();
        CHECK(stub.name == "a/b ü.bin");
        CHECK(stub.content_type == "image/png");
        CHECK(stub.length == size);
        CHECK(stub.digest == md5_of(bytes));
        CHECK(stub.revpos == 1);
        CHECK((read_all(f.database->attachment(id, "", stub.name)) == bytes));
        CHECK((read_all(f.database->attachment(id, document.revision, stub.name)) == bytes));
    }
    CHECK(error_of(f.database->attachment("doc1", "", "none")).code == ErrorCode::not_found);
    CHECK(error_of(f.database->attachment("none", "", "none")).code == ErrorCode::not_found);
}

TEST_CASE("a large attachment streams in and out") {
    Fixture f;
    constexpr std::size_t size = 20'000'000;
    AttachmentWrite attachment;
    attachment.name = "large";
    attachment.content_type = "application/octet-stream";
    attachment.source = std::make_shared<GeneratedSource>(size);
    put(*f.database, {"a", "{}", "", false, {}, {attachment}});
    const auto source = require(f.database->attachment("a", "", "large"));
    GeneratedSource expected(0);
    std::size_t seen = 0;
    bool same = true;
    std::vector<char> buffer(100'000);
    while (const std::size_t count = require(source->read(buffer))) {
        for (std::size_t i = 0; i < count; ++i) same = same && buffer[i] == expected.next();
        seen += count;
    }
    CHECK(same);
    CHECK(seen == size);
}

TEST_CASE("attachments are kept by stubs, dropped without") {
    Fixture f;
    const std::string first = put(
        *f.database, {"a", "{}", "", false, {}, {bytes_of("one", "111"), bytes_of("two", "222")}});
    const std::string second =
        put(*f.database,
            {"a", "{\"n\":2}", first, false, {}, {stub_of("one"), bytes_of("three", "3")}});
    Document document = require(f.database->get("a"));
    REQUIRE(document.attachments.size() == 2);
    CHECK(document.attachments[0].name == "one");
    CHECK(document.attachments[0].revpos == 1);
    CHECK(document.attachments[0].content_type == "text/plain");
    CHECK(document.attachments[1].name == "three");
    CHECK(document.attachments[1].revpos == 2);
    CHECK(read_all(f.database->attachment("a", "", "one")) == "111");
    CHECK(read_all(f.database->attachment("a", "", "three")) == "3");
    CHECK(error_of(f.database->attachment("a", "", "two")).code == ErrorCode::not_found);

    // What is not there can't be kept, nor what is another one.
    const WriteOutcome missing =
        write(*f.database, {"a", "{}", second, false, {}, {stub_of("two")}});
    CHECK(missing.error->code == ErrorCode::conflict);
    CHECK(missing.error->detail == "missing_stub");
    CHECK(write(*f.database, {"a", "{}", second, false, {}, {stub_of("one", "md5-AAAA")}})
              .error->detail == "missing_stub");
    CHECK(write(*f.database, {"new", "{}", "", false, {}, {stub_of("one")}}).error->detail ==
          "missing_stub");
    CHECK(require(f.database->get("a")).revision == second);

    const std::string digest = document.attachments[0].digest;
    if (f.engine.content_digests) CHECK(digest == md5_of("111"));
    put(*f.database, {"a", "{}", second, false, {}, {stub_of("one", digest)}});
    CHECK(require(f.database->get("a")).attachments.size() == 1);
}

TEST_CASE("the same bytes in many documents, and in one that goes") {
    Fixture f;
    const std::string bytes(300'000, 'x');
    const std::string a = put(*f.database, {"a", "{}", "", false, {}, {bytes_of("x", bytes)}});
    put(*f.database, {"b", "{}", "", false, {}, {bytes_of("x", bytes), bytes_of("y", bytes)}});
    put(*f.database, {"a", "{}", a, true});
    CHECK((read_all(f.database->attachment("b", "", "x")) == bytes));
    CHECK((read_all(f.database->attachment("b", "", "y")) == bytes));
    CHECK(error_of(f.database->attachment("a", "", "x")).code == ErrorCode::not_found);
    // And brought again after they went.
    const std::string b = require(f.database->get("b")).revision;
    put(*f.database, {"b", "{}", b, true});
    put(*f.database, {"c", "{}", "", false, {}, {bytes_of("x", bytes)}});
    CHECK((read_all(f.database->attachment("c", "", "x")) == bytes));
}

TEST_CASE("overwriting compares attachments too") {
    Fixture f;
    const Put what{"a", "{\"n\":1}", "", false, {}, {}};
    const auto with = [&](std::vector<AttachmentWrite> attachments) {
        Put put = what;
        put.attachments = std::move(attachments);
        return write(*f.database, put, WriteMode::overwrite).kind;
    };
    CHECK(with({bytes_of("x", "1")}) == Kind::created);
    CHECK(with({bytes_of("x", "1")}) == Kind::unchanged);
    CHECK(with({stub_of("x")}) == Kind::unchanged);
    CHECK(with({bytes_of("x", "1", "text/html")}) == Kind::changed);
    CHECK(with({bytes_of("x", "2", "text/html")}) == Kind::changed);
    CHECK(read_all(f.database->attachment("a", "", "x")) == "2");
    CHECK(with({}) == Kind::changed);
    CHECK(with({bytes_of("x", std::string(600'000, 'q'))}) == Kind::changed);
    CHECK(with({bytes_of("x", std::string(600'000, 'q'))}) == Kind::unchanged);
    CHECK(read_all(f.database->attachment("a", "", "x")).size() == 600'000);
}

TEST_CASE("replicated revisions bring or keep attachments") {
    Fixture f;
    Put first{"a", "{}", "1-a", false, {"1-a"}, {bytes_of("x", "111")}};
    first.attachments[0].revpos = 1;
    put(*f.database, first, WriteMode::replicated);
    put(*f.database, {"a", "{\"n\":3}", "3-c", false, {"3-c", "2-b", "1-a"}, {stub_of("x")}},
        WriteMode::replicated);
    CHECK(require(f.database->get("a")).attachments.at(0).revpos == 1);
    CHECK(read_all(f.database->attachment("a", "3-c", "x")) == "111");
    CHECK(write(*f.database, {"a", "{}", "2-z", false, {"2-z", "1-z"}, {stub_of("x")}},
                WriteMode::replicated)
              .error->detail == "missing_stub");
    // A conflict with other bytes under the same name.
    put(*f.database, {"a", "{}", "2-z", false, {"2-z", "1-z"}, {bytes_of("x", "zzz")}},
        WriteMode::replicated);
    CHECK(read_all(f.database->attachment("a", "2-z", "x")) == "zzz");
    CHECK(read_all(f.database->attachment("a", "", "x")) == "111");
    // The losing one stays readable when the winner goes, and wins.
    put(*f.database, {"a", "{}", "3-c", true});
    CHECK(read_all(f.database->attachment("a", "", "x")) == "zzz");
    // Known revisions bring nothing new.
    CHECK(write(*f.database, {"a", "{}", "2-z", false, {"2-z"}, {bytes_of("x", "other")}},
                WriteMode::replicated)
              .kind == Kind::unchanged);
    CHECK(read_all(f.database->attachment("a", "", "x")) == "zzz");
}

TEST_CASE("a source that breaks fails its document alone") {
    Fixture f;
    for (const std::size_t good : {std::size_t{0}, std::size_t{10}, std::size_t{600'000}}) {
        AttachmentWrite broken;
        broken.name = "x";
        broken.source = std::make_shared<FailingSource>(good);
        const auto outcomes = write_all(
            *f.database, {{"a", "{}", "", false, {}, {broken}}, {"b" + std::to_string(good), "{}"}},
            WriteMode::interactive);
        CHECK(outcomes[0].error->code == ErrorCode::io);
        CHECK(outcomes[1].kind == Kind::created);
        if (!f.engine.atomic_batches) continue;
        broken.source = std::make_shared<FailingSource>(good);
        const auto none =
            write_all(*f.database, {{"c", "{}"}, {"a", "{}", "", false, {}, {broken}}, {"d", "{}"}},
                      WriteMode::interactive, Atomicity::all);
        CHECK(none[0].error->code == ErrorCode::io);
        CHECK(none[2].error->code == ErrorCode::io);
    }
    CHECK(all_docs(*f.database).size() == 3);
}

TEST_CASE("bad attachments are refused") {
    Fixture f;
    const auto code = [&](std::vector<AttachmentWrite> attachments) {
        return write(*f.database, {"a", "{}", "", false, {}, std::move(attachments)})
            .error.value()
            .code;
    };
    CHECK(code({bytes_of("", "x")}) == ErrorCode::invalid_argument);
    CHECK(code({bytes_of("_x", "x")}) == ErrorCode::invalid_argument);
    CHECK(code({bytes_of("\xFF", "x")}) == ErrorCode::invalid_argument);
    CHECK(code({bytes_of(std::string("a\0b", 3), "x")}) == ErrorCode::invalid_argument);
    CHECK(code({bytes_of("x", "x"), bytes_of("x", "y")}) == ErrorCode::invalid_argument);
    CHECK(code({bytes_of("x", "x", "\xFF")}) == ErrorCode::invalid_argument);
    CHECK(code({AttachmentWrite{}}) == ErrorCode::invalid_argument);
    AttachmentWrite both = bytes_of("x", "x");
    both.stub = true;
    CHECK(code({both}) == ErrorCode::invalid_argument);
    AttachmentWrite wrong = bytes_of("x", "x");
    wrong.digest = md5_of("y");
    CHECK(code({wrong}) == ErrorCode::invalid_argument);
    CHECK(all_docs(*f.database).empty());
    wrong = bytes_of("x", "x");
    wrong.digest = md5_of("x");
    put(*f.database, {"a", "{}", "", false, {}, {wrong}});
}

TEST_CASE("cursors show stubs") {
    Fixture f;
    put(*f.database, {"a", "{}", "", false, {}, {bytes_of("q\"uote", "x")}});
    put(*f.database, {"b"});
    const std::vector<Row> rows = all_docs(*f.database);
    CHECK(require(from_stub_text(rows[0].attachments)) ==
          require(f.database->get("a")).attachments);
    CHECK(rows[1].attachments.empty());
    const std::string digest = f.engine.content_digests
                                   ? md5_of("x")
                                   : require(f.database->get("a")).attachments.at(0).digest;
    CHECK(rows[0].attachments ==
          R"({"q\"uote":{"content_type":"text/plain","revpos":1,"digest":")" + digest +
              R"(","length":1,"stub":true}})");
}
