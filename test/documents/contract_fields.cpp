#include "contract.hpp"

#include <algorithm>
#include <random>

using namespace davenport;
using namespace davenport::documents;
using namespace davenport::documents::test;
using Strings = std::vector<std::string>;

namespace {

Strings found(Database& database, const Query& query) {
    Strings ids;
    for (const Document& document : require(database.find(query))) ids.push_back(document.id);
    return ids;
}

Query by(std::string index, Strings equals) {
    Query query;
    query.index = std::move(index);
    query.equals = std::move(equals);
    return query;
}

}  // namespace

TEST_CASE("finding documents by their fields") {
    Fixture f;
    const auto add = [&](const char* id, const char* body) { put(*f.database, {id, body}); };
    add("a", R"({"kind":"job","due":30})");
    add("b", R"({"kind":"job","due":10})");
    add("c", R"({"kind":"key","due":20})");
    require(f.database->ensure_index("by-kind", Strings{"kind", "due"}));
    add("d", R"({"kind":"job"})");
    add("e", R"({"kind":"job","due":20.5})");
    add("f", R"({"kind":"job","due":"soon"})");
    add("g", R"({"kind":"job","due":null})");
    require(f.database->ensure_index("by-kind", Strings{"kind", "due"}));
    CHECK(error_of(f.database->ensure_index("by-kind", Strings{"kind"})).code ==
          ErrorCode::conflict);

    CHECK(found(*f.database, by("by-kind", {"\"job\""})) == Strings{"g", "b", "e", "a", "f"});
    CHECK(require(f.database->count(by("by-kind", {"\"job\""}))) == 5);
    CHECK(found(*f.database, by("by-kind", {"\"job\"", "10"})) == Strings{"b"});
    CHECK(found(*f.database, by("by-kind", {"\"job\"", "10.0"})) == Strings{"b"});
    CHECK(found(*f.database, by("by-kind", {"\"job\"", "null"})) == Strings{"g"});
    CHECK(found(*f.database, by("by-kind", {"\"job\"", "\"10\""})).empty());
    CHECK(found(*f.database, by("by-kind", {})).size() == 6);

    Query query = by("by-kind", {"\"job\""});
    query.to = "20.5";
    CHECK(found(*f.database, query) == Strings{"b", "e"});
    CHECK(require(f.database->count(query)) == 2);
    query.from = "11";
    CHECK(found(*f.database, query) == Strings{"e"});
    query.to.reset();
    CHECK(found(*f.database, query) == Strings{"e", "a"});
    query.descending = true;
    CHECK(found(*f.database, query) == Strings{"a", "e"});
    query.skip = 1;
    CHECK(found(*f.database, query) == Strings{"e"});
    query.skip = 0;
    query.limit = 1;
    CHECK(found(*f.database, query) == Strings{"a"});
    CHECK(require(f.database->count(query)) == 2);

    const Document document = require(f.database->find(by("by-kind", {"\"key\""}))).at(0);
    CHECK(document.revision == require(f.database->get("c")).revision);
    CHECK(document.body == R"({"kind":"key","due":20})");
}

TEST_CASE("an index follows its documents") {
    Fixture f;
    require(f.database->ensure_index("by-n", Strings{"n"}));
    const std::string first = put(*f.database, {"a", "{\"n\":1}"});
    const std::string second = put(*f.database, {"a", "{\"n\":2}", first});
    CHECK(found(*f.database, by("by-n", {"1"})).empty());
    CHECK(found(*f.database, by("by-n", {"2"})) == Strings{"a"});
    put(*f.database, {"a", "{\"n\":2}", second, true});
    CHECK(found(*f.database, by("by-n", {"2"})).empty());
    CHECK(require(f.database->count(by("by-n", {"2"}))) == 0);
    overwrite(*f.database, "a", "{\"n\":2}");
    CHECK(found(*f.database, by("by-n", {"2"})) == Strings{"a"});
    overwrite(*f.database, "a", "{\"m\":2}");
    CHECK(found(*f.database, by("by-n", {})).empty());
}

