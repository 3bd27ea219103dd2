#include "form_source.hpp"
#include "support/temporary_directory.hpp"

#include <catch2/catch.hpp>

#include <fstream>

using namespace davenport;
using namespace davenport::http;
using namespace davenport::http::test;
using davenport::test::TemporaryDirectory;

namespace {

using Fields = std::vector<FormField>;

Error urlencoded_error(std::string_view body, const FormLimits& limits = {}) {
    auto fields = parse_urlencoded(body, limits);
    REQUIRE_FALSE(fields);
    return fields.error();
}

}  // namespace

TEST_CASE("urlencoded fields") {
    CHECK(*parse_urlencoded("") == Fields{});
    CHECK(*parse_urlencoded("a=1&b=x+y%26%2b%3D&a=2") ==
          Fields{{"a", "1"}, {"b", "x y&+="}, {"a", "2"}});
    CHECK(*parse_urlencoded("flag&empty=&&=v&x=1=2&") ==
          Fields{{"flag", ""}, {"empty", ""}, {"", "v"}, {"x", "1=2"}});
    CHECK(*parse_urlencoded("emails%5B%5D=a%40b.c&na+me=J%C3%BCrgen") ==
          Fields{{"emails[]", "a@b.c"}, {"na me", "Jürgen"}});
}

TEST_CASE("malformed urlencoded fields are named") {
    for (const std::string_view body : {"good=1&bad=%", "good=1&bad=%4", "good=1&bad=%zz"}) {
        const Error error = urlencoded_error(body);
        CHECK(error.code == ErrorCode::invalid_argument);
        CHECK(error.message.find("\"bad\"") != std::string::npos);
    }
    CHECK(urlencoded_error("good=1&%zz=1").message.find("field 2") != std::string::npos);
    CHECK(urlencoded_error("a%FF=1").message.find("UTF-8") != std::string::npos);
    CHECK(urlencoded_error("a=ok%C3").message == "the field \"a\" is not UTF-8 at its byte 2");
}

TEST_CASE("urlencoded fields have limits") {
    FormLimits limits;
    limits.max_parts = 3;
    limits.max_field_bytes = 4;
    limits.max_fields_bytes = 10;
    CHECK(parse_urlencoded("a=%41bcd&b=1&c=2", limits));
    CHECK(urlencoded_error("a&b&c&d", limits).code == ErrorCode::too_large);
    CHECK(urlencoded_error("a=12345", limits).code == ErrorCode::too_large);
    CHECK(urlencoded_error("a=1234&b=1234&c=", limits).code == ErrorCode::too_large);
    CHECK(urlencoded_error("aaaaaaaaaaa=", limits).code == ErrorCode::too_large);
}

TEST_CASE("the form of a request, in memory or spooled, of either type") {
    const TemporaryDirectory directory;
    const std::string text =
        field_part("type", "import") + file_part("file", "rows.json", "[1,2]") + "--XX--\r\n";
    Request request;
    CHECK(read_form(request).error().message == "a form needs a Content-Type header");

    request.headers.add("content-type", multipart_type);
    request.body = text;
    for (int round = 0; round < 2; ++round) {
        const auto form = read_form(request);
        REQUIRE(form);
        CHECK(form->fields == Fields{{"type", "import"}});
        CHECK(*form->field("type") == "import");
        CHECK(form->field("file") == nullptr);
        REQUIRE(form->file("file") != nullptr);
        CHECK(form->file("file")->bytes == "[1,2]");
        CHECK(form->file("file")->size == 5);
        CHECK(form->file("file")->part.filename == "rows.json");
        CHECK(form->file("file")->part.content_type == "application/json");
        CHECK(form->count("type") == 1);
        CHECK(form->count("file") == 1);
        CHECK(form->count("none") == 0);

        const std::string path = directory / "body";
        std::ofstream(path) << text;
        request.body.clear();
        request.spooled = SpooledBody(path, text.size());
    }
    request.spooled = SpooledBody(directory / "gone", 1);
    CHECK(read_form(request).error().code == ErrorCode::not_found);
    request.spooled = {};

    request.headers.set("Content-Type", "Application/X-WWW-Form-URLencoded; charset=UTF-8");
    request.body = "a=1&b=2+3";
    CHECK(read_form(request)->fields == Fields{{"a", "1"}, {"b", "2 3"}});
    request.headers.set("Content-Type", "application/json");
    CHECK(read_form(request).error().message.find("\"application/json\"") != std::string::npos);
}

