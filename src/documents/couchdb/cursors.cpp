#include "cursors.hpp"

#include "reads.hpp"

namespace davenport::documents::couchdb {
namespace {

constexpr std::uint64_t few_rows = 500;
constexpr int enough_passes = 8;
constexpr int max_passes = 200;

ChangesOptions since_options(std::string since) {
    ChangesOptions options;
    options.since = std::move(since);
    return options;
}

}  // namespace

const DocumentView* RowViews::show(const FoundDocument& found, std::string_view sequence) {
    const Document& document = found.document;
    view_ = {};
    view_.id = document.id;
    view_.revision = document.revision;
    view_.deleted = document.deleted;
    view_.sequence = sequence;
    view_.type = found.type;
    if (!bodies_) return &view_;
    view_.body = document.body;
    if (!document.attachments.empty()) {
        attachments_ = to_stub_text(document.attachments);
        view_.attachments = attachments_;
    }
    return &view_;
}

Result<const DocumentView*> RowViews::show(const Row& row, Progress& progress) {
    if (row.has_document) {
        if (row.found.document.id != row.id)
            return fail(ErrorCode::corrupt, "the row of document \"{}\" holds \"{}\"", row.id,
                        row.found.document.id);
        return show(row.found, row.sequence);
    }
    if (!bodies_ || row.deleted) {
        view_ = {};
        view_.id = row.id;
        view_.revision = row.revision;
        view_.deleted = row.deleted;
        view_.sequence = row.sequence;
        if (bodies_) view_.body = "{}";
        return &view_;
    }
    progress.read_singly = true;
    auto found = read_document(place_, row.id, {});
    if (!found && found.error().code == ErrorCode::not_found && found.error().detail == "deleted")
        return nullptr;
    if (!found) {
        Error error = std::move(found).error();
        error.message =
            fmt::format("document \"{}\" is listed and can't be read: {}", row.id, error.message);
        return fail(std::move(error));
    }
    found_ = std::move(*found);
    return show(found_, row.sequence);
}

AllDocsCursor::AllDocsCursor(const Place& place, const AllDocsOptions& options,
                             std::shared_ptr<Progress> progress)
    : pages_(place, options), views_(place, options.bodies), progress_(std::move(progress)) {}

Result<const DocumentView*> AllDocsCursor::next() {
    while (true) {
        DAVENPORT_ASSIGN(const Row* row, pages_.next());
        if (row == nullptr) return nullptr;
        DAVENPORT_ASSIGN(const DocumentView* view, views_.show(*row, *progress_));
        if (view != nullptr && !view->deleted) return view;
    }
}

ChangesCursor::ChangesCursor(const Place& place, const ChangesOptions& options,
                             std::shared_ptr<Progress> progress)
    : place_(place),
      feed_(place, options),
      views_(place, options.bodies),
      progress_(std::move(progress)) {}

Result<const DocumentView*> ChangesCursor::next() {
    while (true) {
        if (!leaves_.empty()) {
            leaf_ = std::move(leaves_.front());
            leaves_.pop_front();
            return views_.show(leaf_, leaf_sequence_);
        }
        DAVENPORT_ASSIGN(const Row* row, feed_.next());
        if (row == nullptr) {
            progress_->reached = feed_.reached();
            return nullptr;
        }
        if (row->leaves.size() > 1) {
            DAVENPORT_ASSIGN(auto leaves, read_leaves(place_, row->id, false));
            leaves_.assign(std::make_move_iterator(leaves.begin()),
                           std::make_move_iterator(leaves.end()));
            leaf_sequence_ = row->sequence;
            continue;
        }
        DAVENPORT_ASSIGN(const DocumentView* view, views_.show(*row, *progress_));
        if (view != nullptr) return view;
    }
}

Passes::Passes(std::string database, std::string since, std::shared_ptr<Progress> progress,
               std::function<Result<>()> settle)
    : database_(std::move(database)),
      since_(std::move(since)),
      progress_(std::move(progress)),
      settle_(std::move(settle)) {}

void Passes::begin() {
    progress_->read_singly = false;
    rows_ = 0;
    ++passes_;
}

Result<bool> Passes::end(std::string reached) {
    since_ = progress_->reached = std::move(reached);
    if (progress_->read_singly) {
        if (passes_ == max_passes)
            return fail(ErrorCode::unavailable,
                        "database \"{}\" changes faster than it can be read", database_);
        return false;
    }
    if (rows_ > few_rows && passes_ < enough_passes) return false;
    DAVENPORT_TRY(settle_());
    return true;
}

CatchUpCursor::CatchUpCursor(const Place& place, std::string since,
                             std::shared_ptr<Progress> progress, std::function<Result<>()> settle)
    : place_(place),
      views_(place, true),
      progress_(progress),
      passes_(place.name, std::move(since), std::move(progress), std::move(settle)) {}

Result<> CatchUpCursor::open() {
    passes_.begin();
    feed_.emplace(place_, since_options(passes_.since()));
    return feed_->open();
}

Result<const DocumentView*> CatchUpCursor::next() {
    while (!ended_) {
        if (!feed_) DAVENPORT_TRY(open());
        DAVENPORT_ASSIGN(const Row* row, feed_->next());
        if (row != nullptr) {
            passes_.count_row();
            DAVENPORT_ASSIGN(const DocumentView* view, views_.show(*row, *progress_));
            // A document that went away just now comes again, as deleted, in the next pass.
            if (view != nullptr) return view;
            continue;
        }
        std::string reached = feed_->reached();
        feed_.reset();
        DAVENPORT_ASSIGN(ended_, passes_.end(std::move(reached)));
    }
    return nullptr;
}

}  // namespace davenport::documents::couchdb
