#include "davenport/chat/imports.hpp"

#include "davenport/base/random.hpp"
#include "import_run.hpp"

#include <algorithm>
#include <optional>

namespace davenport::chat {
namespace {

constexpr std::uint64_t per_page = 20;
// A file is committed just before its job is made.
constexpr std::int64_t oldest_unaccepted_ms = 3'600'000;

std::string blob_name(std::string_view id) {
    return fmt::format("{}.json", id);
}

// The last part of a path of whatever system, fit to be shown.
std::string shown_name(std::string_view path) {
    std::string name;
    for (const char c : path.substr(path.find_last_of("/\\") + 1))
        if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) name.push_back(c);
    std::size_t end = std::min(name.size(), max_import_file_name_bytes);
    while (end < name.size() && end > 0 && (static_cast<unsigned char>(name[end]) & 0xc0) == 0x80)
        --end;
    name.resize(end);
    return name.empty() ? "import.json" : name;
}

json::string_view view(std::string_view text) {
    return {text.data(), text.size()};
}

// The job comes first, so that a crash in between leaves work that ends: it holds what its record
// is made of.
json::object parameters_of(const Application& application, const Transfer& transfer) {
    return {{"app", application.id},
            {"app_created_ms", application.created_ms},
            {"resource", view(to_text(transfer.resource))},
            {"original_filename", transfer.original_filename},
            {"created_at", transfer.created_at},
            {"created_ms", transfer.created_ms},
            {"size", transfer.size}};
}

Result<Transfer> transfer_of(const jobs::Job& job) {
    Transfer transfer;
    transfer.direction = Direction::in;
    transfer.id = job.id;
    transfer.application = text_or(job.parameters, "app");
    DAVENPORT_ASSIGN(transfer.resource, parse_resource(text_or(job.parameters, "resource")));
    transfer.original_filename = text_or(job.parameters, "original_filename");
    transfer.created_at = text_or(job.parameters, "created_at");
    transfer.created_ms = integer_member(job.parameters, "created_ms").value_or(0);
    transfer.size = static_cast<std::uint64_t>(integer_member(job.parameters, "size").value_or(0));
    return transfer;
}

json::object to_details(const Ledger::Writing& writing) {
    return {{"first", writing.first}, {"count", writing.count}, {"mark", writing.mark}};
}

// What an attempt has noted before it wrote.
std::optional<Ledger::Writing> writing_of(const Transfer& transfer) {
    const auto first = integer_member(transfer.details, "first");
    const auto count = integer_member(transfer.details, "count");
    const std::string mark = text_or(transfer.details, "mark");
    if (!first || !count || mark.empty()) return std::nullopt;
    return Ledger::Writing{kind_of(transfer.resource), static_cast<std::uint64_t>(*first),
                           static_cast<std::uint64_t>(*count), mark};
}

void set_finished(Transfer& transfer, std::uint64_t rows) {
    transfer.status = Transfer::Status::finished;
    transfer.percentage = 100;
    transfer.rows = rows;
    transfer.details = {};
}

void set_failed(Transfer& transfer, std::string_view why, json::array faults = {}) {
    transfer.status = Transfer::Status::failed;
    transfer.error = why;
    transfer.details = {{"faults", std::move(faults)}};
}

// True when the writing is whole; else nothing is left of it.
Result<bool> settle(Ledger& ledger, const Ledger::Writing& writing) {
    DAVENPORT_ASSIGN(const std::uint64_t created, ledger.count_created(writing));
    if (created == writing.count) return true;
    DAVENPORT_TRY(ledger.undo(writing));
    return false;
}

}  // namespace

jobs::Kind Imports::behaviour() {
    return {[this](jobs::Context& context) { return run(context); },
            [this](const jobs::Job& job) { return ended(job); }};
}

Result<Transfer> Imports::start(const Application& application, Resource resource,
                                std::string_view file_name, blobs::BlobWriter& file) {
    Transfer transfer;
    transfer.direction = Direction::in;
    transfer.id = random_uuid();
    transfer.application = application.id;
    transfer.resource = resource;
    transfer.original_filename = shown_name(file_name);
    transfer.created_ms = clock_.now_ms();
    transfer.created_at = zone_.to_rfc3339(transfer.created_ms);
    transfer.size = file.size();
    DAVENPORT_TRY(file.commit(blob_name(transfer.id)));

    jobs::Runner::Submission submission;
    submission.id = transfer.id;
    submission.kind = job_kind;
    submission.parameters = parameters_of(application, transfer);
    const auto job = runner_.submit(std::move(submission));
    if (!job) {
        const auto known = runner_.get(transfer.id);
        if (known) {  // it was taken, and the answer that said so was lost
            static_cast<void>(record_of(*known));
            return transfer;
        }
        if (known.error().code == ErrorCode::not_found)
            DAVENPORT_TRY(files_.remove(blob_name(transfer.id)));
        return fail(job.error());
    }
    // It is accepted now; if its record can't be made here, the job makes it.
    static_cast<void>(record_of(*job));
    return transfer;
}

Result<Transfer> Imports::get(const Application& application, std::string_view id) {
    return transfers_.get(Direction::in, application.id, id);
}

Result<std::vector<Transfer>> Imports::list(const Application& application, std::uint64_t page) {
    return transfers_.list(Direction::in, application.id, page, per_page);
}

