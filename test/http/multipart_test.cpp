#include "form_source.hpp"

#include <catch2/catch.hpp>

#include <iostream>

using namespace davenport;
using namespace davenport::http;
using namespace davenport::http::test;

namespace {

constexpr std::string_view end = "--XX--\r\n";

std::string describe(const Result<Form>& form) {
    if (!form) return std::string(traits(form.error().code).name) + ": " + form.error().message;
    std::string text;
    for (const auto& [name, value] : form->fields) text += name + "=" + value + "\n";
    for (const FormFile& file : form->files)
        text += file.part.name + ":" + *file.part.filename + ":" + file.part.content_type + ":" +
                file.bytes + "\n";
    return text;
}

// Parses the whole text, and the text in pieces, which must make no difference.
Result<Form> parse(const std::string& text, const FormLimits& limits = {}) {
    auto form = read(whole(text), limits);
    auto pieces = read(std::make_unique<PiecewiseSource>(text, 1), limits);
    CHECK(describe(form) == describe(pieces));
    return form;
}

std::string error_of(const std::string& text, const FormLimits& limits = {}) {
    const auto form = parse(text, limits);
    CAPTURE(text.substr(0, 300));
    REQUIRE_FALSE(form);
    return form.error().message;
}

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != text.npos;
}

std::string disposition(const std::string& header) {
    return "--XX\r\nContent-Disposition: " + header + "\r\n\r\nbytes\r\n" + std::string(end);
}

FormPart part_of(const std::string& header) {
    auto reader = MultipartReader::open(multipart_type, whole(disposition(header)));
    REQUIRE(reader);
    const auto part = reader->next_part();
    if (!part) FAIL(header << ": " << part.error().message);
    REQUIRE(*part != nullptr);
    return **part;
}

// A form with one file part that is made while it is read.
class Endless final : public BodySource {
  public:
    Result<std::size_t> read(std::span<char> buffer) override {
        const std::string head = file_part("f", "f", "");
        const std::string start = head.substr(0, head.size() - 2);
        for (char& c : buffer) {
            if (given_ < start.size()) {
                c = start[given_++];
            } else if (given_ < start.size() + size) {
                c = static_cast<char>('a' + (given_++ - start.size()) % 23);
            } else {
                const std::size_t at = given_ - start.size() - size;
                static const std::string tail = "\r\n--XX--";
                if (at == tail.size()) return static_cast<std::size_t>(&c - buffer.data());
                c = tail[at];
                ++given_;
            }
        }
        return buffer.size();
    }
    static constexpr std::size_t size = 20'000'000;

  private:
    std::size_t given_ = 0;
};

}  // namespace

TEST_CASE("a form's parts come in their order") {
    const auto form =
        parse(field_part("a", "1") + file_part("f", "n.json", "[\r\n]\r\n") + field_part("a", "") +
              field_part("b", "\r\n--X\r\n") + std::string(end));
    REQUIRE(form);
    CHECK(form->fields == std::vector<FormField>{{"a", "1"}, {"a", ""}, {"b", "\r\n--X\r\n"}});
    REQUIRE(form->files.size() == 1);
    CHECK(form->files[0].bytes == "[\r\n]\r\n");
}

