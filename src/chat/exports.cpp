#include "davenport/chat/exports.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "export_rows.hpp"
#include "ledger.hpp"

#include <charconv>

namespace davenport::chat {
namespace {

constexpr std::string_view folder_prefix = "app-";  // no id is a name that blobs can't have
constexpr std::uint64_t per_page = 20;
constexpr std::size_t piece_bytes = 256 * 1024;
constexpr std::uint64_t rows_a_report = 1'000;
constexpr std::int64_t orphan_ms = 10'000;

std::string name_of(std::string_view application, std::string_view id) {
    return fmt::format("{}{}/{}.json", folder_prefix, application, id);
}

Error named(std::string_view parameter, const Error& error) {
    return {error.code, fmt::format("{}: {}", parameter, error.message), {}};
}

struct Period {
    std::int64_t begin = INT64_MIN, end = INT64_MAX;  // Unix seconds; the end is not in it
};

// The dates of a request as instants.
Result<Period> period_of(const ExportRequest& request, const ExportOptions& options,
                         std::int64_t now_ms) {
    TimeZone::Date last = options.zone.date_of(now_ms);
    if (request.end_date) {
        const auto date = TimeZone::parse_date(*request.end_date);
        if (!date) return fail(named("end_date", date.error()));
        last = *date;
    }
    Period period;
    period.end = options.zone.begin_ms(TimeZone::add_days(last, 1)) / 1000;
    if (!request.start_date) {
        if (options.max_days == 0) return period;
        const auto first = TimeZone::add_days(last, 1 - static_cast<int>(options.max_days));
        period.begin = options.zone.begin_ms(first) / 1000;
        return period;
    }
    const auto first = TimeZone::parse_date(*request.start_date);
    if (!first) return fail(named("start_date", first.error()));
    const std::int64_t days = TimeZone::days_between(*first, last) + 1;
    if (days < 1) return fail(ErrorCode::invalid_argument, "end_date: it is before start_date");
    if (options.max_days != 0 && days > options.max_days)
        return fail(ErrorCode::invalid_argument,
                    "start_date: from there to the end are {} days; at most {} are exported at "
                    "once",
                    days, options.max_days);
    period.begin = options.zone.begin_ms(*first) / 1000;
    return period;
}

std::string link_signature(const Application& application, std::string_view id,
                           std::string_view expires) {
    return to_hex(
        as_bytes(hmac_sha256(application.token_key, fmt::format("download {} {}", id, expires))));
}

}  // namespace

std::uint64_t Exports::max_rows(Resource resource) const {
    switch (resource) {
        case Resource::users:
            return options_.max_users;
        case Resource::rooms:
            return options_.max_rooms;
        case Resource::comments:
            break;
    }
    return options_.max_comments;
}

jobs::Kind Exports::behaviour() {
    return {[this](jobs::Context& context) { return run(context); },
            [this](const jobs::Job& job) { return ended(job); }};
}

Result<> Exports::check(const ExportRequest& request) const {
    DAVENPORT_TRY(period_of(request, options_, clock_.now_ms()));
    return {};
}

Result<Transfer> Exports::start(const Application& application, const ExportRequest& request,
                                const std::string& id) {
    const std::int64_t now_ms = clock_.now_ms();
    DAVENPORT_ASSIGN(const Period period, period_of(request, options_, now_ms));
    Transfer transfer;
    transfer.direction = Direction::out;
    transfer.id = id;
    transfer.application = application.id;
    transfer.resource = request.resource;
    transfer.created_ms = now_ms;
    transfer.created_at = options_.zone.to_rfc3339(now_ms);
    transfer.original_filename =
        fmt::format("{}_exported_{}.json", transfer.created_at, to_text(request.resource));
    transfer.details = {{"begin", period.begin}, {"end", period.end}};
    const auto created = transfers_.create(transfer);
    // Known already: a start that is repeated, and may have ended before it had a job.
    if (!created && created.error().code == ErrorCode::conflict) {
        DAVENPORT_ASSIGN(transfer, transfers_.get(Direction::out, application.id, id));
        if (transfer.status != Transfer::Status::started) return transfer;
    } else if (!created) {
        return fail(created.error());
    }
    const auto job = submit(transfer);
    if (!job && job.error().code != ErrorCode::already_exists) {
        transfer.status = Transfer::Status::failed;
        transfer.error = job.error().message;
        DAVENPORT_TRY(transfers_.finish(transfer));
        return fail(job.error());
    }
    return transfer;
}

Result<jobs::Job> Exports::submit(const Transfer& transfer) {
    jobs::Runner::Submission submission;
    submission.id = transfer.id;
    submission.kind = job_kind;
    submission.parameters = {{"app", transfer.application}};
    return runner_.submit(std::move(submission));
}

void Exports::show_progress(Transfer& transfer) {
    if (transfer.status != Transfer::Status::started) return;
    const auto job = runner_.get(transfer.id);
    // A crash came between the record and its job.
    if (!job && job.error().code == ErrorCode::not_found &&
        clock_.now_ms() - transfer.created_ms > orphan_ms)
        static_cast<void>(submit(transfer));  // if it fails, who looks next tries again
    if (!job || job->progress.total == 0) return;
    transfer.percentage = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(99, job->progress.done * 100 / job->progress.total));
}

