#include "contract.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <set>

using namespace davenport;
using namespace davenport::documents;
using namespace davenport::documents::test;
using Kind = WriteOutcome::Kind;
using Strings = std::vector<std::string>;

TEST_CASE("replicated revisions are taken as they are") {
    Fixture f;
    CHECK(replicate(*f.database, "a", {"3-ccc", "2-bbb", "1-aaa"}, "{\"n\":3}") == "3-ccc");
    ReadOptions options;
    options.history = true;
    const Document document = require(f.database->get("a", options));
    CHECK(document.body == "{\"n\":3}");
    CHECK(document.history == Strings{"3-ccc", "2-bbb", "1-aaa"});

    // Again, older ones, and one without history: nothing happens.
    const std::string sequence = require(f.database->info()).sequence;
    Put again{"a", "{\"n\":\"other\"}", "3-ccc"};
    CHECK(write(*f.database, again, WriteMode::replicated).kind == Kind::unchanged);
    again.revision = "2-bbb";
    if (f.engine.knows_ancestors)
        CHECK(write(*f.database, again, WriteMode::replicated).kind == Kind::unchanged);
    CHECK(require(f.database->info()).sequence == sequence);
    CHECK(require(f.database->get("a")).body == "{\"n\":3}");

    if (f.engine.knows_ancestors)
        CHECK(require(f.database->missing_revisions(
                  "a", Strings{"1-aaa", "4-ddd", "3-ccc", "2-xxx"})) == Strings{"4-ddd", "2-xxx"});
    CHECK(require(f.database->missing_revisions("a", Strings{"4-ddd", "3-ccc", "2-xxx"})) ==
          Strings{"4-ddd", "2-xxx"});
    CHECK(require(f.database->missing_revisions("b", Strings{"1-aaa"})) == Strings{"1-aaa"});
    CHECK(error_of(f.database->missing_revisions("a", Strings{"x"})).code ==
          ErrorCode::invalid_argument);
}

TEST_CASE("a lone replicated revision learns its ancestors later") {
    Fixture f;
    if (!f.engine.knows_ancestors) return;
    replicate(*f.database, "a", {"3-ccc"}, "{\"n\":3}");
    const std::string sequence = require(f.database->info()).sequence;
    CHECK(write(*f.database, {"a", "{}", "3-ccc", false, {"3-ccc", "2-bbb"}}, WriteMode::replicated)
              .kind == Kind::unchanged);
    ReadOptions options;
    options.history = true;
    CHECK(require(f.database->get("a", options)).history == Strings{"3-ccc", "2-bbb"});
    CHECK(require(f.database->get("a")).body == "{\"n\":3}");
    if (f.engine.plain_sequences) CHECK(require(f.database->info()).sequence == sequence);
    const std::string fourth = put(*f.database, {"a", "{}", "3-ccc"});
    CHECK(require(f.database->get("a", options)).history == Strings{fourth, "3-ccc", "2-bbb"});
}

TEST_CASE("conflicts: the winner is not deleted, then longest, then highest") {
    Fixture f;
    replicate(*f.database, "a", {"2-aaa", "1-x"}, "{\"n\":\"2a\",\"type\":\"peer\"}");
    replicate(*f.database, "a", {"2-bbb", "1-x"}, "{\"n\":\"2b\"}");
    CHECK(require(f.database->get("a")).revision == "2-bbb");
    replicate(*f.database, "a", {"3-ddd", "2-ccc", "1-x"}, "{\"n\":\"3d\"}", true);
    CHECK(require(f.database->get("a")).revision == "2-bbb");
    ReadOptions options;
    options.conflicts = true;
    Document document = require(f.database->get("a", options));
    CHECK(document.conflicts == Strings{"2-aaa"});
    CHECK(document.deleted_conflicts == Strings{"3-ddd"});
    options.revision = "2-aaa";
    CHECK(require(f.database->get("a", options)).body == "{\"n\":\"2a\",\"type\":\"peer\"}");

    const std::vector<Document> leaves = require(f.database->leaves("a", true));
    REQUIRE(leaves.size() == 3);
    CHECK(leaves[0].revision == "2-bbb");
    CHECK(leaves[1].revision == "2-aaa");
    CHECK(leaves[2].revision == "3-ddd");
    CHECK(leaves[2].deleted);
    CHECK(leaves[2].history == Strings{"3-ddd", "2-ccc", "1-x"});
    CHECK(error_of(f.database->leaves("none", false)).code == ErrorCode::not_found);

    // An edit of a losing leaf lets it win; a deletion of the winner lets the next one show.
    const std::string third = put(*f.database, {"a", "{\"n\":\"3a\"}", "2-aaa"});
    CHECK(require(f.database->get("a")).revision == third);
    put(*f.database, {"a", "{}", third, true});
    document = require(f.database->get("a"));
    CHECK(document.revision == "2-bbb");
    CHECK(document.body == "{\"n\":\"2b\"}");
    CHECK(require(f.database->info()).documents == 1);
    CHECK(require(f.database->info()).tombstones == 0);
    put(*f.database, {"a", "{}", "2-bbb", true});
    CHECK(error_of(f.database->get("a")).detail == "deleted");
    CHECK(require(f.database->info()).documents == 0);
    if (f.engine.counts_tombstones) CHECK(require(f.database->info()).tombstones == 1);
}