TEST_CASE("what a form may look like") {
    CHECK(parse("--XX--")->fields.empty());
    CHECK(parse("--XX--\r\n")->fields.empty());
    CHECK(parse("a preamble\r\nof -- lines\r\n--X\r\n" + field_part("a", "1") + std::string(end))
              ->fields.size() == 1);
    CHECK(parse("\r\n" + field_part("a", "1") + std::string(end))->fields.size() == 1);
    CHECK(*parse(field_part("a", "1") + std::string(end) + "an epilogue\r\n--XX\r\nof anything")
               ->field("a") == "1");
    CHECK(
        *parse("--XX \t\r\ncontent-disposition:form-data;name=a\r\n\r\n1\r\n--XX--")->field("a") ==
        "1");
    // No bytes, and not even the line end before the next boundary.
    CHECK(*parse("--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n--XX--")->field("a") == "");
    const std::string untold(
        "--XX\r\nX-Other: 1\r\nContent-Transfer-Encoding: BINARY\r\n"
        "Content-Disposition: form-data; name=a\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        "1\r\n--XX--");
    CHECK(*parse(untold)->field("a") == "1");
}

TEST_CASE("the boundary is read from the Content-Type") {
    const auto body = [](const std::string& boundary) {
        return "--" + boundary + "\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--" +
               boundary + "--";
    };
    const std::string longest(70, 'b');
    for (const auto& [type, boundary] : std::vector<std::pair<std::string, std::string>>{
             {"multipart/form-data; boundary=abc", "abc"},
             {"Multipart/Form-Data;BOUNDARY=\"a b:c\"", "a b:c"},
             {"multipart/form-data; charset=utf-8; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
              "----WebKitFormBoundary7MA4YWxkTrZu0gW"},
             {"multipart/form-data; boundary=\"" + longest + "\"; x=y", longest},
             {"multipart/form-data; boundary= =_?/a ;", "=_?/a"}}) {
        const auto form = read(whole(body(boundary)), {}, type);
        CAPTURE(type);
        REQUIRE(form);
        CHECK(*form->field("a") == "1");
    }
    for (const auto& [type, message] : std::vector<std::pair<std::string, std::string>>{
             {"application/json", "must be multipart/form-data"},
             {"multipart/mixed; boundary=a", "must be multipart/form-data"},
             {"", "must be multipart/form-data"},
             {"multipart/form-data", "names no boundary"},
             {"multipart/form-data; boundary", "has no value"},
             {"multipart/form-data; boundary=", "1 to 70 characters, not 0"},
             {"multipart/form-data; boundary=\"\"", "1 to 70 characters, not 0"},
             {"multipart/form-data; boundary=" + longest + "b", "1 to 70 characters, not 71"},
             {"multipart/form-data; boundary=\"a ", "does not end"},
             {"multipart/form-data; boundary=\"a \"", "ends with a space"},
             {"multipart/form-data; boundary=a*b", "forbidden character"},
             {"multipart/form-data; boundary=\"a\"b", "text after its parameter"},
             {"multipart/form-data; boundary=a; boundary=b", "twice"},
             {"multipart/form-data; a b=c; boundary=b", "malformed parameter"}}) {
        const auto opened = MultipartReader::open(type, whole(""));
        CAPTURE(type);
        REQUIRE_FALSE(opened);
        CHECK(opened.error().code == ErrorCode::invalid_argument);
        CHECK(contains(opened.error().message, message));
    }
    std::string many = "multipart/form-data";
    for (int i = 0; i < 10'000; ++i) many += "; p" + std::to_string(i) + "=1";
    CHECK_FALSE(MultipartReader::open(many, whole("")));
}

TEST_CASE("names and file names as senders write them") {
    CHECK(part_of("form-data; name=\"a b\"").name == "a b");
    CHECK_FALSE(part_of("form-data; name=a").is_file());
    CHECK(part_of("FORM-DATA; NAME=a; FileName=b").filename == "b");
    CHECK(part_of("form-data; name=\"a%22b\"; filename=\"c%22d%0D%0A\"").filename == "c\"d%0D%0A");
    CHECK(part_of("form-data; name=\"a\\\"b\\\\c\"").name == "a\"b\\c");
    CHECK(part_of("form-data; name=\"a;b=c\"; filename=\"C:\\dir\\x.txt\"").filename ==
          "C:\\dir\\x.txt");
    CHECK(part_of("form-data; name=\"f\"; filename=\"\"").filename == "");
    CHECK(part_of("form-data; name=\"naïve\"; filename=\"数.json\"").filename == "数.json");
    CHECK(part_of("form-data; name=f; filename*=UTF-8''%e2%82%ac.txt").filename == "€.txt");
    CHECK(part_of("form-data; name=f; filename*=utf-8'en'b; filename=a").filename == "b");
    CHECK(part_of("form-data; name=f; filename=a; filename*=iso-8859-1''%e4").filename == "a");
    CHECK(part_of("form-data; name=f; filename=a; filename*=UTF-8''%zz").filename == "a");
    CHECK(part_of("form-data; name=f; filename*=nonsense").filename == "");
}

TEST_CASE("what is wrong with a part is said") {
    const std::string ok = field_part("ok", "1");
    const auto second = [&](const std::string& part) {
        return error_of(ok + part + std::string(end));
    };
    CHECK(contains(second("--XX\r\n\r\nbytes\r\n"), "part 2: it has no Content-Disposition"));
    CHECK(contains(second("--XX\r\nContent-Type: a/b\r\n\r\nbytes\r\n"),
                   "part 2: it has no Content-Disposition"));
    CHECK(contains(second(disposition("form-data")), "part 2: it has no name"));
    CHECK(contains(second(disposition("form-data; name=\"\"")), "it has no name"));
    CHECK(contains(second(disposition("form-data; filename=x")), "it has no name"));
    CHECK(contains(second(disposition("attachment; name=a")), "\"attachment\", not form-data"));
    CHECK(contains(second(disposition("form-data; name=a; name=b")), "twice"));
    CHECK(contains(second(disposition("form-data; name=\"a")), "does not end"));
    CHECK(contains(second(disposition("form-data; name")), "has no value"));
    CHECK(contains(second(disposition("form-data; name=\"\xff\"")), "name is not UTF-8"));
    CHECK(contains(second(disposition("form-data; name=a; filename=\"\xc3\"")),
                   "file name is not UTF-8"));
    const auto with = [&](const std::string& header) {
        return second("--XX\r\nContent-Disposition: form-data; name=a\r\n" + header +
                      "\r\n\r\nbytes\r\n");
    };
    CHECK(contains(with("Content-Disposition: form-data; name=b"), "two Content-Disposition"));
    CHECK(contains(with("Content-Type: a/b\r\nContent-Type: a/b"), "two Content-Type"));
    CHECK(contains(with("Content-Type: Multipart/Mixed; boundary=YY"), "multipart itself"));
    CHECK(contains(with("Content-Transfer-Encoding: base64"), "\"base64\""));
    CHECK(contains(with("no header"), "\"no header\" is no header"));
    CHECK(contains(with(": empty"), "is no header"));
    CHECK(contains(with("A b: c"), "is no header"));
    CHECK(contains(with(" folded: line"), "is no header"));
    CHECK(contains(with(std::string("X: a\0b", 6)), "control byte"));
    CHECK(contains(with("X: a\rb"), "control byte"));
    // Where it is: the first part has 61 bytes.
    CHECK(contains(second("--XX\r\n\r\nbytes\r\n"), "(at byte " + std::to_string(ok.size() + 4)));
}

TEST_CASE("lines that end with LF only are refused") {
    CHECK(contains(error_of("--XX\nContent-Disposition: form-data; name=a\n\n1\n--XX--\n"),
                   "LF only"));
    CHECK(contains(error_of("--XX\r\nContent-Disposition: form-data; name=a\n\n1\r\n--XX--"),
                   "LF only"));
    CHECK(contains(error_of("--XX\r\nContent-Disposition: form-data; name=a\nX: y\r\n\r\n1\r\n"
                            "--XX--"),
                   "LF only"));
    CHECK(contains(error_of("--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n1\n--XX--"),
                   "without its closing boundary --XX--"));
}

TEST_CASE("a form that does not end, wherever it is cut") {
    const std::string text = "preamble\r\n" + field_part("a", "1") +
                             file_part("f", "name", "some bytes") + field_part("b", "") + "--XX--";
    REQUIRE(parse(text));
    for (std::size_t length = 0; length < text.size(); ++length) {
        const auto form = parse(text.substr(0, length));
        CAPTURE(length);
        REQUIRE_FALSE(form);
        CHECK(form.error().code == ErrorCode::invalid_argument);
        const bool says = contains(form.error().message, "without its closing boundary") ||
                          contains(form.error().message, "does not come within");
        CAPTURE(form.error().message);
        CHECK(says);
    }
}

TEST_CASE("a boundary must stand alone on its line") {
    CHECK(contains(error_of("--XXa\r\n"), "followed by something else"));
    CHECK(contains(error_of("--XX-\r\n"), "followed by something else"));
    CHECK(contains(error_of("--XX" + std::string(65, ' ') + "\r\n"), "something else"));
    CHECK(contains(error_of(field_part("a", "1\r\n--XXY") + std::string(end)), "something else"));
    CHECK(contains(error_of("no boundary at all"), "the boundary --XX does not come"));
    CHECK(contains(
        error_of(std::string(40'000, 'p') + "\r\n" + field_part("a", "1") + std::string(end)),
        "does not come within the first"));
}

TEST_CASE("the headers of a part have a limit") {
    FormLimits limits;
    limits.max_header_bytes = 200;
    const auto headers = [](std::size_t size) {
        std::string text = "Content-Disposition: form-data; name=a\r\nX: ";
        text.resize(size - 2, 'x');
        return "--XX\r\n" + text + "\r\n\r\n1\r\n--XX--";
    };
    CHECK(parse(headers(200), limits));
    CHECK(contains(error_of(headers(201), limits), "more than 200 bytes"));
    CHECK(contains(error_of(headers(200'000), limits), "more than 200 bytes"));
}

TEST_CASE("what the source fails with is the reader's failure, for ever") {
    class Failing final : public BodySource {
      public:
        Result<std::size_t> read(std::span<char> buffer) override {
            if (std::exchange(failed_, true)) return fail(ErrorCode::internal, "asked again");
            static_cast<void>(buffer);
            return fail(ErrorCode::io, "the disk is gone");
        }

      private:
        bool failed_ = false;
    };
    auto reader = MultipartReader::open(multipart_type, std::make_unique<Failing>());
    REQUIRE(reader);
    for (int i = 0; i < 2; ++i) CHECK(reader->next_part().error().message == "the disk is gone");
    CHECK(reader->next_piece().error().message == "the disk is gone");
}

TEST_CASE("parts that nobody reads are skipped") {
    auto reader = MultipartReader::open(
        multipart_type, whole(file_part("f", "f", std::string(200'000, 'z')) +
                              field_part("a", "1") + field_part("b", "2") + std::string(end)));
    REQUIRE(reader);
    REQUIRE(reader->next_part());
    REQUIRE(reader->next_piece());  // one of several
    CHECK((*reader->next_part())->name == "a");
    CHECK((*reader->next_part())->name == "b");
    CHECK(*reader->next_part() == nullptr);
    CHECK(*reader->next_part() == nullptr);
    CHECK(reader->next_piece()->empty());
}

TEST_CASE("hostile bodies take time in proportion to their size") {
    FormLimits limits;
    limits.max_parts = 1'000'000;
    limits.max_field_bytes = limits.max_fields_bytes = 64 << 20;
    const auto repeated = [](std::string_view text, int times) {
        std::string result;
        for (int i = 0; i < times; ++i) result += text;
        return result;
    };
    // Almost boundaries, of the longest kind.
    const std::string boundary = std::string(69, '-') + "b";
    const std::string almost = repeated("\r\n--" + std::string(69, '-') + "c", 100'000);
    const auto near =
        read(whole("--" + boundary + "\r\nContent-Disposition: form-data; name=a\r\n\r\n" + almost +
                   "\r\n--" + boundary + "--"),
             limits, "multipart/form-data; boundary=" + boundary);
    REQUIRE(near);
    CHECK(*near->field("a") == almost);
    // Very many parts, line ends, parameters, escapes.
    const auto parts =
        read(whole(repeated(field_part("a", ""), 200'000) + std::string(end)), limits);
    REQUIRE(parts);
    CHECK(parts->fields.size() == 200'000);
    const std::string lines = repeated("\r\n\r", 2'000'000);
    CHECK(*read(whole(field_part("a", lines) + std::string(end)), limits)->field("a") == lines);
    FormLimits wide = limits;
    wide.max_header_bytes = 1 << 20;
    CHECK_FALSE(read(whole(disposition("form-data; name=a" + repeated("; x=y", 200'000))), wide));
    CHECK(read(whole(disposition("form-data; name=\"" + repeated("%22", 300'000) + '"')), wide));
    CHECK_FALSE(read(whole(disposition("form-data" + repeated(" ;", 400'000))), wide));
    std::string distinct = "form-data; name=a";
    for (int i = 0; i < 100'000; ++i) distinct += ";p" + std::to_string(i) + "=1";
    CHECK_FALSE(read(whole(disposition(distinct)), wide));
}

TEST_CASE("a large file passes in pieces, from a source that never holds it") {
    auto reader = MultipartReader::open(multipart_type, std::make_unique<Endless>());
    REQUIRE(reader);
    REQUIRE(reader->next_part());
    std::size_t size = 0, wrong = 0, longest = 0;
    while (true) {
        const auto piece = reader->next_piece();
        REQUIRE(piece);
        if (piece->empty()) break;
        longest = std::max(longest, piece->size());
        for (const char c : *piece)
            if (c != static_cast<char>('a' + size++ % 23)) ++wrong;
    }
    CHECK(size == Endless::size);
    CHECK(wrong == 0);
    CHECK(longest <= 64 * 1024);
    CHECK(*reader->next_part() == nullptr);
}

TEST_CASE("a boundary may lie anywhere in the reader's buffer") {
    for (std::size_t size = 65'300; size < 65'600; ++size) {
        const std::string bytes(size, 'x');
        const auto form =
            read(whole(file_part("f", "f", bytes) + field_part("a", "1") + std::string(end)));
        if (!form || form->files.at(0).bytes != bytes || form->fields.size() != 1)
            FAIL(size << " bytes: " << describe(form).substr(0, 300));
    }
}

TEST_CASE("random forms come out as they went in, however they are split") {
    const auto seed = std::random_device{}();
    std::cout << "multipart forms: seed " << seed << std::endl;
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const std::vector<std::string> scraps{"\r",
                                          "\n",
                                          "\r\n",
                                          "--",
                                          "-",
                                          "--X",
                                          "\r\n--X",
                                          "XX",
                                          "a",
                                          " ",
                                          std::string(1, '\0'),
                                          "\"",
                                          std::string(40'000, 'l')};
    for (int round = 0; round < 300; ++round) {
        std::string text;
        std::string expected_fields, expected_files;
        const std::size_t parts = random() % 6;
        for (std::size_t i = 0; i < parts; ++i) {
            std::string bytes;
            for (std::size_t n = random() % 12; n > 0; --n)
                bytes += scraps[random() % scraps.size()];
            const std::string marked = "\r\n" + bytes + "\r\n";
            if (marked.find("\r\n--XX") != std::string::npos) continue;
            const std::string name = "n" + std::to_string(random() % 3);
            if (random() % 2 == 0) {
                text += field_part(name, bytes);
                expected_fields += name + "=" + bytes + "\n";
            } else {
                text += file_part(name, "f", bytes);
                expected_files += name + ":f:application/json:" + bytes + "\n";
            }
        }
        text += end;
        const std::size_t longest = 1 + random() % (random() % 2 == 0 ? 10 : 100'000);
        const auto form = read(std::make_unique<PiecewiseSource>(text, longest, &random));
        if (describe(form) != expected_fields + expected_files) FAIL("round " << round);
    }
}

TEST_CASE("mutilated forms never do harm, and splitting makes no difference") {
    const auto seed = std::random_device{}();
    std::cout << "mutilated forms: seed " << seed << std::endl;
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const std::string good = "pre\r\n" + field_part("a", "1") + file_part("f", "name", "bytes") +
                             field_part("b", "x\r\n--X") + std::string(end) + "epilogue";
    const std::vector<std::string> scraps{"\r\n",
                                          "\n",
                                          "\r",
                                          "--XX",
                                          "--",
                                          ":",
                                          ";",
                                          "=",
                                          "\"",
                                          "\\",
                                          "\r\n\r\n",
                                          "name",
                                          "filename*=UTF-8''%",
                                          "\xff",
                                          std::string(1, '\0'),
                                          " "};
    FormLimits limits;
    limits.max_header_bytes = 150;
    limits.max_parts = 4;
    for (int round = 0; round < 20'000; ++round) {
        std::string text = good;
        for (std::size_t n = 1 + random() % 4; n > 0; --n) {
            const std::size_t at = random() % (text.size() + 1);
            const std::size_t length = std::min<std::size_t>(random() % 6, text.size() - at);
            switch (random() % 4) {
                case 0:
                    text.erase(at, length);
                    break;
                case 1:
                    text.insert(at, scraps[random() % scraps.size()]);
                    break;
                case 2:
                    text.replace(at, length, scraps[random() % scraps.size()]);
                    break;
                default:
                    text.insert(at, text.substr(random() % (text.size() + 1), random() % 60));
            }
        }
        const auto form = read(whole(text), limits);
        const auto split = read(std::make_unique<PiecewiseSource>(text, 7, &random), limits);
        if (describe(form) != describe(split)) FAIL("round " << round << ":\n" << text);
        if (!form && form.error().code != ErrorCode::invalid_argument &&
            form.error().code != ErrorCode::too_large)
            FAIL("round " << round << ": " << form.error().message);
        (void)parse_urlencoded(text);
    }
}