Result<Transfer> Exports::get(const Application& application, std::string_view id) {
    DAVENPORT_ASSIGN(Transfer transfer, transfers_.get(Direction::out, application.id, id));
    show_progress(transfer);
    return transfer;
}

Result<std::vector<Transfer>> Exports::list(const Application& application, std::uint64_t page) {
    DAVENPORT_ASSIGN(auto transfers,
                     transfers_.list(Direction::out, application.id, page, per_page));
    for (Transfer& transfer : transfers) show_progress(transfer);
    return transfers;
}

Result<Transfer> Exports::remove(const Application& application, std::string_view id) {
    DAVENPORT_ASSIGN(Transfer transfer, get(application, id));
    // The record first: a job that runs finds it gone and ends without leaving a file.
    DAVENPORT_TRY(transfers_.remove(transfer));
    DAVENPORT_TRY(files_.remove(name_of(application.id, transfer.id)));
    return transfer;
}

Result<> Exports::remove_all(const Application& application) {
    while (true) {
        DAVENPORT_ASSIGN(const auto some,
                         transfers_.list(Direction::out, application.id, 1, per_page));
        if (some.empty()) return {};
        for (const Transfer& transfer : some) {
            const auto removed = remove(application, transfer.id);
            if (!removed && removed.error().code != ErrorCode::not_found)
                return fail(removed.error());
        }
    }
}

Result<> Exports::write_rows(jobs::Context& context, const Transfer& transfer, Ledger& ledger,
                             blobs::BlobWriter& file, std::uint64_t& rows) {
    const Kind kind = kind_of(transfer.resource);
    const std::int64_t begin = integer_member(transfer.details, "begin").value_or(INT64_MIN);
    const std::int64_t end = integer_member(transfer.details, "end").value_or(INT64_MAX);
    const std::uint64_t limit = max_rows(transfer.resource);
    jobs::Progress progress;
    DAVENPORT_ASSIGN(progress.total, ledger.last_number(kind));
    documents::AllDocsOptions range;
    range.start_id = first_row_id(kind);
    range.end_id = last_row_id(kind);
    DAVENPORT_ASSIGN(const auto snapshot, ledger.database().snapshot());
    DAVENPORT_ASSIGN(const auto cursor, snapshot->all_docs(range));
    std::string text = "[";
    for (std::uint64_t read = 1;; ++read) {
        DAVENPORT_ASSIGN(const documents::DocumentView* view, cursor->next());
        if (view == nullptr) break;
        const std::size_t before = text.size();
        text += rows == 0 ? "\n" : ",\n";
        const auto created = append_export(text, kind, view->body);
        if (!created)
            return fail(ErrorCode::corrupt, "{} can't be exported: {}", view->id,
                        created.error().message);
        const bool wanted = *created >= begin && *created < end;
        // Over the limit rows are only counted, so that the error can say how many there are.
        if (!wanted || (limit != 0 && rows >= limit)) text.resize(before);
        if (wanted) ++rows;
        if (text.size() >= piece_bytes) {
            DAVENPORT_TRY(file.append(text));
            text.clear();
        }
        if (read % rows_a_report != 0) continue;
        progress.done = number_of(view->id);
        progress.bytes = file.size();
        context.report(progress);
        if (context.stopping()) return fail(ErrorCode::cancelled, "the export was interrupted");
        DAVENPORT_TRY(transfers_.get(Direction::out, transfer.application, transfer.id));
    }
    if (limit != 0 && rows > limit)
        return fail(ErrorCode::too_large,
                    "there are {} {} in these days, more than the limit of {} for one export "
                    "(chat.max_export_{})",
                    rows, to_text(transfer.resource), limit, to_text(transfer.resource));
    text += rows == 0 ? "]\n" : "\n]\n";
    return file.append(text);
}

