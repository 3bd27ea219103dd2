#include "client.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>

using namespace davenport;
using namespace davenport::http;
using davenport::http::test::TemporaryDirectory;

TEST_CASE("header names compare without case, set replaces all of a name") {
    Headers headers;
    headers.add("X-One", "1");
    headers.add("x-one", "2");
    headers.add("Other", "3");
    CHECK(headers.get("X-ONE") == "1");
    CHECK_FALSE(headers.get("X-On"));
    headers.set("x-ONE", "4");
    CHECK(headers.fields().size() == 2);
    CHECK(headers.get("X-One") == "4");
}

TEST_CASE("query parameters") {
    Request request;
    request.query = "a=1&b=%20x+y&empty=&flag&a=2&enc%6Fded=v&bad=%zz";
    CHECK(**request.parameter("a") == "1");
    CHECK(**request.parameter("b") == " x+y");
    CHECK(**request.parameter("empty") == "");
    CHECK(**request.parameter("flag") == "");
    CHECK(**request.parameter("encoded") == "v");
    CHECK_FALSE(*request.parameter("none"));
    CHECK(request.parameter("bad").error().code == ErrorCode::invalid_argument);

    request.query = "skip%zz=1";  // perhaps the name that is asked for: not skipped silently
    CHECK(request.parameter("skip").error().code == ErrorCode::invalid_argument);
    request.query = "";
    CHECK_FALSE(*request.parameter("a"));
}

TEST_CASE("a spooled body goes with its object unless it is kept") {
    const TemporaryDirectory directory;
    const std::string first = directory / "first";
    const auto write = [](const std::string& path) { std::ofstream(path) << "data"; };

    write(first);
    { const SpooledBody body(first, 4); }
    CHECK_FALSE(std::filesystem::exists(first));

    write(first);
    SpooledBody kept(first, 4);
    SpooledBody moved(std::move(kept));
    CHECK(moved.path() == first);
    REQUIRE(moved.keep_as(directory / "kept"));
    CHECK(moved.path().empty());
    CHECK_FALSE(moved.keep_as(directory / "again"));
    moved = SpooledBody();
    CHECK(std::filesystem::file_size(directory / "kept") == 4);

    write(first);
    SpooledBody stays(first, 4);
    CHECK_FALSE(stays.keep_as(directory / "missing/kept"));
    CHECK(stays.path() == first);
    write(first + "2");
    stays = SpooledBody(first + "2", 4);  // lets go of the file it had
    CHECK_FALSE(std::filesystem::exists(first));
    CHECK(std::filesystem::exists(first + "2"));
}