TEST_CASE("values of different types are different") {
    Fixture f;
    require(f.database->ensure_index("by-v", Strings{"v"}));
    const std::pair<const char*, const char*> values[] = {
        {"t", "true"},       {"f", "false"},     {"0", "0"},          {"1", "1"},
        {"s1", "\"1\""},     {"st", "\"true\""}, {"n", "null"},       {"arr", "[1]"},
        {"sarr", "\"[1]\""}, {"e", "\"\""},      {"u", "\"\\u00e4\""}};
    for (const auto& [id, value] : values)
        put(*f.database, {id, std::string("{\"v\":") + value + "}"});
    for (const auto& [id, value] : values)
        if (std::string(id) != "arr") CHECK(found(*f.database, by("by-v", {value})) == Strings{id});
    CHECK(found(*f.database, by("by-v", {"\"ä\""})) == Strings{"u"});
    CHECK(found(*f.database, by("by-v", {})).size() == std::size(values));
    Query query = by("by-v", {});
    query.from = "\"\"";
    CHECK(found(*f.database, query) == Strings{"e", "s1", "sarr", "st", "u"});
    query.from = "-5";
    CHECK(found(*f.database, query) == Strings{"0", "1"});
}

TEST_CASE("odd field names, and bad indexes and queries") {
    Fixture f;
    require(f.database->ensure_index("odd", Strings{"it's a 'field'; --"}));
    put(*f.database, {"a", R"({"it's a 'field'; --":1})"});
    CHECK(found(*f.database, by("odd", {"1"})) == Strings{"a"});

    const auto code = [&](const char* name, const Strings& fields) {
        return error_of(f.database->ensure_index(name, fields)).code;
    };
    CHECK(code("", {"a"}) == ErrorCode::invalid_argument);
    CHECK(code("a\"b", {"a"}) == ErrorCode::invalid_argument);
    CHECK(code("a", {}) == ErrorCode::invalid_argument);
    CHECK(code("a", {""}) == ErrorCode::invalid_argument);
    CHECK(code("a", {"\""}) == ErrorCode::invalid_argument);
    CHECK(code("a", {"\\"}) == ErrorCode::invalid_argument);
    CHECK(code("a", Strings(9, "a")) == ErrorCode::invalid_argument);

    CHECK(error_of(f.database->find(by("none", {}))).code == ErrorCode::not_found);
    CHECK(error_of(f.database->count(by("none", {}))).code == ErrorCode::not_found);
    const auto refused = [&](const Query& query) {
        return error_of(f.database->find(query)).code == ErrorCode::invalid_argument &&
               error_of(f.database->count(query)).code == ErrorCode::invalid_argument;
    };
    CHECK(refused(by("odd", {"1", "2"})));
    CHECK(refused(by("odd", {"{}"})));
    CHECK(refused(by("odd", {"nonsense"})));
    Query query = by("odd", {"1"});
    query.from = "1";
    CHECK(refused(query));
    query = by("odd", {});
    query.from = "1";
    query.to = "\"a\"";
    CHECK(refused(query));
    query.to = "true";
    CHECK(refused(query));
}

TEST_CASE("a random lot is found as a plain search finds it") {
    Fixture f;
    const std::uint32_t seed = random_seed();
    std::mt19937 random(seed);
    struct Model {
        std::string id;
        int a, b;
    };
    std::vector<Model> models;
    std::vector<Put> puts;
    for (int i = 0; i < 500; ++i) {
        Model model{"doc" + std::to_string(i), static_cast<int>(random() % 5),
                    static_cast<int>(random() % 50)};
        puts.push_back({model.id, "{\"a\":" + std::to_string(model.a) +
                                      ",\"b\":" + std::to_string(model.b) + "}"});
        models.push_back(model);
    }
    require(f.database->ensure_index("ab", Strings{"a", "b"}));
    write_all(*f.database, puts, WriteMode::overwrite);
    for (int round = 0; round < 30; ++round) {
        INFO("seed " << seed << " round " << round);
        const int a = static_cast<int>(random() % 5);
        const int from = static_cast<int>(random() % 50);
        const int to = static_cast<int>(random() % 50);
        std::vector<Model> matching;
        std::copy_if(models.begin(), models.end(), std::back_inserter(matching),
                     [&](const Model& m) { return m.a == a && m.b >= from && m.b <= to; });
        std::sort(matching.begin(), matching.end(), [](const Model& x, const Model& y) {
            return std::tie(x.b, x.id) < std::tie(y.b, y.id);
        });
        Query query = by("ab", {std::to_string(a)});
        query.from = std::to_string(from);
        query.to = std::to_string(to);
        query.limit = 1000;
        query.descending = random() % 2 == 0;
        if (query.descending) std::reverse(matching.begin(), matching.end());
        Strings expected;
        for (const Model& model : matching) expected.push_back(model.id);
        REQUIRE(found(*f.database, query) == expected);
        REQUIRE(require(f.database->count(query)) == expected.size());
    }
}
