#include "replication/fixture.hpp"
#include "support/forwarding_store.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <thread>

using namespace davenport;
using namespace davenport::test;
using replication::back_up;
using replication::BackupOptions;

namespace {

// A database without read views: documents come in the order of their changes, some of them twice,
// first as they were a moment ago. Its numbers are of no use for counting. One that lists shows all
// of them by id at first, some as they were, and what changed meanwhile afterwards.
class BlurredSnapshot final : public ForwardingSnapshot {
  public:
    enum class Lists { no, yes };
    BlurredSnapshot(std::unique_ptr<documents::Snapshot> inner, std::uint32_t seed, Lists lists)
        : ForwardingSnapshot(std::move(inner)),
          info_(inner_->info()),
          random_(seed),
          lists_(lists) {
        info_.documents = 12'345;
    }
    const documents::DatabaseInfo& info() const override { return info_; }
    bool exact() const override { return false; }
    std::string reached() const override { return "later"; }
    Result<std::optional<std::uint64_t>> count_by_types(std::span<const std::string>) override {
        return std::optional<std::uint64_t>();
    }

    Result<ChangedDocuments> changed_since(std::string_view since, documents::Revisions) override {
        if (lists_ == Lists::yes && since.empty()) return list();
        documents::ChangesOptions options;
        options.since = since;
        DAVENPORT_ASSIGN(auto cursor, inner_->changes(options));
        auto blurred = std::make_unique<Cursor>();
        while (true) {
            DAVENPORT_ASSIGN(const documents::DocumentView* view, cursor->next());
            if (view == nullptr) break;
            if (since.empty() && view->deleted) continue;
            Copy now = copy_of(*view);
            const unsigned chance = random_() % 4;
            if (chance == 0)
                blurred->early.push_back({now.id, "1-0", "{\"stale\":1}", "", "", false});
            if (chance == 1) blurred->early.push_back({now.id, "1-0", "{}", "", "", true});
            if (chance == 2) {
                blurred->early.push_back(
                    {now.id, "1-0", "{\"type\":\"session_athena\"}", "session_athena", "", false});
            }
            blurred->late.push_back(std::move(now));
        }
        std::shuffle(blurred->late.begin(), blurred->late.end(), random_);
        return ChangedDocuments{std::move(blurred), documents::Order::by_sequence};
    }

  private:
    struct Copy {
        std::string id, revision, body, type, attachments;
        bool deleted;
    };
    static Copy copy_of(const documents::DocumentView& view) {
        return {std::string(view.id),   std::string(view.revision),    std::string(view.body),
                std::string(view.type), std::string(view.attachments), view.deleted};
    }
    struct Cursor final : documents::DocumentCursor {
        std::deque<Copy> early, late;
        Copy current;
        documents::DocumentView view;
        Result<const documents::DocumentView*> next() override {
            auto& from = early.empty() ? late : early;
            if (from.empty()) return static_cast<const documents::DocumentView*>(nullptr);
            current = std::move(from.front());
            from.pop_front();
            view = {current.id,
                    current.revision,
                    current.deleted,
                    current.body,
                    current.type,
                    current.attachments,
                    ""};
            return &view;
        }
    };

    Result<ChangedDocuments> list() {
        DAVENPORT_ASSIGN(auto cursor, inner_->changes({}));
        auto listed = std::make_unique<Cursor>();
        auto meanwhile = std::make_unique<Cursor>();
        while (true) {
            DAVENPORT_ASSIGN(const documents::DocumentView* view, cursor->next());
            if (view == nullptr) break;
            const Copy now = copy_of(*view);
            const unsigned chance = random_() % 6;
            if (chance > 3 && !now.deleted) {
                listed->late.push_back(now);
                continue;
            }
            // Not there yet, as it was, or as it was when it had another type.
            if (chance == 1) listed->late.push_back({now.id, "1-0", "{\"old\":1}", "", "", false});
            if (chance == 2)
                listed->late.push_back(
                    {now.id, "1-0", "{\"type\":\"session_athena\"}", "session_athena", "", false});
            if (chance == 3)
                meanwhile->early.push_back({now.id, "1-1", "{}", "", "", random_() % 2 == 0});
            meanwhile->late.push_back(now);
        }
        std::sort(listed->late.begin(), listed->late.end(),
                  [](const Copy& a, const Copy& b) { return a.id < b.id; });
        std::shuffle(meanwhile->late.begin(), meanwhile->late.end(), random_);
        return ChangedDocuments{std::move(listed), documents::Order::by_id, std::move(meanwhile)};
    }