TEST_CASE("files go to a sink of the caller's choice") {
    Request request;
    request.headers.add("Content-Type", multipart_type);
    request.body = file_part("one", "1", std::string(300'000, 'a')) + field_part("x", "y") +
                   file_part("two", "2", "") + "--XX--";
    std::vector<std::pair<std::string, std::string>> written;
    std::size_t longest = 0;
    const auto sink_for = [&](const FormPart& part) -> Result<FileSink> {
        written.emplace_back(part.name, "");
        return FileSink([&](std::string_view piece) -> Result<> {
            longest = std::max(longest, piece.size());
            written.back().second += piece;
            return {};
        });
    };
    FormLimits limits;
    limits.max_memory_file_bytes = 0;  // of no meaning to a sink
    const auto form = read_form(request, limits, sink_for);
    REQUIRE(form);
    REQUIRE(written.size() == 2);
    CHECK(written[0] == std::pair<std::string, std::string>("one", std::string(300'000, 'a')));
    CHECK(written[1] == std::pair<std::string, std::string>("two", ""));
    CHECK(longest <= 64 * 1024);
    CHECK(form->files[0].size == 300'000);
    CHECK(form->files[0].bytes.empty());
    CHECK(*form->field("x") == "y");

    const auto refused = read_form(request, {}, [](const FormPart& part) -> Result<FileSink> {
        return fail(ErrorCode::invalid_argument, "no file {} here", part.name);
    });
    CHECK(refused.error().message == "no file one here");
    const auto full = read_form(request, {}, [](const FormPart&) -> Result<FileSink> {
        return FileSink([](std::string_view) -> Result<> {
            return fail(ErrorCode::no_space, "the disk is full");
        });
    });
    CHECK(full.error().code == ErrorCode::no_space);
}

TEST_CASE("a form's fields and files in memory have limits") {
    FormLimits limits;
    limits.max_field_bytes = 10;
    limits.max_fields_bytes = 25;
    limits.max_file_bytes = 100;
    limits.max_memory_file_bytes = 150;
    limits.max_parts = 4;
    const auto form_of = [&](const std::string& parts) {
        return read(whole(parts + "--XX--"), limits);
    };
    const std::string ten(10, 'x'), hundred(100, 'y');
    CHECK(form_of(field_part("a", ten) + field_part("b", ten)));
    CHECK(form_of(field_part("a", ten + "x")).error().message ==
          "the field \"a\" (part 1) has more than 10 bytes");
    CHECK(form_of(field_part("a", ten) + field_part("b", ten) + field_part("c", "123"))
              .error()
              .code == ErrorCode::too_large);
    CHECK(form_of(file_part("f", "f", hundred)));
    CHECK(form_of(file_part("f", "f", hundred + "y")).error().message ==
          "the file \"f\" (part 1) has more than 100 bytes");
    CHECK(form_of(file_part("f", "f", hundred) + file_part("g", "g", hundred)).error().code ==
          ErrorCode::too_large);
    std::string many;
    for (int i = 0; i < 4; ++i) many += field_part("n", "");
    CHECK(form_of(many));
    CHECK(form_of(many + field_part("n", "")).error().message == "the form has more than 4 parts");
    CHECK(form_of(field_part("a", "\xff")).error().message ==
          "the field \"a\" is not UTF-8 at its byte 0");
}
