#include "davenport/restore/restore.hpp"

#include "batch_reader.hpp"
#include "extra_documents.hpp"

namespace davenport::restore {
namespace {

constexpr std::size_t max_named_failures = 100;

// Writes the databases of a source one after the other and keeps the report.
class Restore {
  public:
    Restore(Source& source, documents::DocumentStore& store, const RestoreOptions& options,
            const ProgressCallback& callback)
        : source_(source), store_(store), options_(options), callback_(callback) {}

    Result<Report> run() {
        DAVENPORT_TRY(check_databases(source_, options_));
        progress_.total_steps = static_cast<std::uint32_t>(source_.databases().size()) + 1;
        for (const SourceDatabase& database : source_.databases()) {
            progress_.documents_total += database.documents;
        }
        for (const SourceDatabase& database : source_.databases()) {
            DAVENPORT_ASSIGN(const std::string name, resolve_database(database.key, options_));
            DAVENPORT_TRY(begin_step(name));
            if (auto restored = restore_database(database, name); !restored) {
                Error error = std::move(restored).error();
                if (error.code != ErrorCode::cancelled) {
                    error.message = fmt::format("restoring database {}: {}", name, error.message);
                }
                return fail(std::move(error));
            }
        }
        if (options_.whitelist == Whitelist::leave) return std::move(report_);
        DAVENPORT_TRY(begin_step("whitelist"));
        auto rebuilt = rebuild_whitelist(store_, options_.console, options_.deployer_url);
        if (rebuilt) {
            report_.whitelist_changed = *rebuilt;
        } else {
            report_.whitelist_error = rebuilt.error().message;
        }
        return std::move(report_);
    }

  private:
    Result<> begin_step(std::string_view step) {
        progress_.step = step;
        ++progress_.on_step;
        return tell();
    }
    Result<> tell() const { return callback_ ? callback_(progress_) : Result<>(); }

    DatabaseCounts& counts() { return report_.databases.back(); }

    Result<> restore_database(const SourceDatabase& database, const std::string& name) {
        report_.databases.emplace_back().database = name;
        counted_as_.reset();
        const SkippedIds& skip = skipped_ids(options_, name);
        DAVENPORT_ASSIGN(auto target, store_.open_or_create(name));
        DAVENPORT_ASSIGN(auto winners, Winners::of(source_, database));
        DAVENPORT_TRY(write_documents(database, *winners, skip, *target));
        DAVENPORT_TRY(set_security(database, *target));
        if (options_.mode == Mode::exact && !exact_history())
            DAVENPORT_TRY(delete_extra(database, *winners, skip, *target));
        return {};
    }

    Result<> write_documents(const SourceDatabase& database, Winners& winners,
                             const SkippedIds& skip, documents::Database& target) {
        DAVENPORT_ASSIGN(auto selection,
                         Selection::open(source_, database, options_.history, winners, skip));
        BatchReader reader(std::move(selection), options_.batch_documents, options_.batch_bytes);
        const std::uint64_t done_before = progress_.documents_done;
        for (bool more = true; more;) {
            DAVENPORT_ASSIGN(Batch batch, reader.next());
            more = !batch.last;
            if (batch.deletions && !exact_history())
                DAVENPORT_TRY(drop_needless_deletions(batch.writes, target));
            DAVENPORT_TRY(write(batch.writes, target));
            counts().skipped = batch.skipped;
            progress_.documents_done = done_before + batch.read;
            progress_.bytes += batch.bytes;
            DAVENPORT_TRY(tell());
        }
        return {};
    }

    // A document that is not there needs no tombstone, and an old one no other.
    Result<> drop_needless_deletions(std::vector<documents::DocumentWrite>& writes,
                                     documents::Database& target) {
        std::vector<documents::DocumentWrite> kept;
        kept.reserve(writes.size());
        for (documents::DocumentWrite& write : writes) {
            if (write.deleted) {
                const auto existing = target.get(write.id);
                if (!existing) {
                    if (existing.error().code != ErrorCode::not_found)
                        return fail(existing.error());
                    ++counts().unchanged;
                    continue;
                }
            }
            kept.push_back(std::move(write));
        }
        writes = std::move(kept);
        return {};
    }

