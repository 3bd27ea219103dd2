#include "contract.hpp"
#include "davenport/documents/document_text.hpp"

#include <map>
#include <optional>

using namespace davenport;
using namespace davenport::documents;
using namespace davenport::documents::test;
using Strings = std::vector<std::string>;

namespace {

struct Seen {
    std::string revision, body, attachments;
    bool deleted = false;
    Strings history;
    std::vector<Document> others;
};

// By id; where a document comes again, as it came last.
std::map<std::string, Seen> leaves_since(Database& database, const std::string& since) {
    const auto snapshot = require(database.snapshot());
    auto changed = require(snapshot->changed_since(since, Revisions::leaves));
    std::map<std::string, Seen> all;
    const auto read = [&](DocumentCursor& cursor) {
        while (const DocumentView* view = require(cursor.next())) {
            Seen seen{std::string(view->revision),
                      std::string(view->body),
                      std::string(view->attachments),
                      view->deleted,
                      {},
                      {}};
            seen.history.assign(view->history.begin(), view->history.end());
            seen.others.assign(view->other_leaves.begin(), view->other_leaves.end());
            all.insert_or_assign(std::string(view->id), std::move(seen));
        }
    };
    read(*changed.cursor);
    if (changed.catch_up) read(*changed.catch_up);
    return all;
}

// What `leaves` says of the same document.
void check_against_leaves(Database& database, const std::string& id, const Seen& seen) {
    INFO(id);
    const std::vector<Document> leaves = require(database.leaves(id, true));
    REQUIRE(leaves.size() == seen.others.size() + 1);
    CHECK(leaves[0].revision == seen.revision);
    CHECK(leaves[0].deleted == seen.deleted);
    CHECK(leaves[0].body == seen.body);
    CHECK(leaves[0].history == seen.history);
    CHECK(leaves[0].attachments == (seen.attachments.empty()
                                        ? std::vector<AttachmentStub>()
                                        : require(from_stub_text(seen.attachments))));
    for (std::size_t i = 1; i < leaves.size(); ++i) {
        const Document& other = seen.others[i - 1];
        CHECK(leaves[i].id == other.id);
        CHECK(leaves[i].revision == other.revision);
        CHECK(leaves[i].deleted == other.deleted);
        CHECK(leaves[i].body == other.body);
        CHECK(leaves[i].history == other.history);
        CHECK(leaves[i].attachments == other.attachments);
    }
}

}  // namespace

TEST_CASE("what changed is shown with every leaf and its history") {
    Fixture f;
    Database& database = *f.database;
    CHECK(leaves_since(database, "").empty());
    put(database, {"plain", "{\"n\":1}"});
    replicate(database, "conflict", {"3-cc", "2-bb", "1-aa"}, "{\"n\":\"c\"}");
    replicate(database, "conflict", {"2-dd", "1-aa"}, "{\"n\":\"d\"}", true);
    Put with_file{"conflict", "{\"n\":\"e\"}", "3-ee", false, {"3-ee", "2-bb", "1-aa"}};
    with_file.attachments = {bytes_of("file", "of a loser")};
    put(database, with_file, WriteMode::replicated);
    replicate(database, "conflict", {"4-ff", "3-cc", "2-bb", "1-aa"}, "{\"n\":\"f\"}");
    replicate(database, "tombstone", {"2-yy", "1-xx"}, "{\"why\":\"gone\"}", true);
    Strings long_history;
    for (int n = 300; n > 0; --n) long_history.push_back(fmt::format("{}-abc{}", n, n));
    replicate(database, "long", long_history, "{}");

    for (const char* beginning : {"", "0"}) {
        const auto all = leaves_since(database, beginning);
        REQUIRE(all.size() == 4);
        for (const auto& [id, seen] : all) check_against_leaves(database, id, seen);
        CHECK(all.at("plain").history == Strings{all.at("plain").revision});
        const Seen& conflict = all.at("conflict");
        CHECK(conflict.revision == "4-ff");
        REQUIRE(conflict.others.size() == 2);
        CHECK(conflict.others[0].revision == "3-ee");
        CHECK(conflict.others[0].attachments.at(0).name == "file");
        CHECK(conflict.others[1].revision == "2-dd");
        CHECK(conflict.others[1].deleted);
        CHECK(all.at("tombstone").deleted);
        CHECK(same_json(all.at("tombstone").body, "{\"why\":\"gone\"}"));
        CHECK(all.at("long").history == long_history);
        CHECK(read_all(require(database.snapshot())->attachment("conflict", "3-ee", "file")) ==
              "of a loser");
    }

    // A change that the winner does not show is one.
    const std::string since = require(database.info()).sequence;
    CHECK(leaves_since(database, since).empty());
    replicate(database, "conflict", {"3-gg", "2-dd", "1-aa"}, "{\"n\":\"g\"}");
    replicate(database, "tombstone", {"3-zz", "2-yy", "1-xx"}, "{\"n\":\"back\"}");
    const auto later = leaves_since(database, since);
    REQUIRE(later.size() == 2);
    for (const auto& [id, seen] : later) check_against_leaves(database, id, seen);
    CHECK(later.at("conflict").revision == "4-ff");
    CHECK_FALSE(later.at("tombstone").deleted);
    CHECK(later.at("tombstone").history == Strings{"3-zz", "2-yy", "1-xx"});

    const auto snapshot = require(database.snapshot());
    CHECK(error_of(snapshot->changed_since("x", Revisions::leaves)).code ==
          ErrorCode::invalid_argument);
    CHECK(error_of(snapshot->changed_since("999999", Revisions::leaves)).code ==
          ErrorCode::invalid_argument);
}

TEST_CASE("many documents with their leaves: each comes") {
    Fixture f;
    std::vector<Put> puts;
    for (int i = 0; i < 2'500; ++i) {
        const std::string id = fmt::format("doc{}", i);
        puts.push_back({id, "{\"n\":1}", "2-bb", i % 7 == 0, {"2-bb", "1-aa"}});
        if (i % 5 == 0) puts.push_back({id, "{\"n\":2}", "2-cc", false, {"2-cc", "1-aa"}});
    }
    write_all(*f.database, puts, WriteMode::replicated);
    const auto all = leaves_since(*f.database, "");
    REQUIRE(all.size() == 2'500);
    for (int i = 0; i < 2'500; ++i) {
        const Seen& seen = all.at(fmt::format("doc{}", i));
        REQUIRE(seen.others.size() == (i % 5 == 0 ? 1u : 0u));
        REQUIRE(seen.deleted == (i % 7 == 0 && i % 5 != 0));
        REQUIRE(seen.revision == (i % 5 == 0 ? "2-cc" : "2-bb"));
        REQUIRE(seen.history.size() == 2);
    }
}
