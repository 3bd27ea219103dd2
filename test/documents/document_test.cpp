#include "contract.hpp"
#include "davenport/documents/document_text.hpp"

using namespace davenport;
using namespace davenport::documents;
using namespace davenport::documents::test;

TEST_CASE("revision ids") {
    CHECK(require(RevisionId::parse("12-abc")).generation == 12);
    CHECK(require(RevisionId::parse("12-abc")).hash == "abc");
    CHECK(require(RevisionId::parse("12-abc")).text() == "12-abc");
    CHECK(RevisionId::parse("999999999999999-" + std::string(64, 'f')));
    for (const std::string& text :
         {std::string(), std::string("1"), std::string("-a"), std::string("0-a"), std::string("1-"),
          std::string("01-a"), std::string("+1-a"), std::string(" 1-a"), std::string("1-a b"),
          std::string("1-\xFF"), std::string("1-a\"b"), "1-" + std::string(65, 'a'),
          std::string("1000000000000000-a"), std::string("99999999999999999999999-a")})
        CHECK(error_of(RevisionId::parse(text)).code == ErrorCode::invalid_argument);
    CHECK(require(RevisionId::parse("2-a")) < require(RevisionId::parse("10-a")));
    CHECK(require(RevisionId::parse("2-a")) < require(RevisionId::parse("2-b")));
}

TEST_CASE("stubs to text and back") {
    const std::vector<AttachmentStub> stubs = {
        {"a\"b/ü", "text/plain; x=\"1\"", "md5-AAAA==", 7, 3}, {"b", "", "", 0, 0}};
    CHECK(require(from_stub_text(to_stub_text(stubs))) == stubs);
    CHECK(require(from_stub_text("")).empty());
    CHECK(to_stub_text({}) == "{}");
    for (const char* text :
         {"{", "[]", R"({"a":1})", R"({"a":{}})", R"({"a":{"length":-1,"revpos":1}})"})
        CHECK_FALSE(from_stub_text(text).has_value());
}

namespace {

ParsedDocument parsed(std::string_view text, UnknownReserved unknown = UnknownReserved::refuse) {
    DocumentParser parser;
    return require(parser.parse(text, unknown));
}

Error refused(std::string_view text) {
    DocumentParser parser;
    const Error error = error_of(parser.parse(text, UnknownReserved::refuse));
    CHECK(error.code == ErrorCode::invalid_argument);
    return error;
}

bool says(const Error& error, const std::string& what) {
    INFO(error.message);
    return error.message.find(what) != std::string::npos;
}

}  // namespace

TEST_CASE("a document's text is taken apart, and its members keep their text") {
    const ParsedDocument document = parsed(
        " {\"b\" : 1.0e2 , \"_id\":\"x\\u0041\", \"type\":\"pe\\u0065r\",\"_rev\":\"2-ab\"\n,"
        "\"big\":123456789012345678901234567890,\"nested\":{ \"_id\" : [ 1,2 , {} ] },"
        "\"_deleted\":true,\"last\":\"\\ud83d\\ude00\" }\n");
    CHECK(document.id == "xA");
    CHECK(document.revision == "2-ab");
    CHECK(document.deleted);
    CHECK(document.type == "peer");
    CHECK(document.body ==
          "{\"b\" : 1.0e2,\"type\":\"pe\\u0065r\",\"big\":123456789012345678901234567890,"
          "\"nested\":{ \"_id\" : [ 1,2 , {} ] },\"last\":\"\\ud83d\\ude00\"}");
    CHECK(parsed("{}").body == "{}");
    CHECK(parsed(" { \"_id\" : \"a\" } ").body == "{}");
    CHECK(parsed("{\"type\":1}").type.empty());
    CHECK(parsed("{\"_deleted\":false}").deleted == false);
    CHECK(parsed("{\"\":1}").body == "{\"\":1}");
    // Written with an escape it is the same member.
    CHECK(parsed("{\"\\u005fid\":\"a\"}").id == "a");
}

TEST_CASE("numbers of any size are carried on") {
    for (const char* number : {"1e999", "-1E-999", "123456789012345678901", "-0",
                               "1.7976931348623157e309", "18446744073709551616", "0.1e1", "1E+2"}) {
        const std::string text = std::string("{\"n\":") + number + "}";
        CHECK(parsed(text).body == text);
    }
    for (const char* number : {"01", "1.", ".1", "1e", "+1", "0x1", "1e999x", "--1", "1e+",
                               "00000000000000000000001", "NaN", "Infinity"})
        refused(std::string("{\"n\":") + number + "}");
}