    Result<> write(const std::vector<documents::DocumentWrite>& writes,
                   documents::Database& target) {
        if (writes.empty()) return {};
        const auto mode =
            exact_history() ? documents::WriteMode::replicated : documents::WriteMode::overwrite;
        DAVENPORT_ASSIGN(const auto outcomes,
                         target.write(writes, mode, documents::Atomicity::each));
        if (outcomes.size() != writes.size()) {
            return fail(ErrorCode::internal, "{} documents were written, {} outcomes came back",
                        writes.size(), outcomes.size());
        }
        for (std::size_t i = 0; i < writes.size(); ++i) take(writes[i], outcomes[i]);
        return {};
    }

    bool exact_history() const { return options_.history == History::exact; }

    std::uint64_t& counter(documents::WriteOutcome::Kind kind) {
        using Kind = documents::WriteOutcome::Kind;
        switch (kind) {
            case Kind::created:
                return counts().created;
            case Kind::changed:
                return counts().changed;
            case Kind::unchanged:
                return counts().unchanged;
            case Kind::deleted:
                return counts().deleted;
            case Kind::failed:
                break;
        }
        return counts().failed;
    }

    void take(const documents::DocumentWrite& write, const documents::WriteOutcome& outcome) {
        using Kind = documents::WriteOutcome::Kind;
        // Leaves of one document come one after the other, and the first one counts for it, unless
        // another one fails.
        const bool further = exact_history() && counted_as_ && last_id_ == write.id;
        if (!further) {
            last_id_ = write.id;
            counted_as_ = outcome.kind;
            ++counter(outcome.kind);
        }
        if (outcome.kind != Kind::failed) return;
        if (further && *counted_as_ != Kind::failed) {
            --counter(*counted_as_);
            counted_as_ = Kind::failed;
            ++counts().failed;
        }
        if (report_.failures.size() < max_named_failures) {
            report_.failures.push_back(
                {counts().database, std::string(write.id),
                 outcome.error ? outcome.error->message : "no reason was given"});
        }
    }

    static Result<> set_security(const SourceDatabase& database, documents::Database& target) {
        if (database.security.empty()) return {};
        DAVENPORT_ASSIGN(const std::string current, target.security());
        if (documents::same_json(current, database.security)) return {};
        return target.set_security(database.security);
    }

    Result<> delete_extra(const SourceDatabase& database, Winners& winners, const SkippedIds& skip,
                          documents::Database& target) {
        DAVENPORT_ASSIGN(auto snapshot, target.snapshot());
        DAVENPORT_ASSIGN(auto source_ids, winners.ids());
        std::vector<std::string> ids;
        const auto flush = [&]() -> Result<> {
            std::vector<documents::DocumentWrite> deletions(ids.size());
            for (std::size_t i = 0; i < ids.size(); ++i) {
                deletions[i].id = ids[i];
                deletions[i].deleted = true;
            }
            DAVENPORT_TRY(write(deletions, target));
            ids.clear();
            return tell();
        };
        DAVENPORT_TRY(for_each_extra_document(*source_ids, *snapshot, database, options_, skip,
                                              [&](std::string_view id) -> Result<> {
                                                  ids.emplace_back(id);
                                                  if (ids.size() < options_.batch_documents)
                                                      return {};
                                                  return flush();
                                              }));
        return ids.empty() ? Result<>() : flush();
    }

    Source& source_;
    documents::DocumentStore& store_;
    const RestoreOptions& options_;
    const ProgressCallback& callback_;
    RestoreProgress progress_;
    Report report_;
    std::string last_id_;  // of the document that was counted last
    std::optional<documents::WriteOutcome::Kind> counted_as_;
};

}  // namespace

Result<Report> run(Source& source, documents::DocumentStore& store, const RestoreOptions& options,
                   const ProgressCallback& progress) {
    return Restore(source, store, options, progress).run();
}

}  // namespace davenport::restore
