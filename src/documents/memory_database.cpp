#include "memory_database.hpp"

#include "davenport/base/encoding.hpp"
#include "document_build.hpp"
#include "field_value.hpp"
#include "memory_view.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

namespace davenport::documents {
namespace {

constexpr std::uint64_t max_wait_ms = 24ull * 3600 * 1000;

Result<std::shared_ptr<const std::string>> read_all(ByteSource& source) {
    auto bytes = std::make_shared<std::string>();
    char buffer[65536];
    for (;;) {
        DAVENPORT_ASSIGN(const std::size_t count, source.read(buffer));
        if (count == 0) return std::shared_ptr<const std::string>(std::move(bytes));
        bytes->append(buffer, count);
    }
}

tl::unexpected<Error> dropped(const std::string& name) {
    return fail(Error{ErrorCode::not_found, fmt::format("there is no database \"{}\"", name),
                      "no_db_file"});
}

}  // namespace

MemoryDatabase::MemoryDatabase(std::string name, std::string identity)
    : name_(std::move(name)),
      identity_(std::move(identity)),
      state_(std::make_shared<MemoryState>()) {}

Result<std::shared_ptr<const MemoryState>> MemoryDatabase::view() {
    const std::lock_guard lock(mutex_);
    if (!state_) return dropped(name_);
    // Given back under a mutex, so that who then writes to the state comes after who read it.
    auto give_back = [returns = returns_, held = state_](const MemoryState*) mutable {
        const std::lock_guard one(*returns);
        held.reset();
    };
    return std::shared_ptr<const MemoryState>(state_.get(), std::move(give_back));
}

Result<MemoryState*> MemoryDatabase::writable(const Locked&) {
    if (!state_) return dropped(name_);
    const std::lock_guard one(*returns_);
    if (state_.use_count() > 1) state_ = std::make_shared<MemoryState>(*state_);
    return state_.get();
}

Result<> MemoryDatabase::drop() {
    {
        const std::lock_guard lock(mutex_);
        if (!state_) return dropped(name_);
        state_.reset();
    }
    change_.notify_all();
    return {};
}

Result<DatabaseInfo> MemoryDatabase::info() {
    DAVENPORT_ASSIGN(const auto state, view());
    return memory_info(*state, name_, identity_);
}

Result<std::unique_ptr<Snapshot>> MemoryDatabase::snapshot() {
    DAVENPORT_ASSIGN(auto state, view());
    DatabaseInfo info = memory_info(*state, name_, identity_);
    return memory_snapshot(std::move(state), std::move(info));
}

Result<Document> MemoryDatabase::get(std::string_view id, const ReadOptions& options) {
    DAVENPORT_ASSIGN(const auto state, view());
    return memory_get(*state, id, options);
}

Result<std::vector<Document>> MemoryDatabase::leaves(std::string_view id, bool history) {
    DAVENPORT_ASSIGN(const auto state, view());
    const auto found = state->documents.find(id);
    if (found == state->documents.end()) return no_document(id, "missing");
    return build_leaves(found->second.tree, id, found->second.sequence, history);
}

Result<std::vector<std::string>> MemoryDatabase::missing_revisions(
    std::string_view id, std::span<const std::string> revisions) {
    DAVENPORT_ASSIGN(const auto state, view());
    const auto found = state->documents.find(id);
    return missing_from(found == state->documents.end() ? nullptr : &found->second.tree, revisions);
}

Result<std::unique_ptr<ByteSource>> MemoryDatabase::attachment(std::string_view id,
                                                               std::string_view revision,
                                                               std::string_view name) {
    DAVENPORT_ASSIGN(const auto state, view());
    return memory_attachment(*state, id, revision, name);
}

Result<std::vector<WriteOutcome>> MemoryDatabase::write(std::span<const DocumentWrite> documents,
                                                        WriteMode mode, Atomicity atomicity) {
    // Sources may be slow: they are read before the lock.
    std::vector<std::optional<Error>> errors(documents.size());
    std::vector<Bytes> bytes(documents.size());
    for (std::size_t i = 0; i < documents.size(); ++i) {
        if (auto checked = check_write(documents[i], mode); !checked) errors[i] = checked.error();
        for (const AttachmentWrite& attachment : documents[i].attachments) {
            if (errors[i]) break;
            bytes[i].emplace_back();
            if (!attachment.source) continue;
            auto read = read_all(*attachment.source);
            if (read)
                bytes[i].back() = std::move(*read);
            else
                errors[i] = read.error();
        }
    }
    std::vector<WriteOutcome> outcomes;
    {
        Locked lock(mutex_);
        DAVENPORT_ASSIGN(MemoryState * state, writable(lock));
        std::shared_ptr<MemoryState> trial;
        if (atomicity == Atomicity::all) {
            trial = std::make_shared<MemoryState>(*state);
            state = trial.get();
        }
        for (std::size_t i = 0; i < documents.size(); ++i) {
            WriteOutcome outcome;
            if (errors[i]) {
                outcome = failed_outcome(*errors[i]);
            } else {
                DAVENPORT_ASSIGN(outcome, write_one(*state, documents[i], mode, bytes[i]));
            }
            if (outcome.error && trial)
                return std::vector<WriteOutcome>(documents.size(), failed_outcome(*outcome.error));
            outcomes.push_back(std::move(outcome));
        }
        if (trial) state_ = std::move(trial);
    }
    change_.notify_all();
    return outcomes;
}

Result<WriteOutcome> MemoryDatabase::write_one(MemoryState& state, const DocumentWrite& write,
                                               WriteMode mode, const Bytes& bytes) {
    const auto found = state.documents.find(write.id);
    MemoryDocument document;
    if (found != state.documents.end()) document = found->second;
    const RevisionTree::Entry* before = document.tree.winner();
    const bool existed = before != nullptr;
    const bool visible = existed && !before->second.deleted;

    std::vector<AttachmentStub> brought(bytes.size());
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (!bytes[i]) continue;
        brought[i].digest = "md5-" + to_base64(as_bytes(md5(*bytes[i])));
        brought[i].length = bytes[i]->size();
    }
    auto edit = plan_edit(document.tree, write, mode, brought, hasher_);
    if (!edit) return failed_outcome(std::move(edit).error());
    WriteOutcome outcome;
    outcome.revision = edit->revision.text();
    outcome.kind = WriteOutcome::Kind::unchanged;
    if (edit->unchanged) return outcome;

