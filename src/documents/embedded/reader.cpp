#include "reader.hpp"

#include "documents/document_build.hpp"

namespace davenport::documents::embedded {
namespace {

Result<RevisionId> stored_revision(const Connection& connection, std::string_view text) {
    auto revision = RevisionId::parse(text);
    if (!revision)
        return fail(ErrorCode::corrupt, "database \"{}\" holds a broken revision id",
                    connection.label());
    return revision;
}

}  // namespace

tl::unexpected<Error> no_database(std::string_view name) {
    return fail(Error{ErrorCode::not_found, fmt::format("there is no database \"{}\"", name),
                      std::string(dropped_detail)});
}

RevisionTree winner_tree(const StoredDocument& document) {
    RevisionTree tree;
    RevisionNode node;
    node.leaf = true;
    node.deleted = document.deleted;
    node.content = document.content;
    tree.add_stored(document.revision, std::move(node));
    return tree;
}

DocumentReader::DocumentReader(Connection& connection)
    : connection_(connection),
      state_(connection, "SELECT sequence, documents, tombstones, dropped FROM state"),
      pages_(connection, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"),
      find_(connection,
            "SELECT seq, rev, deleted, leaves, type, attachments, body FROM docs WHERE id = ?"),
      count_type_(connection, "SELECT documents FROM types WHERE type = ?"),
      tree_(connection,
            "SELECT generation, hash, parent, leaf, deleted, type, attachments, body "
            "FROM revisions WHERE id = ?"),
      attachment_(connection,
                  "SELECT b.blob, b.length, b.sha256 FROM attachments a JOIN blobs b USING (blob) "
                  "WHERE a.id = ? AND a.rev = ? AND a.name = ?"),
      chunk_(connection, "SELECT bytes FROM chunks WHERE blob = ? AND n = ?"),
      local_(connection, "SELECT rev, body FROM locals WHERE id = ?") {}

Result<State> DocumentReader::state() {
    Rows rows = state_.run();
    DAVENPORT_ASSIGN(const bool found, rows.next());
    if (!found)
        return fail(ErrorCode::corrupt, "database \"{}\" lacks its state", connection_.label());
    if (rows.integer(3) != 0) return no_database(connection_.label());
    return State{rows.integer(0), rows.integer(1), rows.integer(2)};
}

Result<DatabaseInfo> DocumentReader::info(const std::string& identity) {
    DAVENPORT_ASSIGN(const State state, this->state());
    DatabaseInfo info;
    info.name = connection_.label();
    info.identity = identity;
    info.sequence = std::to_string(state.sequence);
    info.documents = static_cast<std::uint64_t>(state.documents);
    info.tombstones = static_cast<std::uint64_t>(state.tombstones);
    Rows rows = pages_.run();
    DAVENPORT_ASSIGN(const bool found, rows.next());
    if (found) info.bytes = static_cast<std::uint64_t>(rows.integer(0));
    return info;
}

Result<std::uint64_t> DocumentReader::count_type(std::string_view type) {
    Rows rows = count_type_.run(type);
    DAVENPORT_ASSIGN(const bool found, rows.next());
    return found ? static_cast<std::uint64_t>(rows.integer(0)) : 0;
}

Result<std::optional<StoredDocument>> DocumentReader::find(std::string_view id) {
    Rows rows = find_.run(id);
    DAVENPORT_ASSIGN(const bool found, rows.next());
    if (!found) return std::optional<StoredDocument>{};
    StoredDocument document;
    document.sequence = rows.integer(0);
    DAVENPORT_ASSIGN(document.revision, stored_revision(connection_, rows.bytes(1)));
    document.deleted = rows.integer(2) != 0;
    document.leaves = rows.integer(3);
    document.content.type = rows.bytes(4);
    document.content.attachments = rows.bytes(5);
    document.content.body = rows.bytes(6);
    return std::optional<StoredDocument>(std::move(document));
}

Result<RevisionTree> DocumentReader::tree(std::string_view id, const StoredDocument& document) {
    if (document.leaves == 0) return winner_tree(document);
    RevisionTree tree;
    Rows rows = tree_.run(id);
    for (;;) {
        DAVENPORT_ASSIGN(const bool found, rows.next());
        if (!found) break;
        RevisionId revision{static_cast<std::uint64_t>(rows.integer(0)),
                            std::string(rows.bytes(1))};
        RevisionNode node;
        if (!rows.bytes(2).empty()) {
            DAVENPORT_ASSIGN(node.parent, stored_revision(connection_, rows.bytes(2)));
        }
        node.leaf = rows.integer(3) != 0;
        node.deleted = rows.integer(4) != 0;
        if (revision == document.revision)
            node.content = document.content;
        else if (node.leaf)
            node.content = {std::string(rows.bytes(5)), std::string(rows.bytes(7)),
                            std::string(rows.bytes(6))};
        tree.add_stored(std::move(revision), std::move(node));
    }
    const RevisionTree::Entry* winner = tree.winner();
    if (!winner || winner->first != document.revision)
        return fail(ErrorCode::corrupt,
                    "database \"{}\": the revisions of document \"{}\" are broken",
                    connection_.label(), id);
    tree.cut_dangling_parents();
    return tree;
}

Result<Document> DocumentReader::get(std::string_view id, const ReadOptions& options) {
    DAVENPORT_ASSIGN(const auto stored, find(id));
    if (!stored) return no_document(id, "missing");
    const bool one_leaf = stored->leaves <= 1 && !(options.history && stored->leaves == 1);
    DAVENPORT_ASSIGN(const RevisionTree tree, one_leaf ? Result<RevisionTree>(winner_tree(*stored))
                                                       : this->tree(id, *stored));
    DAVENPORT_ASSIGN(const RevisionTree::Entry* leaf, pick_leaf(tree, id, options.revision));
    DAVENPORT_ASSIGN(Document document,
                     build_document(id, static_cast<std::uint64_t>(stored->sequence), *leaf));
    if (options.history) add_history(tree, leaf->first, document);
    if (options.conflicts) add_conflicts(tree, leaf->first, document);
    return document;
}

Result<std::vector<Document>> DocumentReader::leaves(std::string_view id, bool history) {
    DAVENPORT_ASSIGN(const auto stored, find(id));
    if (!stored) return no_document(id, "missing");
    DAVENPORT_ASSIGN(const RevisionTree tree, this->tree(id, *stored));
    return build_leaves(tree, id, static_cast<std::uint64_t>(stored->sequence), history);
}

Result<std::vector<std::string>> DocumentReader::missing(std::string_view id,
                                                         std::span<const std::string> revisions) {
    DAVENPORT_ASSIGN(const auto stored, find(id));
    if (!stored) return missing_from(nullptr, revisions);
    DAVENPORT_ASSIGN(const RevisionTree tree, this->tree(id, *stored));
    return missing_from(&tree, revisions);
}

Result<StoredBlob> DocumentReader::find_attachment(std::string_view id, std::string_view revision,
                                                   std::string_view name) {
    // `get` says best why a document can't be read.
    ReadOptions options;
    options.revision = revision;
    DAVENPORT_ASSIGN(const Document document, get(id, options));
    Rows rows = attachment_.run(id, document.revision, name);
    DAVENPORT_ASSIGN(const bool found, rows.next());
    if (!found)
        return fail(Error{ErrorCode::not_found,
                          fmt::format("document \"{}\" has no attachment of that name", id),
                          "missing"});
    return StoredBlob{rows.integer(0), static_cast<std::uint64_t>(rows.integer(1)),
                      std::string(rows.bytes(2))};
}

Rows DocumentReader::chunk(std::int64_t blob, std::int64_t n) {
    return chunk_.run(blob, n);
}

Result<Document> DocumentReader::get_local(std::string_view id) {
    Rows rows = local_.run(id);
    DAVENPORT_ASSIGN(const bool found, rows.next());
    if (!found) return no_document(id, "missing");
    Document document;
    document.id = fmt::format("_local/{}", id);
    document.revision = fmt::format("0-{}", rows.integer(0));
    document.body = rows.bytes(1);
    return document;
}

Result<std::string> DocumentReader::security() {
    Statement statement(connection_, "SELECT value FROM meta WHERE key = 'security'");
    Rows rows = statement.run();
    DAVENPORT_ASSIGN(const bool found, rows.next());
    return found ? std::string(rows.bytes(0)) : std::string("{}");
}

}  // namespace davenport::documents::embedded