    documents::DatabaseInfo info_;
    std::mt19937 random_;
    const Lists lists_;
};

class BlurredDatabase final : public ForwardingDatabase {
  public:
    using Lists = BlurredSnapshot::Lists;
    BlurredDatabase(std::shared_ptr<documents::Database> inner, std::uint32_t seed, Lists lists)
        : ForwardingDatabase(std::move(inner)), seed_(seed), lists_(lists) {}
    Result<std::unique_ptr<documents::Snapshot>> snapshot() override {
        DAVENPORT_ASSIGN(auto inner, inner_->snapshot());
        return std::make_unique<BlurredSnapshot>(std::move(inner), seed_++, lists_);
    }

  private:
    std::uint32_t seed_;
    const Lists lists_;
};

// A snapshot that can't count by types, whatever its engine can.
class UncountingSnapshot final : public ForwardingSnapshot {
  public:
    using ForwardingSnapshot::ForwardingSnapshot;
    Result<std::optional<std::uint64_t>> count_by_types(std::span<const std::string>) override {
        return std::optional<std::uint64_t>();
    }
};
class UncountingDatabase final : public ForwardingDatabase {
  public:
    using ForwardingDatabase::ForwardingDatabase;
    Result<std::unique_ptr<documents::Snapshot>> snapshot() override {
        DAVENPORT_ASSIGN(auto inner, inner_->snapshot());
        return std::make_unique<UncountingSnapshot>(std::move(inner));
    }
};

// A random life of a database, with a model beside it.
class History {
  public:
    History(documents::DocumentStore& store, std::uint32_t seed) : store_(store), random_(seed) {
        must(store_.create("things"));
    }

    void live(unsigned steps) {
        auto database = must(store_.open("things"));
        for (unsigned step = 0; step < steps; ++step) {
            const std::string id = pick_id();
            switch (random_() % 8) {
                case 0:
                    if (model_.count(id) == 0) break;
                    erase(*database, id);
                    look(*database, id);  // a conflicting revision may come to the surface
                    break;
                case 1:
                    graft(*database, id);
                    break;
                default: {
                    const PlainDocument document = random_document();
                    put(*database, id, document);
                    model_[id] = document;
                }
            }
        }
    }

    void drop_and_create() {
        // CouchDB knows of a creation in which second it was, and of names only.
        const std::string before = identity();
        must(store_.drop("things"));
        must(store_.create("things"));
        if (identity() == before) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1'100));
            must(store_.drop("things"));
            must(store_.create("things"));
        }
        REQUIRE(identity() != before);
        model_.clear();
    }

    std::string identity() { return must(must(store_.open("things"))->info()).identity; }

    PlainDatabase without(const std::vector<std::string>& types) const {
        PlainDatabase kept;
        for (const auto& [id, document] : model_) {
            if (std::find(types.begin(), types.end(), type_in(document.body)) == types.end())
                kept[id] = document;
        }
        return kept;
    }

    std::mt19937& random() { return random_; }

  private:
    std::string pick_id() {
        const unsigned number = random_() % 60;
        return number < 3 ? fmt::format("_design/{}", number)
                          : fmt::format("doc/{}\xc3\xbc", number);
    }

    PlainDocument random_document() {
        static const std::vector<std::string> types = {R"("peer")", R"("session_athena")",
                                                       R"("msp")", "7", "null"};
        PlainDocument document;
        document.body =
            fmt::format(R"({{"n":{},"type":{}}})", counter_++, types[random_() % types.size()]);
        if (random_() % 4 == 0) document.attachments["a"] = std::string(random_() % 50, 'a');
        if (random_() % 8 == 0) document.attachments["b/c"] = fmt::format("{}", random_() % 3);
        return document;
    }