TEST_CASE("the changes feed shows every leaf on request") {
    Fixture f;
    replicate(*f.database, "a", {"2-aaa", "1-x"}, "{\"n\":\"2a\",\"type\":\"peer\"}");
    replicate(*f.database, "a", {"2-bbb", "1-x"}, "{\"n\":\"2b\"}");
    put(*f.database, {"b", "{}"});
    ChangesOptions options;
    const auto sorted = [&](std::vector<Row> rows) {
        if (!f.engine.orders_changes)
            std::stable_sort(rows.begin(), rows.end(),
                             [](const Row& a, const Row& b) { return a.id < b.id; });
        return rows;
    };
    CHECK(ids_of(sorted(changes(*f.database, options))) == Strings{"a", "b"});
    options.all_leaves = true;
    const std::vector<Row> rows = sorted(changes(*f.database, options));
    REQUIRE(ids_of(rows) == Strings{"a", "a", "b"});
    CHECK(rows[0].revision == "2-bbb");
    CHECK(rows[1].revision == "2-aaa");
    CHECK(rows[1].type == "peer");
    CHECK(rows[1].body == "{\"n\":\"2a\",\"type\":\"peer\"}");
    CHECK(rows[0].sequence == rows[1].sequence);
}

TEST_CASE("bad replicated writes are refused") {
    Fixture f;
    const auto code = [&](const Put& put) {
        return write(*f.database, put, WriteMode::replicated).error.value().code;
    };
    CHECK(code({"a"}) == ErrorCode::invalid_argument);
    CHECK(code({"a", "{}", "x"}) == ErrorCode::invalid_argument);
    CHECK(code({"a", "{}", "0-a"}) == ErrorCode::invalid_argument);
    CHECK(code({"a", "{}", "2-a", false, {"2-b", "1-a"}}) == ErrorCode::invalid_argument);
    CHECK(code({"a", "{}", "2-a", false, {"2-a", "2-b"}}) == ErrorCode::invalid_argument);
    CHECK(code({"a", "{}", "2-a", false, {"2-a", "-"}}) == ErrorCode::invalid_argument);
    CHECK(all_docs(*f.database).empty());
}

TEST_CASE("a long history keeps its newest thousand revisions") {
    Fixture f;
    std::string revision;
    for (int i = 0; i < 1010; ++i)
        revision = put(*f.database, {"a", "{\"n\":" + std::to_string(i) + "}", revision});
    ReadOptions options;
    options.history = true;
    const Document document = require(f.database->get("a", options));
    CHECK(document.history.size() == 1000);
    CHECK(document.history.front() == revision);
    CHECK(document.history.back().starts_with("11-"));

    Strings history;
    if (!f.engine.knows_ancestors) return;
    for (int i = 3000; i > 1500; --i) history.push_back(std::to_string(i) + "-abc");
    replicate(*f.database, "b", history);
    CHECK(require(f.database->get("b", options)).history.size() == 1000);
}

namespace {

// What a document's tree must look like after some of a universe's revisions arrived, computed the
// simple way: a revision is a leaf when no arrived revision has it among its ancestors.
struct Universe {
    struct Revision {
        Strings path;  // itself first
        bool deleted;
        std::string body;
    };
    std::vector<Revision> revisions;