TEST_CASE("malformed documents are refused with their place") {
    CHECK(says(refused("{\"a\":1,}"), "byte 7"));
    CHECK(says(refused("{\"a\":tru}"), "byte"));
    CHECK(says(refused("{\"a\":1"), "malformed JSON"));
    CHECK(says(refused("{\"a\":\"\xFF\"}"), "byte 6: not UTF-8"));
    CHECK(says(refused("{} x"), "byte 3"));
    CHECK(says(refused(""), "malformed JSON"));
    CHECK(says(refused("[1]"), "object"));
    CHECK(says(refused("{\"a\":\"\n\"}"), "byte 6"));
    CHECK(says(refused("{\"a\":\"\\ud800\"}"), "malformed JSON"));
    CHECK(says(refused("{\"a\":1,\"b\":2,\"a\":3}"), "\"a\" at byte 13"));
    CHECK(says(refused("{\"a\":1,\"\\u0061\":3}"), "twice"));
    CHECK(says(refused("{\"_id\":\"a\",\"_id\":\"b\"}"), "twice"));
    std::string many = "{";
    for (int i = 0; i < 100; ++i) many += "\"k" + std::to_string(i) + "\":0,";
    CHECK(says(refused(many + "\"k50\":1}"), "\"k50\""));

    const auto deep = [](std::size_t levels) {
        return "{\"a\":" + std::string(levels - 1, '[') + std::string(levels - 1, ']') + "}";
    };
    CHECK(parsed(deep(256)).body == deep(256));
    CHECK(says(refused(deep(257)), "malformed JSON"));
    refused(deep(100'000));
}

TEST_CASE("reserved members") {
    CHECK(says(refused("{\"_foo\":1}"), "byte 1"));
    CHECK(refused("{\"_foo\":1}").detail == "doc_validation");
    CHECK(parsed("{\"_foo\":1,\"a\":2}", UnknownReserved::drop).body == "{\"a\":2}");
    CHECK(parsed("{\"_conflicts\":[],\"_revs_info\":[],\"_local_seq\":1,\"a\":2}").body ==
          "{\"a\":2}");
    for (const char* text :
         {R"({"_id":1})", R"({"_id":""})", R"({"_rev":1})", R"({"_rev":"x"})", R"({"_deleted":1})",
          R"({"_attachments":[]})", R"({"_attachments":{"a":1}})", R"({"_attachments":{"a":{}}})",
          R"({"_attachments":{"a":{"stub":true,"data":""}}})",
          R"({"_attachments":{"a":{"data":"QQ\/="}}})", R"({"_attachments":{"a":{"data":1}}})",
          R"({"_attachments":{"a":{"stub":true},"a":{"stub":true}}})",
          R"({"_attachments":{"a":{"follows":true}}})", R"({"_revisions":[]})",
          R"({"_revisions":{"start":1}})", R"({"_revisions":{"start":1,"ids":["a","b"]}})",
          R"({"_revisions":{"start":-1,"ids":[]}})", R"({"_revisions":{"start":1,"ids":[1]}})"})
        refused(text);

    const std::string text =
        R"({"_attachments":{"a b":{"content_type":"text/plain","data" : "QUI=" ,"digest":"md5-x","revpos":2,"length":2},)"
        R"("s":{"stub":true,"digest":"md5-y"}},"_revisions":{"start":3,"ids":["c","b"]},"x":1})";
    const ParsedDocument document = parsed(text);
    CHECK(document.has_attachments_member);
    REQUIRE(document.attachments.size() == 2);
    CHECK(document.attachments[0].name == "a b");
    CHECK(document.attachments[0].content_type == "text/plain");
    CHECK(document.attachments[0].data_base64 == "QUI=");
    CHECK(document.attachments[0].data_base64.data() > text.data());
    CHECK(document.attachments[0].revpos == 2);
    CHECK(document.attachments[1].stub);
    CHECK(document.attachments[1].digest == "md5-y");
    CHECK(document.history == std::vector<std::string>{"3-c", "2-b"});
    CHECK(document.body == "{\"x\":1}");
    CHECK_FALSE(parsed("{}").has_attachments_member);
}

TEST_CASE("an envelope is split into its documents") {
    DocumentParser parser;
    const std::string text =
        R"( {"new_edits" : false ,"docs":[ {"_id":"a","x":[1,{"y":2}]} , {},{"_id":"]"}],"n":null} )";
    const auto envelope = require(parser.split_envelope(text, "docs"));
    REQUIRE(envelope.docs.size() == 3);
    CHECK(envelope.docs[0] == R"({"_id":"a","x":[1,{"y":2}]})");
    CHECK(envelope.docs[1] == "{}");
    CHECK(envelope.docs[2] == R"({"_id":"]"})");
    REQUIRE(envelope.others.size() == 2);
    CHECK(envelope.others[0].name == "new_edits");
    CHECK(envelope.others[0].text == "false");
    CHECK(envelope.others[1].text == "null");
    CHECK(require(parser.split_envelope(R"({"docs":[]})", "docs")).docs.empty());
    for (const char* bad : {"{}", "[]", R"({"docs":{}})", R"({"docs":[1]})",
                            R"({"docs":[{}],"docs":[]})", R"({"docs":[{}})", R"({"docs":[{]})", ""})
        CHECK(error_of(parser.split_envelope(bad, "docs")).code == ErrorCode::invalid_argument);
    CHECK(says(error_of(parser.split_envelope(R"({"docs":[{},7]})", "docs")), "byte 12"));

    std::string large = "{\"docs\":[";
    for (int i = 0; i < 50'000; ++i)
        large += (i ? ",{\"_id\":\"" : "{\"_id\":\"") + std::to_string(i) + "\"}";
    CHECK(require(parser.split_envelope(large + "]}", "docs")).docs.size() == 50'000);
    CHECK(error_of(parser.split_envelope(large + "]", "docs")).code == ErrorCode::invalid_argument);
}

TEST_CASE("a document's text is put together") {
    const auto text = [](auto... parts) {
        std::string out = ">";
        append_document_text(out, parts...);
        return out;
    };
    CHECK(text("a\"\n", "1-a", false, "{}", "") == R"(>{"_id":"a\"\n","_rev":"1-a"})");
    CHECK(text("a", "1-a", true, "{ }", "{}") ==
          R"(>{"_id":"a","_rev":"1-a","_deleted":true,"_attachments":{}})");
    CHECK(text("a", "1-a", false, "{\"b\":1}", "") == R"(>{"_id":"a","_rev":"1-a","b":1})");
    const std::string whole = text("a", "1-a", false, "{\"b\":{\"c\":2}}", "").substr(1);
    CHECK(parsed(whole).body == "{\"b\":{\"c\":2}}");
}

TEST_CASE("the same JSON") {
    CHECK(same_json("{}", "{ }"));
    CHECK(same_json(R"({"a":1,"b":[1,2,{"x":null}]})", R"({ "b":[1, 2,{"x":null}],"a":1})"));
    CHECK(same_json(R"({"a":"\u0041"})", R"({"a":"A"})"));
    CHECK(same_json(R"({"a":1.50})", R"({"a":1.5})"));
    CHECK(same_json(R"({"a":1e999})", R"({"a":1e999})"));
    CHECK_FALSE(same_json(R"({"a":1e999})", R"({"a":1e998})"));
    CHECK_FALSE(same_json(R"({"a":123456789012345678901})", R"({"a":123456789012345678902})"));
    CHECK_FALSE(same_json("{\"a\":1}", "{\"a\":2}"));
    CHECK_FALSE(same_json("{\"a\":1}", "{\"a\":1.0}"));
    CHECK_FALSE(same_json("{\"a\":1}", "{\"a\":\"1\"}"));
    CHECK_FALSE(same_json("{\"a\":1}", "{\"a\":1,\"b\":1}"));
    CHECK_FALSE(same_json("{\"a\":[1,2]}", "{\"a\":[2,1]}"));
    CHECK_FALSE(same_json("{\"a\":[1,2]}", "{\"a\":[1,2,3]}"));
    CHECK_FALSE(same_json("{\"a\":null}", "{\"a\":false}"));
    CHECK_FALSE(same_json("{\"a\":null}", "{\"b\":null}"));
}