Result<json::object> Exports::run(jobs::Context& context) {
    const std::string app = text_or(context.job().parameters, "app");
    const auto transfer = transfers_.get(Direction::out, app, context.job().id);
    if (!transfer) return fail(transfer.error());
    DAVENPORT_ASSIGN(const Application application, applications_.get(app));
    DAVENPORT_ASSIGN(const auto ledger, ledgers_.probed(application));
    DAVENPORT_ASSIGN(const auto file, files_.create());
    std::uint64_t rows = 0;
    DAVENPORT_TRY(write_rows(context, *transfer, *ledger, *file, rows));
    // Of an attempt that a crash ended before it was noted.
    const std::string name = name_of(app, transfer->id);
    DAVENPORT_TRY(files_.remove(name));
    const std::uint64_t size = file->size();
    DAVENPORT_TRY(file->commit(name));
    return json::object{{"rows", rows}, {"size", size}};
}

Result<> Exports::ended(const jobs::Job& job) {
    const std::string app = text_or(job.parameters, "app");
    auto transfer = transfers_.get(Direction::out, app, job.id);
    if (!transfer && transfer.error().code == ErrorCode::not_found)
        return files_.remove(name_of(app, job.id));
    if (!transfer) return fail(transfer.error());
    if (job.state == jobs::State::succeeded) {
        transfer->status = Transfer::Status::finished;
        transfer->percentage = 100;
        transfer->rows = static_cast<std::uint64_t>(integer_member(job.result, "rows").value_or(0));
        transfer->size = static_cast<std::uint64_t>(integer_member(job.result, "size").value_or(0));
    } else {
        transfer->status = Transfer::Status::failed;
        transfer->error = job.error.message;
        show_progress(*transfer);
        DAVENPORT_TRY(files_.remove(name_of(app, job.id)));
    }
    auto finished = transfers_.finish(*transfer);
    if (!finished && finished.error().code != ErrorCode::not_found) return finished;
    const auto stands = transfers_.get(Direction::out, app, job.id);
    if (!stands && stands.error().code != ErrorCode::not_found) return fail(stands.error());
    if (stands && stands->status == Transfer::Status::finished) return {};
    return files_.remove(name_of(app, job.id));
}

std::string Exports::sign(const Application& application, const Transfer& transfer) const {
    const std::string expires =
        std::to_string(clock_.now_ms() / 1000 + options_.link_lifetime_secs);
    return fmt::format("app={}&expires={}&signature={}", application.id, expires,
                       link_signature(application, transfer.id, expires));
}

Result<Exports::File> Exports::file_of_link(std::string_view id, std::string_view application,
                                            std::string_view expires, std::string_view signature) {
    const auto refused = [] {
        return fail(ErrorCode::forbidden,
                    "the download link is altered or has expired; ask for the export again");
    };
    std::int64_t until = 0;
    const auto [end, error] =
        std::from_chars(expires.data(), expires.data() + expires.size(), until);
    if (error != std::errc{} || end != expires.data() + expires.size()) return refused();
    const auto known = applications_.get(application);
    if (!known && known.error().code != ErrorCode::not_found) return fail(known.error());
    if (!known || !equal_in_constant_time(signature, link_signature(*known, id, expires)))
        return refused();
    if (clock_.now_ms() / 1000 >= until) return refused();
    DAVENPORT_ASSIGN(const Transfer transfer, transfers_.get(Direction::out, known->id, id));
    if (transfer.status != Transfer::Status::finished)
        return fail(ErrorCode::not_found, "the export has no file");
    auto content = files_.open(name_of(known->id, id));
    if (!content && content.error().code == ErrorCode::not_found)
        return fail(ErrorCode::not_found,
                    "the file of this export is not in this instance's data directory");
    if (!content) return fail(content.error());
    return File{std::move(*content), transfer.original_filename};
}

Result<> Exports::sweep() {
    DAVENPORT_ASSIGN(const auto files, files_.list(""));
    for (const blobs::BlobInfo& file : files) {
        const std::size_t slash = file.name.find('/');
        if (slash == std::string::npos || !file.name.starts_with(folder_prefix) ||
            !file.name.ends_with(".json"))
            continue;
        const std::string_view name = file.name;
        const auto transfer = transfers_.get(
            Direction::out, name.substr(folder_prefix.size(), slash - folder_prefix.size()),
            name.substr(slash + 1, name.size() - slash - 6));
        if (transfer) continue;
        if (transfer.error().code != ErrorCode::not_found) return fail(transfer.error());
        DAVENPORT_TRY(files_.remove(file.name));
    }
    DAVENPORT_TRY(files_.sweep(24 * 3600));
    return {};
}

}  // namespace davenport::chat