    explicit Universe(std::mt19937& random) {
        const std::size_t count = 2 + random() % 14;
        for (std::size_t i = 0; i < count; ++i) {
            Revision revision;
            const bool root = i == 0 || random() % 8 == 0;
            if (!root) revision.path = revisions[random() % i].path;
            revision.path.insert(revision.path.begin(),
                                 std::to_string(revision.path.size() + 1) + "-" +
                                     std::string(1, static_cast<char>('a' + random() % 6)) +
                                     std::to_string(i));
            revision.deleted = random() % 3 == 0;
            revision.body = "{\"n\":" + std::to_string(i) + "}";
            revisions.push_back(revision);
        }
    }

    Strings leaves(const std::vector<std::size_t>& arrived) const {
        std::set<std::string> inner;
        for (const std::size_t i : arrived)
            inner.insert(revisions[i].path.begin() + 1, revisions[i].path.end());
        std::vector<const Revision*> leaves;
        for (const std::size_t i : arrived)
            if (!inner.contains(revisions[i].path.front())) leaves.push_back(&revisions[i]);
        std::sort(leaves.begin(), leaves.end(), [](const Revision* a, const Revision* b) {
            if (a->deleted != b->deleted) return b->deleted;
            if (a->path.size() != b->path.size()) return a->path.size() > b->path.size();
            return a->path.front() > b->path.front();
        });
        Strings names;
        for (const Revision* leaf : leaves) names.push_back(leaf->path.front());
        return names;
    }
};

}  // namespace

TEST_CASE("grafts in any order, whole or in parts, give the same tree") {
    Fixture f;
    const std::uint32_t seed = random_seed();
    std::mt19937 random(seed);
    for (int round = 0; round < 60; ++round) {
        const Universe universe(random);
        std::vector<std::size_t> order(universe.revisions.size());
        for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
        std::shuffle(order.begin(), order.end(), random);
        const std::string id = "doc" + std::to_string(round);
        std::vector<std::size_t> arrived;
        for (const std::size_t i : order) {
            const Universe::Revision& revision = universe.revisions[i];
            replicate(*f.database, id, revision.path, revision.body, revision.deleted);
            arrived.push_back(i);
            Strings leaves;
            for (const Document& leaf : require(f.database->leaves(id, true))) {
                leaves.push_back(leaf.revision);
                const auto known =
                    std::find_if(universe.revisions.begin(), universe.revisions.end(),
                                 [&](const auto& r) { return r.path.front() == leaf.revision; });
                REQUIRE(known != universe.revisions.end());
                CHECK(leaf.history == known->path);
                CHECK(leaf.body == known->body);
                CHECK(leaf.deleted == known->deleted);
            }
            INFO("seed " << seed << " round " << round);
            REQUIRE(leaves == universe.leaves(arrived));
        }
    }
    const DatabaseInfo info = require(f.database->info());
    if (f.engine.counts_tombstones) CHECK(info.documents + info.tombstones == 60);
    CHECK(info.documents == all_docs(*f.database).size());
}

TEST_CASE("histories with gaps come together to one tree") {
    Fixture f;
    if (!f.engine.gaps_in_histories) return;
    const std::uint32_t seed = random_seed();
    std::mt19937 random(seed);
    const Strings whole = {"8-h", "7-g", "6-f", "5-e", "4-d", "3-c", "2-b", "1-a"};
    ReadOptions options;
    options.history = true;
    options.conflicts = true;
    for (int round = 0; round < 40; ++round) {
        INFO("seed " << seed << " round " << round);
        const std::string id = "doc" + std::to_string(round);
        // Parts that leave out some of the ancestors, and one that knows them all.
        std::vector<Strings> parts = {whole};
        for (int i = 0; i < 6; ++i) {
            const std::size_t head = random() % whole.size();
            Strings part = {whole[head]};
            for (std::size_t k = head + 1; k < whole.size(); ++k)
                if (random() % 2 == 0) part.push_back(whole[k]);
            parts.push_back(part);
        }
        std::shuffle(parts.begin(), parts.end(), random);
        for (const Strings& part : parts)
            replicate(*f.database, id, part, "{\"r\":\"" + part.front() + "\"}");
        const Document document = require(f.database->get(id, options));
        CHECK(document.history == whole);
        CHECK(document.conflicts.empty());
        CHECK(document.body == "{\"r\":\"8-h\"}");
        CHECK(require(f.database->leaves(id, false)).size() == 1);
    }
}
