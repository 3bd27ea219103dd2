#pragma once

#include "davenport/documents/document_store.hpp"
#include "documents/revision_tree.hpp"
#include "sqlite.hpp"

#include <optional>

namespace davenport::documents::embedded {

struct State {
    std::int64_t sequence = 0;
    std::int64_t documents = 0;
    std::int64_t tombstones = 0;
    bool operator==(const State&) const = default;
};

// A row of `docs`: a document's winner.
struct StoredDocument {
    RevisionId revision;
    bool deleted = false;
    std::int64_t sequence = 0;
    std::int64_t leaves = 0;  // 0 = the winner is the only node, and `revisions` has no rows
    Content content;
};

// The winner as a tree of its own: enough where only leaves count and there is but one.
RevisionTree winner_tree(const StoredDocument& document);

struct StoredBlob {
    std::int64_t blob = 0;
    std::uint64_t length = 0;
    std::string sha256;
};

// Reads documents through a connection that has a transaction open.
class DocumentReader {
  public:
    explicit DocumentReader(Connection& connection);

    // not_found once the database was dropped.
    Result<State> state();
    Result<DatabaseInfo> info(const std::string& identity);

    Result<std::optional<StoredDocument>> find(std::string_view id);
    // Visible documents of a type.
    Result<std::uint64_t> count_type(std::string_view type);
    // Every node, with the content of its leaves.
    Result<RevisionTree> tree(std::string_view id, const StoredDocument& document);

    Result<Document> get(std::string_view id, const ReadOptions& options);
    Result<std::vector<Document>> leaves(std::string_view id, bool history);
    Result<std::vector<std::string>> missing(std::string_view id,
                                             std::span<const std::string> revisions);
    Result<StoredBlob> find_attachment(std::string_view id, std::string_view revision,
                                       std::string_view name);
    // Up to 256 KiB; valid while `rows` lives.
    Rows chunk(std::int64_t blob, std::int64_t n);

    Result<Document> get_local(std::string_view id);
    Result<std::string> security();

    Connection& connection() { return connection_; }

  private:
    Connection& connection_;
    Statement state_;
    Statement pages_;
    Statement find_;
    Statement count_type_;
    Statement tree_;
    Statement attachment_;
    Statement chunk_;
    Statement local_;
};

inline constexpr std::string_view dropped_detail = "no_db_file";
tl::unexpected<Error> no_database(std::string_view name);

}  // namespace davenport::documents::embedded