Result<> Imports::remove_all(const Application& application) {
    while (true) {
        DAVENPORT_ASSIGN(const auto some,
                         transfers_.list(Direction::in, application.id, 1, per_page));
        if (some.empty()) return {};
        for (const Transfer& transfer : some) {
            auto removed = transfers_.remove(transfer);
            if (!removed && removed.error().code != ErrorCode::not_found) return removed;
        }
    }
}

// not_found also when the name is another application's by now.
Result<Application> Imports::application_of(const jobs::Job& job) {
    const std::string id = text_or(job.parameters, "app");
    DAVENPORT_ASSIGN(Application application, applications_.get(id));
    if (application.created_ms == integer_member(job.parameters, "app_created_ms"))
        return application;
    return fail(ErrorCode::not_found, "the application \"{}\" was deleted", id);
}

Result<Transfer> Imports::record_of(const jobs::Job& job) {
    DAVENPORT_ASSIGN(Transfer transfer, transfer_of(job));
    auto known = transfers_.get(Direction::in, transfer.application, transfer.id);
    if (known || known.error().code != ErrorCode::not_found) return known;
    const auto created = transfers_.create(transfer);
    if (!created && created.error().code != ErrorCode::conflict) return fail(created.error());
    return transfers_.get(Direction::in, transfer.application, transfer.id);
}

Result<std::string> Imports::text_of(std::string_view id) const {
    const auto file = files_.open(blob_name(id));
    if (!file && file.error().code == ErrorCode::not_found)
        return fail(ErrorCode::not_found,
                    "the file is not in the data directory of the instance that took this import "
                    "over from another one; import it again");
    if (!file) return fail(file.error());
    std::string text;
    DAVENPORT_TRY((*file)->read(0, static_cast<std::size_t>((*file)->size()), text));
    return text;
}

Result<json::object> Imports::run(jobs::Context& context) {
    DAVENPORT_ASSIGN(const Application application, application_of(context.job()));
    DAVENPORT_ASSIGN(Transfer transfer, record_of(context.job()));
    // An attempt before this one came to its end, and no further.
    if (transfer.status != Transfer::Status::started) return json::object();
    DAVENPORT_ASSIGN(const auto ledger, ledgers_.probed(application));
    const auto finish = [&](std::uint64_t rows) -> Result<json::object> {
        set_finished(transfer, rows);
        DAVENPORT_TRY(transfers_.finish(transfer));
        return json::object{{"rows", rows}};
    };
    const auto former = writing_of(transfer);
    if (former) {
        DAVENPORT_ASSIGN(const bool whole, settle(*ledger, *former));
        if (whole) return finish(former->count);
    }

    json::array rows;
    {
        DAVENPORT_ASSIGN(const std::string text, text_of(transfer.id));
        auto parsed = parse_json(text);
        if (!parsed) return fail(std::move(parsed).error());
        if (!parsed->is_array())
            return fail(ErrorCode::invalid_argument, "the file must hold a list of objects, not {}",
                        name_of_type(*parsed));
        rows = std::move(parsed->get_array());
    }
    ImportRun import(transfer.resource, rows, *ledger, clock_);
    if (former) import.set_former(*former);
    const auto report = [&](std::uint64_t done, std::uint64_t total) -> Result<> {
        jobs::Progress progress;
        progress.done = done;
        progress.total = total;
        context.report(std::move(progress));
        if (context.stopping()) return fail(ErrorCode::cancelled, "the import was interrupted");
        return {};
    };
    const auto note = [&](const Ledger::Writing& writing) -> Result<> {
        transfer.details = to_details(writing);
        return transfers_.note(transfer);
    };
    const auto written = import.run(report, note);
    if (written) return finish(*written);
    if (!import.faults().none()) {
        set_failed(transfer, import.faults().message(), import.faults().to_json());
        DAVENPORT_TRY(transfers_.finish(transfer));
    }
    return fail(written.error());
}

// Whatever became of the job: the import has ended, its rows are there all or none, and its file is
// not needed any more.
Result<> Imports::ended(const jobs::Job& job) {
    const auto application = application_of(job);
    if (!application && application.error().code != ErrorCode::not_found)
        return fail(application.error());
    if (application) {
        DAVENPORT_ASSIGN(Transfer transfer, record_of(job));
        if (transfer.status == Transfer::Status::started) {
            bool whole = false;
            const auto writing = writing_of(transfer);
            if (writing) {
                const auto ledger = ledgers_.probed(*application);
                if (!ledger && !is_gone(ledger.error())) return fail(ledger.error());
                if (ledger) {
                    DAVENPORT_ASSIGN(whole, settle(**ledger, *writing));
                }
            }
            if (whole)
                set_finished(transfer, writing->count);
            else
                set_failed(transfer, job.error.message);
            auto finished = transfers_.finish(transfer);
            if (!finished && finished.error().code != ErrorCode::not_found) return finished;
        }
    }
    return files_.remove(blob_name(job.id));
}

Result<> Imports::sweep() {
    DAVENPORT_ASSIGN(const auto files, files_.list(""));
    for (const blobs::BlobInfo& file : files) {
        const auto job = runner_.get(std::string_view(file.name).substr(0, file.name.find('.')));
        if (!job && job.error().code != ErrorCode::not_found) return fail(job.error());
        const bool young = clock_.now_ms() - file.modified_ms < oldest_unaccepted_ms;
        if (job ? job->ended() : !young) DAVENPORT_TRY(files_.remove(file.name));
    }
    DAVENPORT_TRY(files_.sweep(24 * 3600));
    return {};
}

}  // namespace davenport::chat
