#pragma once

#include "davenport/base/json.hpp"
#include "davenport/vault/revisions.hpp"
#include "replication/fixture.hpp"

// Documents with all their leaves as plain values: in a database and in a backup.
namespace davenport::test {

struct PlainLeaf {
    std::vector<std::string> history;  // its revision first
    bool deleted = false;
    std::string body = "{}";
    std::map<std::string, std::string> attachments;  // name -> "type bytes"
    bool operator==(const PlainLeaf&) const = default;
};
inline std::ostream& operator<<(std::ostream& out, const PlainLeaf& leaf) {
    for (const std::string& revision : leaf.history) out << revision << ' ';
    out << (leaf.deleted ? "deleted " : "") << leaf.body;
    for (const auto& [name, bytes] : leaf.attachments) out << " +" << name << ":" << bytes;
    return out;
}
// Winner first.
using PlainLeaves = std::map<std::string, std::vector<PlainLeaf>>;

inline void graft(documents::Database& database, const std::string& id, const PlainLeaf& leaf) {
    documents::DocumentWrite write;
    const std::string type = type_in(leaf.body);
    write.id = id;
    write.revision = leaf.history.front();
    write.history = leaf.history;
    write.deleted = leaf.deleted;
    write.body = leaf.body;
    write.type = type;
    for (const auto& [name, bytes] : leaf.attachments)
        write.attachments.push_back({name, "image/png", documents::source_of(bytes), false, "", 1});
    const auto outcomes = must(
        database.write({&write, 1}, documents::WriteMode::replicated, documents::Atomicity::each));
    if (outcomes.at(0).error) FAIL(outcomes[0].error->message);
}

inline PlainLeaves all_leaves(documents::Database& database) {
    PlainLeaves all;
    auto snapshot = must(database.snapshot());
    documents::ChangesOptions options;
    options.bodies = false;
    auto cursor = must(snapshot->changes(options));
    while (const documents::DocumentView* view = must(cursor->next())) {
        const std::string id(view->id);
        for (documents::Document& leaf : must(database.leaves(id, true))) {
            PlainLeaf& plain = all[id].emplace_back();
            plain.history = std::move(leaf.history);
            plain.deleted = leaf.deleted;
            plain.body = std::move(leaf.body);
            for (const documents::AttachmentStub& stub : leaf.attachments) {
                plain.attachments[stub.name] =
                    stub.content_type + " " +
                    drain(*must(database.attachment(id, leaf.revision, stub.name)));
            }
        }
    }
    return all;
}

inline std::map<std::string, std::string> attachments_in(const vault::Vault& vault,
                                                         std::string_view text) {
    std::map<std::string, std::string> attachments;
    if (text.empty()) return attachments;
    for (const auto& [name, facts] : must(parse_json_object(text))) {
        const auto blob = must(vault.attachment(text_or(facts.as_object(), "sha256")));
        std::string bytes;
        must(blob->read(0, blob->size(), bytes));
        attachments[name] = text_or(facts.as_object(), "content_type") + " " + bytes;
    }
    return attachments;
}

// Of what a backup holds; records that only hide something are left out.
inline PlainLeaves all_leaves(const vault::Vault& vault, const vault::DatabaseManifest& entry) {
    PlainLeaves all;
    auto cursor = vault::merge(must(vault.open_segments(entry)), vault::Tombstones::show);
    while (const vault::Record* record = must(cursor->next())) {
        auto revisions = must(vault::read_revisions(record->extra));
        if (!revisions) {
            CHECK(record->tombstone);
            continue;
        }
        std::vector<PlainLeaf>& leaves = all[std::string(record->id)];
        const auto add = [&](std::string_view revision, bool deleted, std::string_view body,
                             std::string_view attachments, std::vector<std::string> ancestors) {
            ancestors.insert(ancestors.begin(), std::string(revision));
            leaves.push_back({std::move(ancestors), deleted, std::string(body),
                              attachments_in(vault, attachments)});
        };
        add(record->revision, record->tombstone, record->body, record->attachments,
            revisions->ancestors);
        for (const vault::Leaf& leaf : revisions->leaves)
            add(leaf.revision, leaf.deleted, leaf.body, leaf.attachments, leaf.ancestors);
    }
    return all;
}

// Three leaves with one deleted, a tombstone, attachments on a winner and on a loser, a long
// history, and a plain document.
inline void fill_with_leaves(documents::Database& database) {
    graft(database, "plain", {{"1-aa"}, false, R"({"n":1})", {}});
    graft(database, "conflict", {{"3-cc", "2-bb", "1-aa"}, false, R"({"n":"c"})", {{"x", "of c"}}});
    graft(database, "conflict",
          {{"3-dd", "2-bb", "1-aa"}, false, R"({"n":"d"})", {{"x", "of d"}, {"y", "only d"}}});
    graft(database, "conflict", {{"2-ee", "1-aa"}, true, R"({"why":"moved"})", {}});
    graft(database, "tombstone", {{"2-gg", "1-aa"}, true, R"({"why":"gone"})", {}});
    std::vector<std::string> history;
    for (int n = 400; n > 0; --n) history.push_back(fmt::format("{}-{:032x}", n, n));
    graft(database, "long", {history, false, R"({"n":400})", {{"old", "from the first one"}}});
}

}  // namespace davenport::test
