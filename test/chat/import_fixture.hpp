#pragma once

#include "davenport/chat/imports.hpp"
#include "davenport/documents/couchdb.hpp"
#include "ledger.hpp"
#include "support/couchdb_server.hpp"
#include "support/forwarding_store.hpp"
#include "support/temporary_directory.hpp"

#include <catch2/catch.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace davenport::chat::test {

template <class T>
T require(Result<T> result) {
    if (!result) FAIL(traits(result.error().code).name << ": " << result.error().message);
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

enum class Engine { memory, memory_in_steps, embedded, couchdb };

inline std::string name_of(Engine engine) {
    switch (engine) {
        case Engine::memory:
            return "memory";
        case Engine::memory_in_steps:
            return "memory, without transactions";
        case Engine::embedded:
            return "embedded";
        case Engine::couchdb:
            break;
    }
    return "couchdb";
}

// Asked before every write of a database; an error is what the write ends with.
using Disturb = std::function<std::optional<Error>(const std::string& database,
                                                   std::span<const documents::DocumentWrite>)>;

// A store whose writes a test disturbs. It outlives "processes".
class Disk {
  public:
    explicit Disk(Engine engine) : engine_(engine) {
        if (engine == Engine::embedded) {
            inner_ = require(documents::open_embedded(directory_ / "store"));
        } else if (engine == Engine::couchdb) {
            const auto& server = davenport::test::CouchdbServer::shared();
            documents::CouchdbOptions options;
            options.url = server.url();
            options.user = server.user();
            options.password = server.password();
            inner_ = require(documents::open_couchdb(options));
            for (const std::string& name : require(inner_->databases()))
                require(inner_->drop(name));
        } else {
            inner_ = documents::make_memory();
        }
        files_ = require(blobs::open_directory(directory_ / "imports"));
        store_ = std::make_unique<davenport::test::WrappingStore>(
            *inner_, [this](std::shared_ptr<documents::Database> database) {
                return std::make_shared<Database>(*this, std::move(database));
            });
    }

    documents::DocumentStore& store() { return *store_; }
    blobs::BlobStore& files() { return *files_; }
    void disturb(Disturb disturb) {
        const std::lock_guard lock(mutex_);
        disturb_ = std::move(disturb);
    }

  private:
    class Database final : public davenport::test::ForwardingDatabase {
      public:
        Database(Disk& disk, std::shared_ptr<documents::Database> inner)
            : ForwardingDatabase(std::move(inner)), disk_(disk) {}
        Result<std::vector<std::optional<documents::Document>>> get_many(
            std::span<const std::string> ids) override {
            return inner_->get_many(ids);
        }
        Result<std::vector<documents::WriteOutcome>> write(
            std::span<const documents::DocumentWrite> documents, documents::WriteMode mode,
            documents::Atomicity atomicity) override {
            if (disk_.engine_ == Engine::memory_in_steps && documents.size() > 1 &&
                atomicity == documents::Atomicity::all)
                return fail(ErrorCode::unsupported, "no transactions");
            Disturb disturb;
            {
                const std::lock_guard lock(disk_.mutex_);
                disturb = disk_.disturb_;
            }
            if (disturb)
                if (auto error = disturb(name(), documents)) return fail(std::move(*error));
            return inner_->write(documents, mode, atomicity);
        }

      private:
        Disk& disk_;
    };

    const Engine engine_;
    davenport::test::TemporaryDirectory directory_;
    std::unique_ptr<documents::DocumentStore> inner_;
    std::unique_ptr<davenport::test::WrappingStore> store_;
    std::unique_ptr<blobs::BlobStore> files_;
    std::mutex mutex_;
    Disturb disturb_;
};

// What one process has open on a disk.
struct Process {
    explicit Process(Disk& on_disk, const std::string& application_id = "one") : disk(on_disk) {
        const auto control = require(disk.store().open_or_create("control"));
        applications = require(Applications::open(control, disk.store(), clock, 20));
        transfers = require(Transfers::open(control));
        ledgers = std::make_unique<Ledgers>(disk.store(), clock);
        jobs::Options options;
        options.threads = 2;
        options.lease = std::chrono::milliseconds(2'000);
        options.heartbeat = std::chrono::milliseconds(500);
        options.poll = std::chrono::milliseconds(50);
        runner = require(jobs::Runner::create(control, clock, options));
        imports = std::make_unique<Imports>(disk.files(), *transfers, *runner, *applications,
                                            *ledgers, clock, require(TimeZone::load("+07:00")));
        runner->handle(std::string(Imports::job_kind), imports->behaviour());
        const auto known = applications->get(application_id);
        application =
            known ? *known : require(applications->create(application_id, "")).application;
    }

    Transfer start(Resource resource, const std::string& text) {
        auto file = require(imports->new_file());
        require(file->append(text));
        return require(imports->start(application, resource, "rows.json", *file));
    }
    // By the runner, to its end.
    Transfer import(Resource resource, const std::string& text) {
        if (!started) require(runner->start());
        started = true;
        const Transfer begun = start(resource, text);
        CHECK(begun.status == Transfer::Status::started);
        return wait(begun.id);
    }
    Transfer wait(const std::string& id) {
        require(runner->wait(id, std::chrono::seconds(60)));
        return get(id);
    }
    Transfer get(const std::string& id) { return require(imports->get(application, id)); }

    // One attempt at a job, and its end, as the runner would call them.
    Result<json::object> attempt(const std::string& id) {
        class Context final : public jobs::Context {
          public:
            explicit Context(jobs::Job job) : job_(std::move(job)) {}
            const jobs::Job& job() const override { return job_; }
            void report(jobs::Progress) override {}
            bool stopping() const override { return false; }

          private:
            const jobs::Job job_;
        };
        Context context(require(runner->get(id)));
        return imports->behaviour().run(context);
    }
    Result<> give_up(const std::string& id) {
        jobs::Job job = require(runner->get(id));
        job.state = jobs::State::failed;
        job.error = {ErrorCode::internal, "given up", {}};
        return imports->behaviour().ended(job);
    }

    Ledger& ledger() { return *require(ledgers->of(application)); }
    // The number of the row that holds a claim; 0 = none does.
    std::uint64_t holder(Kind kind, const std::string& claim) {
        return require(ledger().holders(kind, {claim})).front();
    }
    std::uint64_t rows(Kind kind) {
        std::uint64_t count = 0;
        documents::AllDocsOptions range;
        range.start_id = first_row_id(kind);
        range.end_id = last_row_id(kind);
        const auto snapshot = require(ledger().database().snapshot());
        const auto cursor = require(snapshot->all_docs(range));
        while (require(cursor->next()) != nullptr) ++count;
        return count;
    }
    std::uint64_t documents() {
        std::uint64_t count = 0;
        const auto snapshot = require(ledger().database().snapshot());
        const auto cursor = require(snapshot->all_docs({}));
        while (const auto* view = require(cursor->next()))
            if (!view->id.starts_with("_design/")) ++count;
        return count;
    }

    Disk& disk;
    SystemClock clock;
    std::unique_ptr<Applications> applications;
    std::unique_ptr<Transfers> transfers;
    std::unique_ptr<Ledgers> ledgers;
    std::unique_ptr<Imports> imports;
    std::unique_ptr<jobs::Runner> runner;
    Application application;
    bool started = false;
};

inline const std::string two_users =
    R"([{"Email":"a@x.io","Name":"A"},{"Email":"b@x.io","Name":"B","Password":"secret",)"
    R"("AuthenticationToken":"token of b","AvatarUrl":"http://x.io/b.png",)"
    R"("CreateAt":"2017-05-10T11:46:30Z"},{"Email":"c@x.io","Name":"C"}])";
inline const std::string two_rooms =
    R"([{"UniqueId":"group","Type":"group","Name":"All","CreatorEmail":"a@x.io",)"
    R"("ParticipantEmails":["a@x.io","b@x.io","c@x.io"],"Options":"{}",)"
    R"("AvatarUrl":"https://x.io/g.png","CreatedAt":"2017-05-11T06:35:27Z"},)"
    R"({"UniqueId":"pair","Type":"single","Name":"?","CreatorEmail":"b@x.io",)"
    R"("ParticipantEmails":["b@x.io","a@x.io"]}])";

inline std::string comment(const std::string& unique_id, const std::string& more = {}) {
    return fmt::format(R"({{"UniqueId":"{}","RoomUniqueId":"group","CreatorEmail":"a@x.io",)"
                       R"("Message":"hello"{}}})",
                       unique_id, more);
}

inline std::string many_comments(std::size_t count, const std::string& prefix = "m") {
    std::string text = "[";
    for (std::size_t i = 0; i < count; ++i)
        text += (i == 0 ? "" : ",") + comment(fmt::format("{}{}", prefix, i));
    return text + "]";
}

inline void prepare(Process& process) {
    REQUIRE(process.import(Resource::users, two_users).status == Transfer::Status::finished);
    REQUIRE(process.import(Resource::rooms, two_rooms).status == Transfer::Status::finished);
}

}  // namespace davenport::chat::test
