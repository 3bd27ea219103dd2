#include "cursors.hpp"

#include "documents/document_build.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace davenport::documents::embedded {
namespace {

// Above this, looking up each changed document costs more than passing over all of them.
constexpr std::int64_t lookup_share = 10;  // one in ten
constexpr std::int64_t max_lookups = 200'000;
constexpr std::int64_t few_lookups = 1000;

// The columns every statement below begins with, so that one function reads them all.
#define DAVENPORT_DOC_HEAD "SELECT id, seq, rev, deleted, type, leaves"
#define DAVENPORT_DOC_BODIES ", attachments, body"

void read_view(const Rows& rows, bool bodies, DocumentView& view, std::string& sequence) {
    view.id = rows.bytes(0);
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, rows.integer(1)).ptr;
    sequence.assign(digits, end);
    view.sequence = sequence;
    view.revision = rows.bytes(2);
    view.deleted = rows.integer(3) != 0;
    view.type = rows.bytes(4);
    if (!bodies) return;
    view.attachments = rows.bytes(6);
    view.body = rows.bytes(7);
}

const char* all_docs_sql(const AllDocsOptions& options) {
    // The end that is not to be seen itself is ?3; NULL excludes nothing.
    if (options.bodies)
        return options.descending ? DAVENPORT_DOC_HEAD DAVENPORT_DOC_BODIES
                   " FROM docs WHERE id >= ?1 AND id <= ?2 AND id IS NOT ?3 AND deleted = 0 "
                   "ORDER BY id DESC"
                                  : DAVENPORT_DOC_HEAD DAVENPORT_DOC_BODIES
                   " FROM docs WHERE id >= ?1 AND id <= ?2 AND id IS NOT ?3 AND deleted = 0 "
                   "ORDER BY id";
    return options.descending ? DAVENPORT_DOC_HEAD
               " FROM docs WHERE id >= ?1 AND id <= ?2 AND id IS NOT ?3 AND deleted = 0 "
               "ORDER BY id DESC"
                              : DAVENPORT_DOC_HEAD
               " FROM docs WHERE id >= ?1 AND id <= ?2 AND id IS NOT ?3 AND deleted = 0 "
               "ORDER BY id";
}

class AllDocsCursor final : public DocumentCursor {
  public:
    AllDocsCursor(View view, const AllDocsOptions& options)
        : view_(std::move(view)),
          options_(options),
          statement_(view_->connection(), all_docs_sql(options_)) {}

    Result<const DocumentView*> next() override {
        if (options_.limit > 0 && shown_ == options_.limit) return nullptr;
        if (!rows_) start();
        DAVENPORT_ASSIGN(const bool found, rows_->next());
        if (!found) return nullptr;
        ++shown_;
        read_view(*rows_, options_.bodies, document_, sequence_);
        return &document_;
    }

  private:
    void start() {
        const auto& low = options_.descending ? options_.end_id : options_.start_id;
        const auto& high = options_.descending ? options_.start_id : options_.end_id;
        const std::string_view first = low ? std::string_view(*low) : std::string_view();
        // Any blob sorts after every text.
        const bool excluded = options_.end_id && !options_.inclusive_end;
        if (high && excluded)
            statement_.run_in(rows_, first, *high, *options_.end_id);
        else if (high)
            statement_.run_in(rows_, first, *high, Null{});
        else if (excluded)
            statement_.run_in(rows_, first, Blob{}, *options_.end_id);
        else
            statement_.run_in(rows_, first, Blob{}, Null{});
    }

    View view_;
    const AllDocsOptions options_;
    Statement statement_;
    std::optional<Rows> rows_;
    std::uint64_t shown_ = 0;
    DocumentView document_;
    std::string sequence_;
};

const char* changes_sql(const ChangesOptions& options) {
    if (options.bodies)
        return options.descending ? DAVENPORT_DOC_HEAD DAVENPORT_DOC_BODIES
                   " FROM docs WHERE seq > ? ORDER BY seq DESC"
                                  : DAVENPORT_DOC_HEAD DAVENPORT_DOC_BODIES
                   " FROM docs WHERE seq > ? ORDER BY seq";
    return options.descending ? DAVENPORT_DOC_HEAD " FROM docs WHERE seq > ? ORDER BY seq DESC"
                              : DAVENPORT_DOC_HEAD " FROM docs WHERE seq > ? ORDER BY seq";
}

