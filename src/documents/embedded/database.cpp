#include "database.hpp"

#include "documents/get_each.hpp"
#include "field_index.hpp"
#include "schema.hpp"
#include "snapshot.hpp"

#include <algorithm>
#include <chrono>

namespace davenport::documents::embedded {
namespace {

// Attachments of one write up to this sum wait in memory; what is more goes to disk first.
constexpr std::size_t max_staged_in_memory = std::size_t{8} << 20;
// How soon writes of other processes are seen by those who wait for them.
constexpr std::chrono::milliseconds poll_interval{150};
constexpr std::uint64_t max_wait_ms = 24ull * 3600 * 1000;

}  // namespace

EmbeddedDatabase::EmbeddedDatabase(const DatabaseDirectory::Entry& entry,
                                   std::shared_ptr<const DatabaseDirectory> directory,
                                   std::string identity, std::unique_ptr<Writer> writer,
                                   const EmbeddedOptions& options)
    : directory_(std::move(directory)),
      path_(entry.path),
      name_(entry.name),
      identity_(std::move(identity)),
      readers_(std::make_shared<ReadPool>(path_, name_, options)),
      writer_(std::move(writer)) {}

Result<std::shared_ptr<EmbeddedDatabase>> EmbeddedDatabase::open(
    const DatabaseDirectory::Entry& entry, std::shared_ptr<const DatabaseDirectory> directory,
    const EmbeddedOptions& options) {
    DAVENPORT_ASSIGN(auto writer,
                     Writer::open(entry.path, entry.name, directory->instance(), options));
    DAVENPORT_TRY(writer->check_exists());
    DAVENPORT_ASSIGN(std::string identity, read_meta(writer->connection(), "identity"));
    DAVENPORT_ASSIGN(const std::string stored_name, read_meta(writer->connection(), "name"));
    if (stored_name != entry.name)
        return fail(ErrorCode::corrupt, "the file of database \"{}\" holds another database",
                    entry.name);
    std::shared_ptr<EmbeddedDatabase> database(new EmbeddedDatabase(
        entry, std::move(directory), std::move(identity), std::move(writer), options));
    DAVENPORT_TRY(database->sweep_staged());
    return database;
}

Result<> EmbeddedDatabase::sweep_staged() {
    const std::lock_guard lock(writer_mutex_);
    DAVENPORT_ASSIGN(const auto owners, writer_->blobs().owners());
    for (const std::string& owner : owners) {
        if (directory_->is_alive(owner)) continue;
        DAVENPORT_ASSIGN(auto transaction, writer_->begin());
        DAVENPORT_TRY(writer_->blobs().sweep(owner));
        DAVENPORT_TRY(transaction.commit());
    }
    return {};
}

Result<bool> EmbeddedDatabase::exists() {
    const auto view = readers_->acquire();
    if (view) return true;
    if (view.error().code == ErrorCode::not_found) return false;
    return fail(view.error());
}

Result<> EmbeddedDatabase::mark_dropped() {
    {
        const std::lock_guard lock(writer_mutex_);
        DAVENPORT_ASSIGN(auto transaction, writer_->begin());
        DAVENPORT_TRY(writer_->mark_dropped());
        DAVENPORT_TRY(transaction.commit());
    }
    readers_->close();
    changed();
    return {};
}

Result<DatabaseInfo> EmbeddedDatabase::info() {
    DAVENPORT_ASSIGN(const View view, readers_->acquire());
    return view->reader().info(identity_);
}

Result<std::unique_ptr<Snapshot>> EmbeddedDatabase::snapshot() {
    DAVENPORT_ASSIGN(View view, readers_->acquire());
    DAVENPORT_ASSIGN(DatabaseInfo info, view->reader().info(identity_));
    return std::make_unique<EmbeddedSnapshot>(std::move(view), std::move(info));
}

Result<Document> EmbeddedDatabase::get(std::string_view id, const ReadOptions& options) {
    DAVENPORT_ASSIGN(const View view, readers_->acquire());
    return view->reader().get(id, options);
}

Result<std::vector<std::optional<Document>>> EmbeddedDatabase::get_many(
    std::span<const std::string> ids) {
    DAVENPORT_ASSIGN(const View view, readers_->acquire());
    return get_each(ids, [&](const std::string& id) { return view->reader().get(id, {}); });
}

Result<std::vector<Document>> EmbeddedDatabase::leaves(std::string_view id, bool history) {
    DAVENPORT_ASSIGN(const View view, readers_->acquire());
    return view->reader().leaves(id, history);
}

Result<std::vector<std::string>> EmbeddedDatabase::missing_revisions(
    std::string_view id, std::span<const std::string> revisions) {
    DAVENPORT_ASSIGN(const View view, readers_->acquire());
    return view->reader().missing(id, revisions);
}

Result<std::unique_ptr<ByteSource>> EmbeddedDatabase::attachment(std::string_view id,
                                                                 std::string_view revision,
                                                                 std::string_view name) {
    DAVENPORT_ASSIGN(View view, readers_->acquire());
    DAVENPORT_ASSIGN(StoredBlob blob, view->reader().find_attachment(id, revision, name));
    return open_blob(std::move(view), std::move(blob));
}

Result<std::vector<WriteOutcome>> EmbeddedDatabase::write(std::span<const DocumentWrite> documents,
                                                          WriteMode mode, Atomicity atomicity) {
    DAVENPORT_ASSIGN(std::vector<PreparedWrite> writes, prepare(documents, mode, atomicity));
    auto outcomes = commit(writes, mode, atomicity);
    if (!outcomes) {
        discard_staged(writes);
        return outcomes;
    }
    if (atomicity == Atomicity::all && !outcomes->empty() && outcomes->back().error) {
        discard_staged(writes);
        const Error error = *outcomes->back().error;
        return std::vector<WriteOutcome>(documents.size(), failed_outcome(error));
    }
    return outcomes;
}

// Everything that can be done without the lock: sources may be slow.
Result<std::vector<PreparedWrite>> EmbeddedDatabase::prepare(
    std::span<const DocumentWrite> documents, WriteMode mode, Atomicity atomicity) {
    std::vector<PreparedWrite> writes(documents.size());
    std::size_t in_memory = 0;
    for (std::size_t i = 0; i < documents.size(); ++i) {
        PreparedWrite& prepared = writes[i];
        prepared.write = &documents[i];
        if (auto checked = check_write(documents[i], mode); !checked)
            prepared.error = std::move(checked).error();
        for (const AttachmentWrite& attachment : documents[i].attachments) {
            if (prepared.error) break;
            prepared.staged.emplace_back();
            if (!attachment.source) continue;
            auto staged = stage(*attachment.source, in_memory);
            if (staged)
                prepared.staged.back() = std::move(*staged);
            else
                prepared.error = std::move(staged).error();
        }
        if (prepared.error && atomicity == Atomicity::all) {
            // The transaction will stop at this one; those after it need no preparation.
            for (std::size_t k = i + 1; k < documents.size(); ++k) {
                writes[k].write = &documents[k];
                writes[k].error = prepared.error;
            }
            break;
        }
    }
    return writes;
}

Result<StagedBlob> EmbeddedDatabase::stage(ByteSource& source, std::size_t& in_memory) {
    StageReader reader(source);
    StagedBlob staged;
    std::string piece;
    DAVENPORT_ASSIGN(bool more, reader.next(piece));
    const bool whole = piece.size() < chunk_bytes;
    if (whole && in_memory + piece.size() <= max_staged_in_memory) {
        in_memory += piece.size();
        staged.bytes = std::move(piece);
    } else if (more) {
        if (auto rest = stage_rest(reader, piece, staged); !rest) {
            std::vector<PreparedWrite> given_up(1);
            given_up[0].staged.push_back(std::move(staged));
            discard_staged(given_up);
            return fail(std::move(rest).error());
        }
    }
    reader.finish(staged);
    return staged;
}

// `piece` is the first; each goes into the database in a transaction of its own.
Result<> EmbeddedDatabase::stage_rest(StageReader& reader, std::string& piece, StagedBlob& staged) {
    std::int64_t n = 0;
    for (bool more = true; more;) {
        {
            const std::lock_guard lock(writer_mutex_);
            DAVENPORT_ASSIGN(auto transaction, writer_->begin_relaxed());
            if (staged.blob == 0) {
                DAVENPORT_ASSIGN(const std::int64_t blob, writer_->blobs().begin_staged());
                DAVENPORT_TRY(writer_->blobs().append(blob, n++, piece));
                DAVENPORT_TRY(transaction.commit());
                staged.blob = blob;
            } else {
                DAVENPORT_TRY(writer_->blobs().append(staged.blob, n++, piece));
                DAVENPORT_TRY(transaction.commit());
            }
            writer_->checkpoint();
        }
        DAVENPORT_ASSIGN(more, reader.next(piece));
    }
    return {};
}

// Under the lock. Writers that wait here while another syncs could share one transaction.
Result<std::vector<WriteOutcome>> EmbeddedDatabase::commit(std::vector<PreparedWrite>& writes,
                                                           WriteMode mode, Atomicity atomicity) {
    bool news = false;
    std::vector<WriteOutcome> outcomes;
    {
        const std::lock_guard lock(writer_mutex_);
        DAVENPORT_ASSIGN(auto transaction, writer_->begin());
        const std::int64_t sequence = writer_->state().sequence;
        DAVENPORT_ASSIGN(outcomes, writer_->write(writes, mode, atomicity));
        if (atomicity == Atomicity::all && !outcomes.empty() && outcomes.back().error)
            return outcomes;
        // What was taken over is not staged any more; the rest belongs to writes that failed.
        for (const PreparedWrite& prepared : writes)
            for (const StagedBlob& staged : prepared.staged)
                if (staged.blob != 0) DAVENPORT_TRY(writer_->blobs().discard(staged.blob));
        news = writer_->state().sequence != sequence;
        DAVENPORT_TRY(transaction.commit());
        writer_->checkpoint();
    }
    if (news) changed();
    return outcomes;
}

// Best effort: what stays is swept when the database is opened after this process has ended.
void EmbeddedDatabase::discard_staged(const std::vector<PreparedWrite>& writes) {
    const std::lock_guard lock(writer_mutex_);
    for (const PreparedWrite& prepared : writes)
        for (const StagedBlob& staged : prepared.staged) {
            if (staged.blob == 0) continue;
            auto transaction = writer_->begin_relaxed();
            if (!transaction || !writer_->blobs().discard(staged.blob) || !transaction->commit())
                return;
        }
}

void EmbeddedDatabase::changed() {
    {
        const std::lock_guard lock(change_mutex_);
        ++change_count_;
    }
    change_.notify_all();
}

Result<Document> EmbeddedDatabase::get_local(std::string_view id) {
    DAVENPORT_ASSIGN(const View view, readers_->acquire());
    return view->reader().get_local(id);
}

Result<std::string> EmbeddedDatabase::put_local(std::string_view id, std::string_view revision,
                                                std::string_view body) {
    DAVENPORT_TRY(check_local_id(id));
    DAVENPORT_TRY(check_object_text("the local document", body));
    const std::lock_guard lock(writer_mutex_);
    DAVENPORT_ASSIGN(auto transaction, writer_->begin());
    DAVENPORT_ASSIGN(std::string stored, writer_->put_local(id, revision, body));
    DAVENPORT_TRY(transaction.commit());
    writer_->checkpoint();
    return stored;
}

Result<> EmbeddedDatabase::remove_local(std::string_view id, std::string_view revision) {
    const std::lock_guard lock(writer_mutex_);
    DAVENPORT_ASSIGN(auto transaction, writer_->begin());
    DAVENPORT_TRY(writer_->remove_local(id, revision));
    return transaction.commit();
}

Result<std::string> EmbeddedDatabase::security() {
    DAVENPORT_ASSIGN(const View view, readers_->acquire());
    return view->reader().security();
}

Result<> EmbeddedDatabase::set_security(std::string_view text) {
    DAVENPORT_TRY(check_object_text("the security object", text));
    const std::lock_guard lock(writer_mutex_);
    DAVENPORT_ASSIGN(auto transaction, writer_->begin());
    DAVENPORT_TRY(writer_->set_security(text));
    return transaction.commit();
}

Result<> EmbeddedDatabase::ensure_index(std::string_view index,
                                        std::span<const std::string> fields) {
    const std::lock_guard lock(writer_mutex_);
    DAVENPORT_ASSIGN(auto transaction, writer_->begin());
    DAVENPORT_TRY(create_field_index(writer_->connection(), index, fields));
    DAVENPORT_TRY(transaction.commit());
    writer_->checkpoint();
    return {};
}

Result<std::vector<Document>> EmbeddedDatabase::find(const Query& query) {
    DAVENPORT_ASSIGN(const View view, readers_->acquire());
    return view->fields().find(query);
}

Result<std::uint64_t> EmbeddedDatabase::count(const Query& query) {
    DAVENPORT_ASSIGN(const View view, readers_->acquire());
    return view->fields().count(query);
}

Result<bool> EmbeddedDatabase::wait_for_change(std::string_view since, std::uint64_t timeout_ms) {
    using Clock = std::chrono::steady_clock;
    DAVENPORT_ASSIGN(const std::int64_t sequence, parse_sequence(since));
    const Clock::time_point deadline =
        Clock::now() + std::chrono::milliseconds(std::min(timeout_ms, max_wait_ms));
    for (;;) {
        std::uint64_t seen = 0;
        {
            const std::lock_guard lock(change_mutex_);
            seen = change_count_;
        }
        {
            DAVENPORT_ASSIGN(const View view, readers_->acquire());
            DAVENPORT_ASSIGN(const State state, view->reader().state());
            if (state.sequence > sequence) return true;
        }
        const Clock::time_point now = Clock::now();
        if (now >= deadline) return false;
        std::unique_lock lock(change_mutex_);
        change_.wait_until(lock, std::min(deadline, now + poll_interval),
                           [&] { return change_count_ != seen; });
    }
}

}  // namespace davenport::documents::embedded