    // A first generation from elsewhere: it may win over what was there, lose, or bring back.
    void graft(documents::Database& database, const std::string& id) {
        const std::string revision = fmt::format("1-{:032x}", random_());
        const std::string body = fmt::format(R"({{"n":{},"type":"peer"}})", counter_++);
        documents::DocumentWrite write;
        write.id = id;
        write.revision = revision;
        write.body = body;
        write.type = "peer";
        const std::vector<std::string> history = {revision};
        write.history = history;
        must(database.write({&write, 1}, documents::WriteMode::replicated,
                            documents::Atomicity::each));
        look(database, id);
    }

    // Where revisions compete, which one wins is the store's to say.
    void look(documents::Database& database, const std::string& id) {
        const auto winner = database.get(id);
        if (!winner) {
            REQUIRE(winner.error().code == ErrorCode::not_found);
            model_.erase(id);
            return;
        }
        PlainDocument& document = model_[id];
        document.body = winner->body;
        document.attachments.clear();
        for (const auto& stub : winner->attachments) {
            document.attachments[stub.name] =
                drain(*must(database.attachment(id, winner->revision, stub.name)));
        }
    }

    documents::DocumentStore& store_;
    std::mt19937 random_;
    PlainDatabase model_;
    unsigned counter_ = 0;
};

struct Kept {
    vault::Manifest manifest;
    PlainDatabase expected;
    PlainDatabase everything;
};

void check(const vault::Vault& vault, const Kept& kept) {
    const auto& entry = kept.manifest.databases[0];
    REQUIRE(contents(vault, entry) == kept.expected);
    REQUIRE(entry.documents == kept.expected.size());
    const bool claims = std::find(entry.included.begin(), entry.included.end(),
                                  replication::every_type) != entry.included.end();
    if (claims) REQUIRE(kept.expected.size() == kept.everything.size());
}

}  // namespace

TEST_CASE("every backup of a random history reads back as it was, counts included") {
    const Seed seed;
    INFO("seed " << seed.value());
    const std::string kind =
        GENERATE("memory", "embedded", "blurred", "listed", "uncounted", "couchdb");
    INFO(kind);
    const std::map<std::string, std::string> engines = {
        {"embedded", "embedded"}, {"uncounted", "embedded"}, {"couchdb", "couchdb"}};
    const unsigned lives = kind == "couchdb" ? 2 : 6;
    for (unsigned life = 0; life < lives; ++life) {
        auto engine = make_engine(engines.contains(kind) ? engines.at(kind) : "memory");
        const CountingClock clock;
        auto vault = memory_vault(clock);
        History history(*engine.store, seed.value() + life);
        auto& random = history.random();
        WrappingStore disturbed(
            *engine.store,
            [&](std::shared_ptr<documents::Database> inner)
                -> std::shared_ptr<documents::Database> {
                using Lists = BlurredDatabase::Lists;
                if (kind == "blurred" || kind == "listed")
                    return std::make_shared<BlurredDatabase>(
                        std::move(inner), random(), kind == "listed" ? Lists::yes : Lists::no);
                if (kind == "uncounted")
                    return std::make_shared<UncountingDatabase>(std::move(inner));
                return inner;
            });
        std::vector<std::string> skipped = {"session_athena"};
        std::vector<Kept> kept;
        for (unsigned round = 0; round < 12; ++round) {
            if (random() % 12 == 0) history.drop_and_create();
            if (random() % 10 == 0)
                skipped = random() % 2 == 0 ? std::vector<std::string>{}
                                            : std::vector<std::string>{"session_athena", "msp"};
            history.live(random() % 3 == 0 ? 0 : random() % 80);

            BackupOptions options;
            options.id = fmt::format("backup-{}", round);
            options.databases = {"things"};
            options.skipped_types = skipped;
            options.segment_buffer_bytes = 1 + random() % 6'000;
            Kept now;
            now.manifest = must(back_up(disturbed, *vault, clock, options, {}));
            now.expected = history.without(skipped);
            now.everything = history.without({});
            check(*vault, now);
            kept.push_back(std::move(now));
            if (random() % 4 == 0) must(vault->compact("things", 1 + random() % 4));
        }
        for (const Kept& backup : kept) check(*vault, backup);
        for (Kept& backup : kept) {
            backup.manifest = must(vault->manifest(backup.manifest.id));
            check(*vault, backup);
        }
        const auto verification = must(vault->verify({}, {}));
        for (const auto& finding : verification.findings)
            UNSCOPED_INFO(finding.object << ": " << finding.message);
        REQUIRE(verification.sound());
    }
}