class ChangesCursor final : public DocumentCursor {
  public:
    ChangesCursor(View view, const ChangesOptions& options, std::int64_t since)
        : view_(std::move(view)),
          options_(options),
          since_(since),
          statement_(view_->connection(), changes_sql(options_)) {}

    Result<const DocumentView*> next() override {
        if (next_leaf_ < leaves_.size()) return show_leaf();
        if (!rows_) statement_.run_in(rows_, since_);
        DAVENPORT_ASSIGN(const bool found, rows_->next());
        if (!found) return nullptr;
        read_view(*rows_, options_.bodies, document_, sequence_);
        leaves_.clear();
        next_leaf_ = 0;
        if (options_.all_leaves && rows_->integer(5) > 1) DAVENPORT_TRY(load_losing_leaves());
        return &document_;
    }

  private:
    struct Leaf {
        std::string revision;
        bool deleted;
        Content content;
    };

    Result<> load_losing_leaves() {
        DocumentReader& reader = view_->reader();
        DAVENPORT_ASSIGN(const auto stored, reader.find(document_.id));
        if (!stored) return {};
        DAVENPORT_ASSIGN(const RevisionTree tree, reader.tree(document_.id, *stored));
        for (const RevisionTree::Entry* leaf : tree.leaves())
            if (leaf->first != stored->revision)
                leaves_.push_back({leaf->first.text(), leaf->second.deleted, leaf->second.content});
        return {};
    }

    Result<const DocumentView*> show_leaf() {
        const Leaf& leaf = leaves_[next_leaf_++];
        document_.revision = leaf.revision;
        document_.deleted = leaf.deleted;
        document_.type = leaf.content.type;
        if (options_.bodies) {
            document_.attachments = leaf.content.attachments;
            document_.body = leaf.content.body;
        }
        return &document_;
    }

    View view_;
    const ChangesOptions options_;
    const std::int64_t since_;
    Statement statement_;
    std::optional<Rows> rows_;
    DocumentView document_;
    std::string sequence_;
    std::vector<Leaf> leaves_;  // of the document last shown, but its winner
    std::size_t next_leaf_ = 0;
};

// In id order: one pass over all documents that leaves out what did not change (the plus keeps
// SQLite from walking the index on seq and sorting), or a look-up of each that did.
constexpr const char* scan_all_sql =
    DAVENPORT_DOC_HEAD DAVENPORT_DOC_BODIES " FROM docs WHERE deleted = 0 AND +seq > ? ORDER BY id";
constexpr const char* scan_sql =
    DAVENPORT_DOC_HEAD DAVENPORT_DOC_BODIES " FROM docs WHERE +seq > ? ORDER BY id";
constexpr const char* lookup_sql = DAVENPORT_DOC_HEAD DAVENPORT_DOC_BODIES
    " FROM docs WHERE id IN (SELECT id FROM docs INDEXED BY docs_by_seq WHERE seq > ?) ORDER BY id";

class ChangedCursor final : public DocumentCursor {
  public:
    // `expected`: how many there must be, where that is known.
    ChangedCursor(View view, const char* sql, std::int64_t since, Revisions revisions,
                  std::optional<std::int64_t> expected)
        : view_(std::move(view)),
          since_(since),
          revisions_(revisions),
          expected_(expected),
          statement_(view_->connection(), sql) {}

    Result<const DocumentView*> next() override {
        if (!rows_) statement_.run_in(rows_, since_);
        DAVENPORT_ASSIGN(const bool found, rows_->next());
        if (!found && expected_ && seen_ != *expected_)
            return fail(ErrorCode::corrupt,
                        "database \"{}\": {} documents stand in the index of changes, {} are there",
                        view_->connection().label(), *expected_, seen_);
        if (!found) return nullptr;
        ++seen_;
        read_view(*rows_, true, document_, sequence_);
        if (revisions_ == Revisions::leaves) DAVENPORT_TRY(load_revisions());
        return &document_;
    }

