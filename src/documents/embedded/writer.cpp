#include "writer.hpp"

#include "documents/document_build.hpp"
#include "schema.hpp"

#include <sqlite3.h>
#include <sys/statvfs.h>

#include <charconv>

namespace davenport::documents::embedded {
namespace {

// The log is copied into the file whenever it holds 32 MiB, and cut off when it has reached 64 MiB:
// readers may have kept it from being reused.
constexpr int checkpoint_pages = 4096;
constexpr int truncate_pages = 8192;
// Where less than 128 MiB is free the log gives back what it takes after 1 MiB: what remains is for
// what must still be written on a full disk.
constexpr int short_log_pages = 128;
constexpr std::uint64_t enough_bytes = 128 << 20;

bool is_almost_full(const std::string& path) {
    struct statvfs disk {};
    return statvfs(path.c_str(), &disk) == 0 &&
           std::uint64_t{disk.f_bavail} * disk.f_frsize < enough_bytes;
}

}  // namespace

Writer::Writer(std::unique_ptr<Connection> connection, std::string path, std::string owner,
               std::uint32_t busy_timeout_ms)
    : connection_(std::move(connection)),
      path_(std::move(path)),
      busy_timeout_ms_(busy_timeout_ms),
      reader_(*connection_),
      blobs_(*connection_, std::move(owner)),
      begin_(*connection_, "BEGIN IMMEDIATE"),
      commit_(*connection_, "COMMIT"),
      rollback_(*connection_, "ROLLBACK"),
      save_state_(*connection_, "UPDATE state SET sequence = ?, documents = ?, tombstones = ?"),
      insert_(*connection_,
              "INSERT INTO docs (id, seq, rev, deleted, leaves, type, attachments, body) "
              "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (id) DO NOTHING"),
      update_(*connection_,
              "UPDATE docs SET seq = ?2, rev = ?3, deleted = ?4, leaves = ?5, type = ?6, "
              "attachments = ?7, body = ?8 WHERE id = ?1"),
      count_type_(*connection_,
                  "INSERT INTO types (type, documents) VALUES (?1, ?2) "
                  "ON CONFLICT (type) DO UPDATE SET documents = documents + ?2"),
      drop_type_(*connection_, "DELETE FROM types WHERE type = ? AND documents = 0"),
      // A parent once known stays known: a partly loaded tree does not have it.
      put_node_(*connection_,
                "INSERT INTO revisions "
                "(id, generation, hash, parent, leaf, deleted, type, attachments, body) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (id, generation, hash) DO UPDATE SET "
                "parent = CASE excluded.parent WHEN '' THEN parent ELSE excluded.parent END, "
                "leaf = excluded.leaf, deleted = excluded.deleted, type = excluded.type, "
                "attachments = excluded.attachments, body = excluded.body"),
      remove_node_(*connection_,
                   "DELETE FROM revisions WHERE id = ? AND generation = ? AND hash = ?"),
      remove_old_nodes_(*connection_, "DELETE FROM revisions WHERE id = ? AND generation <= ?"),
      local_(*connection_, "SELECT rev FROM locals WHERE id = ?"),
      put_local_(*connection_,
                 "INSERT INTO locals (id, rev, body) VALUES (?1, ?2, ?3) "
                 "ON CONFLICT (id) DO UPDATE SET rev = ?2, body = ?3"),
      remove_local_(*connection_, "DELETE FROM locals WHERE id = ?"),
      security_(*connection_, "UPDATE meta SET value = ? WHERE key = 'security'"),
      drop_(*connection_, "UPDATE state SET dropped = 1") {}

Result<std::unique_ptr<Writer>> Writer::open(const std::string& path, const std::string& name,
                                             std::string owner, const EmbeddedOptions& options) {
    DAVENPORT_ASSIGN(auto connection, open_file(path, name, Role::writer, options));
    return std::unique_ptr<Writer>(
        new Writer(std::move(connection), path, std::move(owner), options.busy_timeout_ms));
}

Result<> Writer::check_exists() {
    DAVENPORT_TRY(reader_.state());
    return {};
}

Result<Writer::Transaction> Writer::begin() {
    DAVENPORT_TRY(connection_->execute("PRAGMA synchronous = FULL"));
    DAVENPORT_TRY(begin_.execute());
    Transaction transaction(*this);
    DAVENPORT_ASSIGN(state_, reader_.state());
    saved_state_ = state_;
    type_changes_.clear();
    return transaction;
}

Result<Writer::Transaction> Writer::begin_relaxed() {
    // In a write-ahead log this leaves out the sync at the commit only; the next durable commit, or
    // a checkpoint, syncs these pages too.
    DAVENPORT_TRY(connection_->execute("PRAGMA synchronous = NORMAL"));
    DAVENPORT_TRY(begin_.execute());
    Transaction transaction(*this);
    DAVENPORT_ASSIGN(state_, reader_.state());
    saved_state_ = state_;
    type_changes_.clear();
    return transaction;
}

Result<> Writer::Transaction::commit() {
    Writer& writer = *writer_;
    DAVENPORT_TRY(writer.save_types());
    if (writer.state_ != writer.saved_state_)
        DAVENPORT_TRY(writer.save_state_.execute(writer.state_.sequence, writer.state_.documents,
                                                 writer.state_.tombstones));
    DAVENPORT_TRY(writer.commit_.execute());
    writer_ = nullptr;
    return {};
}

Writer::Transaction::~Transaction() {
    // After some failures SQLite has rolled back by itself.
    if (!writer_) return;
    if (writer_->connection_->in_transaction()) {
        // A rollback that fails leaves the transaction open; the next BEGIN says so.
        const auto rolled_back = writer_->rollback_.execute();
        (void)rolled_back;
    }
    if (writer_->connection_->take_full()) writer_->empty_log();
}

void Writer::count_type(std::string_view type, std::int64_t change) {
    if (type.empty()) return;
    const auto found = type_changes_.find(type);
    if (found != type_changes_.end())
        found->second += change;
    else
        type_changes_.emplace(type, change);
}

Result<> Writer::save_types() {
    for (const auto& [type, change] : type_changes_) {
        if (change == 0) continue;
        DAVENPORT_TRY(count_type_.execute(type, change));
        if (change < 0) DAVENPORT_TRY(drop_type_.execute(type));
    }
    return {};
}

Result<std::vector<WriteOutcome>> Writer::write(std::span<PreparedWrite> writes, WriteMode mode,
                                                Atomicity atomicity) {
    std::vector<WriteOutcome> outcomes;
    outcomes.reserve(writes.size());
    for (PreparedWrite& prepared : writes) {
        DAVENPORT_ASSIGN(WriteOutcome outcome, write_one(prepared, mode));
        outcomes.push_back(std::move(outcome));
        if (atomicity == Atomicity::all && outcomes.back().error) break;
    }
    return outcomes;
}

Result<WriteOutcome> Writer::write_one(PreparedWrite& prepared, WriteMode mode) {
    if (!prepared.error) {
        const DocumentWrite& write = *prepared.write;
        const bool may_be_new = write.attachments.empty() &&
                                (mode == WriteMode::overwrite ||
                                 (mode == WriteMode::interactive && write.revision.empty()) ||
                                 (mode == WriteMode::replicated && write.history.size() <= 1));
        if (may_be_new) {
            DAVENPORT_ASSIGN(std::optional<WriteOutcome> outcome, insert_new(write, mode));
            if (outcome) return std::move(*outcome);
        }
        return edit(prepared, mode);
    }
    return failed_outcome(*prepared.error);
}

Result<std::optional<WriteOutcome>> Writer::insert_new(const DocumentWrite& write, WriteMode mode) {
    WriteOutcome outcome;
    if (mode == WriteMode::replicated) {
        // Anything odd about the revision is for the long way to report.
        if (!RevisionId::parse(write.revision) ||
            (!write.history.empty() && write.history.front() != write.revision))
            return std::optional<WriteOutcome>{};
        outcome.revision = write.revision;
    } else {
        outcome.revision = hasher_.child_of({}, write.deleted, write.body, {}).text();
    }
    DAVENPORT_TRY(insert_.execute(write.id, state_.sequence + 1, outcome.revision,
                                  int{write.deleted}, 0, write.type, "", write.body));
    if (connection_->changes() == 0) return std::optional<WriteOutcome>{};
    ++state_.sequence;
    ++(write.deleted ? state_.tombstones : state_.documents);
    if (!write.deleted) count_type(write.type, 1);
    outcome.kind = kind_of(write.deleted, false);
    return std::optional<WriteOutcome>(std::move(outcome));
}

Result<WriteOutcome> Writer::edit(PreparedWrite& prepared, WriteMode mode) {
    const DocumentWrite& write = *prepared.write;
    DAVENPORT_ASSIGN(const std::optional<StoredDocument> stored, reader_.find(write.id));
    Before before;
    RevisionTree tree;
    if (stored) {
        before.exists = true;
        before.visible = !stored->deleted;
        before.partial = stored->leaves == 1 && mode != WriteMode::replicated;
        before.sequence = stored->sequence;
        if (before.visible) before.type = stored->content.type;
        DAVENPORT_ASSIGN(tree, before.partial ? Result<RevisionTree>(winner_tree(*stored))
                                              : reader_.tree(write.id, *stored));
        for (const RevisionTree::Entry* leaf : tree.leaves())
            if (!leaf->second.content.attachments.empty())
                before.with_attachments.push_back(leaf->first);
    }
    std::vector<AttachmentStub> brought;
    for (const StagedBlob& staged : prepared.staged) {
        brought.emplace_back();
        brought.back().digest = staged.digest;
        brought.back().length = staged.length;
    }
    auto planned = plan_edit(tree, write, mode, brought, hasher_);
    if (!planned) {
        if (planned.error().code == ErrorCode::internal) return fail(std::move(planned).error());
        return failed_outcome(std::move(planned).error());
    }
    Edit& edit = *planned;
    WriteOutcome outcome;
    outcome.revision = edit.revision.text();
    outcome.kind = WriteOutcome::Kind::unchanged;
    if (edit.unchanged) return outcome;

    const bool leaves_changed = apply_edit(tree, edit, hasher_);
    if (!tree.changed()) return outcome;
    if (leaves_changed) {
        outcome.kind = kind_of(write.deleted, before.visible);
        ++state_.sequence;
    }
    DAVENPORT_TRY(reference_attachments(write.id, edit, prepared.staged));
    for (const RevisionId& leaf : before.with_attachments)
        if (const RevisionNode* node = tree.find(leaf); !node || !node->leaf)
            DAVENPORT_TRY(blobs_.release(write.id, leaf.text()));
    DAVENPORT_TRY(
        store_tree(write.id, tree, before, leaves_changed ? state_.sequence : before.sequence));
    return outcome;
}

Result<> Writer::reference_attachments(std::string_view id, const Edit& edit,
                                       const std::vector<StagedBlob>& staged) {
    const std::string revision = edit.revision.text();
    for (const PlannedAttachment& plan : edit.attachments) {
        DAVENPORT_ASSIGN(const std::int64_t blob,
                         plan.kept_from.exists()
                             ? blobs_.referenced(id, plan.kept_from.text(), plan.stub.name)
                             : blobs_.adopt(staged[plan.index]));
        DAVENPORT_TRY(blobs_.add_reference(id, revision, plan.stub.name, blob));
    }
    return {};
}

Result<> Writer::store_tree(std::string_view id, RevisionTree& tree, const Before& before,
                            std::int64_t sequence) {
    for (const RevisionId& removed : tree.prune(max_revisions))
        DAVENPORT_TRY(remove_node_.execute(id, removed.generation, removed.hash));
    const std::vector<const RevisionTree::Entry*> leaves = tree.leaves();
    const RevisionTree::Entry& winner = *leaves.front();
    const bool lone = tree.nodes().size() == 1 && !before.partial;
    if (!lone) DAVENPORT_TRY(store_nodes(id, tree, winner));
    if (before.partial && winner.first.generation > max_revisions)
        DAVENPORT_TRY(remove_old_nodes_.execute(id, winner.first.generation - max_revisions));

    if (before.exists) --(before.visible ? state_.documents : state_.tombstones);
    ++(winner.second.deleted ? state_.tombstones : state_.documents);
    if (before.visible) count_type(before.type, -1);
    if (!winner.second.deleted) count_type(winner.second.content.type, 1);
    return store_document(id, winner, before, sequence,
                          lone ? 0 : static_cast<std::int64_t>(leaves.size()));
}

Result<> Writer::store_nodes(std::string_view id, const RevisionTree& tree,
                             const RevisionTree::Entry& winner) {
    for (const auto& [revision, node] : tree.nodes()) {
        // Leaves always: who wins, and so where its content stands, may have changed.
        if (!node.changed && !node.leaf) continue;
        const bool losing = node.leaf && revision != winner.first;
        const Content nothing;
        const Content& content = losing ? node.content : nothing;
        const std::string parent = node.parent.exists() ? node.parent.text() : std::string();
        DAVENPORT_TRY(put_node_.execute(id, revision.generation, revision.hash, parent,
                                        int{node.leaf}, int{node.deleted}, content.type,
                                        content.attachments, content.body));
    }
    return {};
}

Result<> Writer::store_document(std::string_view id, const RevisionTree::Entry& winner,
                                const Before& before, std::int64_t sequence, std::int64_t leaves) {
    const std::string revision = winner.first.text();
    const Content& content = winner.second.content;
    Statement& statement = before.exists ? update_ : insert_;
    DAVENPORT_TRY(statement.execute(id, sequence, revision, int{winner.second.deleted}, leaves,
                                    content.type, content.attachments, content.body));
    if (connection_->changes() != 1)
        return fail(ErrorCode::internal, "database \"{}\": document \"{}\" could not be stored",
                    connection_->label(), id);
    return {};
}

Result<std::optional<std::int64_t>> Writer::local_revision(std::string_view id) {
    Rows rows = local_.run(id);
    DAVENPORT_ASSIGN(const bool found, rows.next());
    return found ? std::optional(rows.integer(0)) : std::nullopt;
}

Result<std::string> Writer::put_local(std::string_view id, std::string_view revision,
                                      std::string_view body) {
    DAVENPORT_ASSIGN(const std::optional<std::int64_t> current, local_revision(id));
    DAVENPORT_TRY(check_local_revision(id, current, revision));
    const std::int64_t next = current.value_or(0) + 1;
    DAVENPORT_TRY(put_local_.execute(id, next, body));
    return fmt::format("0-{}", next);
}

Result<> Writer::remove_local(std::string_view id, std::string_view revision) {
    DAVENPORT_ASSIGN(const std::optional<std::int64_t> current, local_revision(id));
    if (!current) return no_document(id, "missing");
    DAVENPORT_TRY(check_local_revision(id, current, revision));
    return remove_local_.execute(id);
}

Result<> Writer::set_security(std::string_view text) {
    return security_.execute(text);
}

Result<> Writer::mark_dropped() {
    return drop_.execute();
}

void Writer::checkpoint() {
    const int log_pages = connection_->log_pages();
    if (log_pages < short_log_pages) return;
    const bool brief = is_almost_full(path_);
    if (log_pages < checkpoint_pages && !brief) return;
    // What can't be copied now stays in the log, where it is just as durable; the next commit tries
    // again. That is why no error here is one of the write.
    sqlite3* const handle = connection_->handle();
    int pages = 0;
    int copied = 0;
    const int code =
        sqlite3_wal_checkpoint_v2(handle, nullptr, SQLITE_CHECKPOINT_PASSIVE, &pages, &copied);
    if (code != SQLITE_OK || pages < (brief ? short_log_pages : truncate_pages) || copied < pages)
        return;
    empty_log();
}

// As far as it can be done now: what the log takes may be all that a full disk lacks.
void Writer::empty_log() {
    sqlite3* const handle = connection_->handle();
    sqlite3_busy_timeout(handle, 0);  // never wait for readers with the lock held
    sqlite3_wal_checkpoint_v2(handle, nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
    sqlite3_busy_timeout(handle, static_cast<int>(busy_timeout_ms_));
}

}  // namespace davenport::documents::embedded