    for (const PlannedAttachment& plan : edit->attachments)
        if (!plan.kept_from.exists()) state.blobs[plan.stub.digest] = bytes[plan.index];
    const bool leaves_changed = apply_edit(document.tree, *edit, hasher_);
    document.tree.prune(max_revisions);
    if (leaves_changed) {
        outcome.kind = kind_of(write.deleted, visible);
        state.by_sequence.erase(document.sequence);
        document.sequence = ++state.sequence;
        state.by_sequence[document.sequence] = write.id;
        if (existed) --(visible ? state.visible : state.tombstones);
        ++(document.tree.winner()->second.deleted ? state.tombstones : state.visible);
    }
    state.documents.insert_or_assign(std::string(write.id), std::move(document));
    return outcome;
}

Result<Document> MemoryDatabase::get_local(std::string_view id) {
    DAVENPORT_ASSIGN(const auto state, view());
    const auto found = state->locals.find(id);
    if (found == state->locals.end()) return no_document(id, "missing");
    Document document;
    document.id = fmt::format("_local/{}", id);
    document.revision = fmt::format("0-{}", found->second.first);
    document.body = found->second.second;
    return document;
}

Result<std::string> MemoryDatabase::put_local(std::string_view id, std::string_view revision,
                                              std::string_view body) {
    DAVENPORT_TRY(check_local_id(id));
    DAVENPORT_TRY(check_object_text("the local document", body));
    const Locked lock(mutex_);
    DAVENPORT_ASSIGN(MemoryState* const state, writable(lock));
    const auto found = state->locals.find(id);
    const auto current =
        found == state->locals.end() ? std::nullopt : std::optional(found->second.first);
    DAVENPORT_TRY(check_local_revision(id, current, revision));
    const std::int64_t next = current.value_or(0) + 1;
    state->locals.insert_or_assign(std::string(id), std::pair(next, std::string(body)));
    return fmt::format("0-{}", next);
}

