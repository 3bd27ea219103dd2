#include "davenport/drills/drill.hpp"

#include "comparison.hpp"
#include "davenport/restore/restore.hpp"

#include <algorithm>
#include <chrono>

namespace davenport::drills {
namespace {

constexpr std::size_t max_reasons = 50;
constexpr std::uint64_t documents_between_beats = 500;

// One database of a source: damage to it must not hide what becomes of the others.
class OneDatabase final : public restore::Source {
  public:
    OneDatabase(restore::Source& source, restore::SourceDatabase database)
        : source_(source), databases_{std::move(database)} {}

    const std::vector<restore::SourceDatabase>& databases() const override { return databases_; }
    restore::IdOrder order() const override { return source_.order(); }
    Result<std::unique_ptr<restore::SourceCursor>> documents(std::string_view key) override {
        return source_.documents(key);
    }
    Result<std::unique_ptr<restore::IdCursor>> ids(std::string_view key) override {
        return source_.ids(key);
    }
    Result<std::unique_ptr<restore::SourceCursor>> revisions(std::string_view key) override {
        return source_.revisions(key);
    }

  private:
    restore::Source& source_;
    std::vector<restore::SourceDatabase> databases_;
};

class Drill {
  public:
    Drill(const vault::Vault& vault, std::string_view backup_id, documents::DocumentStore& scratch,
          const ProgressCallback& callback)
        : vault_(vault), backup_id_(backup_id), scratch_(scratch), callback_(callback) {}

    Result<Findings> run() {
        const auto manifest = vault_.manifest(backup_id_);
        if (!manifest) {
            because(fmt::format("the backup can't be read: {}", manifest.error().message));
            return std::move(findings_);
        }
        judge();
        for (const vault::DatabaseManifest& database : manifest->databases)
            progress_.total += database.documents;
        const auto begun = std::chrono::steady_clock::now();
        DAVENPORT_TRY(restore_all());
        findings_.restore_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                                   std::chrono::steady_clock::now() - begun)
                                   .count();
        // Where the drill itself was stopped, as by a full disk, there is nothing to compare.
        if (!stopped_) DAVENPORT_TRY(compare_all(*manifest));
        if (!findings_.recoverable()) DAVENPORT_TRY(explain());
        return std::move(findings_);
    }

  private:
    void because(std::string reason) {
        if (findings_.reasons.size() < max_reasons) findings_.reasons.push_back(std::move(reason));
    }

    // A manifest that somebody else wrote, as one that lists nothing, restores without a fault.
    void judge() {
        const auto doubt = vault_.doubt(backup_id_);
        const auto foreign = vault_.is_foreign(backup_id_);
        if (!doubt || !foreign)
            return because(fmt::format("the signatures can't be read: {}",
                                       (doubt ? foreign.error() : doubt.error()).message));
        if (*foreign) return;
        findings_.manifest = doubt->empty() ? Trust::vouched_for : Trust::doubted;
        if (!doubt->empty()) because(fmt::format("the backup is not to be trusted: {}", *doubt));
    }

    // An error of the callback other than `cancelled` ends the drill as a finding.
    Result<> tell() {
        if (!callback_) return {};
        auto told = callback_(progress_);
        if (!told && told.error().code != ErrorCode::cancelled && !stopped_) {
            stopped_ = true;
            because(told.error().message);
        }
        return told;
    }

    Result<> restore_all() {
        const auto source = restore::from_vault(vault_, backup_id_);
        if (!source) {
            because(fmt::format("the backup can't be read: {}", source.error().message));
            return {};
        }
        const auto& databases = (*source)->databases();
        findings_.leaves = !databases.empty() &&
                           std::all_of(databases.begin(), databases.end(),
                                       [](const auto& database) { return database.revisions; });
        for (const restore::SourceDatabase& database : databases) {
            OneDatabase one(**source, database);
            if (auto restored = restore_one(one, database.key); !restored) {
                if (restored.error().code == ErrorCode::cancelled)
                    return fail(std::move(restored).error());
                if (stopped_) return {};
                because(std::move(restored).error().message);
            }
        }
        return {};
    }

    Result<> restore_one(OneDatabase& source, const std::string& name) {
        restore::RestoreOptions options;
        options.known_databases = {name};
        options.whitelist = restore::Whitelist::leave;
        if (findings_.leaves) options.history = restore::History::exact;
        const Progress before = progress_;
        DAVENPORT_ASSIGN(
            const restore::Report report,
            restore::run(source, scratch_, options, [&](const restore::RestoreProgress& restored) {
                progress_.done = before.done + restored.documents_done;
                progress_.bytes = before.bytes + restored.bytes;
                return tell();
            }));
        if (report.failed() > 0)
            because(fmt::format("restoring database {}: {}", name, report.summary()));
        return {};
    }

    Result<> compare_all(const vault::Manifest& manifest) {
        progress_.step = Progress::Step::comparing;
        progress_.done = progress_.bytes = 0;
        for (const vault::DatabaseManifest& database : manifest.databases) {
            const Progress before = progress_;
            auto compared = compare(vault_, database, scratch_,
                                    findings_.leaves ? Depth::leaves : Depth::winners, findings_,
                                    [&](const DatabaseFindings& so_far) -> Result<> {
                                        progress_.done = before.done + so_far.compared;
                                        progress_.bytes = before.bytes + so_far.bytes;
                                        if (++beats_ % documents_between_beats != 0) return {};
                                        return tell();
                                    });
            if (!compared && compared.error().code == ErrorCode::cancelled) return compared;
            if (!compared) return {};  // stopped_, with its reason
        }
        return tell_last();
    }

    // Once nothing is restored or compared any more, only a stop ends the drill.
    Result<> tell_last() {
        auto told = tell();
        if (!told && told.error().code != ErrorCode::cancelled) return {};
        return told;
    }

    // Damage in the vault, by name and with the documents that it concerns.
    Result<> explain() {
        const auto verified =
            vault_.verify({std::string(backup_id_)}, [this](auto, auto) { return tell_last(); });
        if (!verified && verified.error().code == ErrorCode::cancelled)
            return fail(verified.error());
        if (!verified) because(fmt::format("verify: {}", verified.error().message));
        if (!verified) return {};
        for (const vault::Finding& finding : verified->findings)
            because(fmt::format("verify: {}{}{}: {}", finding.database,
                                finding.database.empty() ? "" : ", ", finding.object,
                                finding.message));
        return {};
    }

    const vault::Vault& vault_;
    const std::string_view backup_id_;
    documents::DocumentStore& scratch_;
    const ProgressCallback& callback_;
    Progress progress_;
    Findings findings_;
    std::uint64_t beats_ = 0;
    bool stopped_ = false;
};

}  // namespace

Result<Findings> run(const vault::Vault& vault, std::string_view backup_id,
                     documents::DocumentStore& scratch, const ProgressCallback& progress) {
    return Drill(vault, backup_id, scratch, progress).run();
}

}  // namespace davenport::drills