  private:
    Result<> load_revisions() {
        history_.clear();
        other_leaves_.clear();
        StoredDocument stored;
        stored.leaves = rows_->integer(5);
        if (stored.leaves == 0) {
            history_.emplace_back(document_.revision);
        } else {
            // The winner's content is in the row.
            DAVENPORT_ASSIGN(stored.revision, RevisionId::parse(document_.revision));
            stored.deleted = document_.deleted;
            DAVENPORT_ASSIGN(const RevisionTree tree, view_->reader().tree(document_.id, stored));
            DAVENPORT_TRY(load_leaves(tree, stored.revision));
        }
        document_.history = history_;
        document_.other_leaves = other_leaves_;
        return {};
    }

    Result<> load_leaves(const RevisionTree& tree, const RevisionId& winner) {
        const auto sequence = static_cast<std::uint64_t>(rows_->integer(1));
        for (const RevisionTree::Entry* leaf : tree.leaves()) {
            if (leaf->first == winner) {
                for (const RevisionId& id : tree.path(winner)) history_.push_back(id.text());
                continue;
            }
            DAVENPORT_ASSIGN(Document other, build_document(document_.id, sequence, *leaf));
            add_history(tree, leaf->first, other);
            other_leaves_.push_back(std::move(other));
        }
        return {};
    }

    View view_;
    const std::int64_t since_;
    const Revisions revisions_;
    const std::optional<std::int64_t> expected_;
    std::int64_t seen_ = 0;
    Statement statement_;
    std::optional<Rows> rows_;
    DocumentView document_;
    std::string sequence_;
    std::vector<std::string> history_;
    std::vector<Document> other_leaves_;
};

// How many documents changed after `since`, but at most `most` + 1.
Result<std::int64_t> count_changed(Connection& connection, std::int64_t since, std::int64_t most) {
    Statement statement(connection,
                        "SELECT count(*) FROM (SELECT 1 FROM docs INDEXED BY docs_by_seq "
                        "WHERE seq > ? LIMIT ? + 1)");
    Rows rows = statement.run(since, most);
    DAVENPORT_TRY(rows.next());
    return rows.integer(0);
}

#undef DAVENPORT_DOC_HEAD
#undef DAVENPORT_DOC_BODIES

}  // namespace

Result<std::int64_t> parse_sequence(std::string_view text) {
    if (text.empty()) return std::int64_t{0};
    std::int64_t sequence = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, sequence);
    if (error != std::errc{} || rest != end || sequence < 0)
        return fail(ErrorCode::invalid_argument, "the given sequence is none of this database's");
    return sequence;
}

Result<std::unique_ptr<DocumentCursor>> all_docs_cursor(View view, const AllDocsOptions& options) {
    return std::make_unique<AllDocsCursor>(std::move(view), options);
}

Result<std::unique_ptr<DocumentCursor>> changes_cursor(View view, const ChangesOptions& options) {
    DAVENPORT_ASSIGN(const std::int64_t since, parse_sequence(options.since));
    return std::make_unique<ChangesCursor>(std::move(view), options, since);
}

Result<std::unique_ptr<DocumentCursor>> changed_cursor(View view, std::int64_t since,
                                                       Revisions revisions) {
    DAVENPORT_ASSIGN(const State state, view->reader().state());
    if (since > state.sequence)
        return fail(ErrorCode::invalid_argument,
                    "sequence {} lies after the last one of database \"{}\", {}", since,
                    view->connection().label(), state.sequence);
    if (since == 0)
        return std::make_unique<ChangedCursor>(
            std::move(view), revisions == Revisions::winners ? scan_all_sql : scan_sql, since,
            revisions, std::nullopt);
    const std::int64_t total = state.documents + state.tombstones;
    const std::int64_t most = std::min(max_lookups, std::max(few_lookups, total / lookup_share));
    DAVENPORT_ASSIGN(const std::int64_t changed, count_changed(view->connection(), since, most));
    if (changed > most)
        return std::make_unique<ChangedCursor>(std::move(view), scan_sql, since, revisions,
                                               std::nullopt);
    return std::make_unique<ChangedCursor>(std::move(view), lookup_sql, since, revisions, changed);
}

}  // namespace davenport::documents::embedded