Result<> MemoryDatabase::remove_local(std::string_view id, std::string_view revision) {
    const Locked lock(mutex_);
    DAVENPORT_ASSIGN(MemoryState* const state, writable(lock));
    const auto found = state->locals.find(id);
    if (found == state->locals.end()) return no_document(id, "missing");
    DAVENPORT_TRY(check_local_revision(id, found->second.first, revision));
    state->locals.erase(found);
    return {};
}

Result<std::string> MemoryDatabase::security() {
    DAVENPORT_ASSIGN(const auto state, view());
    return state->security;
}

Result<> MemoryDatabase::set_security(std::string_view text) {
    DAVENPORT_TRY(check_object_text("the security object", text));
    const Locked lock(mutex_);
    DAVENPORT_ASSIGN(MemoryState* const state, writable(lock));
    state->security = text;
    return {};
}

Result<> MemoryDatabase::ensure_index(std::string_view index, std::span<const std::string> fields) {
    DAVENPORT_TRY(check_index(index, fields));
    const Locked lock(mutex_);
    DAVENPORT_ASSIGN(MemoryState* const state, writable(lock));
    const std::vector<std::string> wanted(fields.begin(), fields.end());
    const auto [known, fresh] = state->indexes.try_emplace(std::string(index), wanted);
    if (fresh || known->second == wanted) return {};
    return fail(ErrorCode::conflict, "index \"{}\" exists with other fields", index);
}

Result<std::vector<const std::pair<const std::string, MemoryDocument>*>> MemoryDatabase::search(
    const MemoryState& state, const Query& query) {
    const auto index = state.indexes.find(query.index);
    if (index == state.indexes.end())
        return fail(Error{ErrorCode::not_found,
                          fmt::format("database \"{}\" has no such index", name_), "no_index"});
    DAVENPORT_ASSIGN(const FieldQuery wanted, check_query(query, index->second));
    using Entry = std::pair<const std::string, MemoryDocument>;
    std::vector<std::pair<std::vector<FieldValue>, const Entry*>> matching;
    for (const Entry& entry : state.documents) {
        const RevisionNode& winner = entry.second.tree.winner()->second;
        if (winner.deleted) continue;
        auto values = read_fields(winner.content.body, index->second);
        if (values && matches(wanted, *values)) matching.emplace_back(std::move(*values), &entry);
    }
    std::sort(matching.begin(), matching.end(), [&](const auto& a, const auto& b) {
        for (std::size_t i = 0; i < a.first.size(); ++i)
            if (const auto compared = order(a.first[i], b.first[i]); compared != 0)
                return compared < 0;
        return a.second->first < b.second->first;
    });
    if (query.descending) std::reverse(matching.begin(), matching.end());
    std::vector<const Entry*> entries;
    entries.reserve(matching.size());
    for (const auto& match : matching) entries.push_back(match.second);
    return entries;
}

Result<std::vector<Document>> MemoryDatabase::find(const Query& query) {
    DAVENPORT_ASSIGN(const auto state, view());
    DAVENPORT_ASSIGN(const auto entries, search(*state, query));
    std::vector<Document> documents;
    for (std::size_t i = query.skip; i < entries.size() && documents.size() < query.limit; ++i) {
        const auto& [id, document] = *entries[i];
        DAVENPORT_ASSIGN(Document built,
                         build_document(id, document.sequence, *document.tree.winner()));
        documents.push_back(std::move(built));
    }
    return documents;
}

Result<std::uint64_t> MemoryDatabase::count(const Query& query) {
    DAVENPORT_ASSIGN(const auto state, view());
    DAVENPORT_ASSIGN(const auto entries, search(*state, query));
    return std::uint64_t{entries.size()};
}

Result<bool> MemoryDatabase::wait_for_change(std::string_view since, std::uint64_t timeout_ms) {
    DAVENPORT_ASSIGN(const std::uint64_t sequence, memory_sequence(since));
    Locked lock(mutex_);
    change_.wait_for(lock, std::chrono::milliseconds(std::min(timeout_ms, max_wait_ms)),
                     [&] { return !state_ || state_->sequence > sequence; });
    if (!state_) return dropped(name_);
    return state_->sequence > sequence;
}

}  // namespace davenport::documents
