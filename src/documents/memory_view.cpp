#include "memory_view.hpp"

#include "document_build.hpp"

#include <algorithm>
#include <charconv>

namespace davenport::documents {
namespace {

// Leaves to show, in order.
struct Item {
    std::string_view id;
    std::string revision;
    std::string sequence;
    const RevisionNode* leaf;
    const MemoryDocument* document = nullptr;  // where all its revisions are to be shown
};

Item item_of(std::string_view id, const MemoryDocument& document, const RevisionTree::Entry& leaf) {
    return {id, leaf.first.text(), std::to_string(document.sequence), &leaf.second};
}

class MemoryCursor final : public DocumentCursor {
  public:
    MemoryCursor(std::shared_ptr<const MemoryState> state, std::vector<Item> items, bool bodies)
        : state_(std::move(state)), items_(std::move(items)), bodies_(bodies) {}

    Result<const DocumentView*> next() override {
        if (at_ == items_.size()) return nullptr;
        const Item& item = items_[at_++];
        view_ = {};
        view_.id = item.id;
        view_.revision = item.revision;
        view_.sequence = item.sequence;
        view_.deleted = item.leaf->deleted;
        view_.type = item.leaf->content.type;
        if (bodies_) {
            view_.body = item.leaf->content.body;
            view_.attachments = item.leaf->content.attachments;
        }
        if (item.document != nullptr) DAVENPORT_TRY(show_revisions(item));
        return &view_;
    }

  private:
    Result<> show_revisions(const Item& item) {
        DAVENPORT_ASSIGN(leaves_,
                         build_leaves(item.document->tree, item.id, item.document->sequence, true));
        view_.history = leaves_.front().history;
        view_.other_leaves = std::span(leaves_).subspan(1);
        return {};
    }

    std::shared_ptr<const MemoryState> state_;
    std::vector<Item> items_;
    std::size_t at_ = 0;
    bool bodies_;
    DocumentView view_;
    std::vector<Document> leaves_;
};

bool in_range(std::string_view id, const AllDocsOptions& options) {
    const auto before = [&](std::string_view a, std::string_view b) {
        return options.descending ? b < a : a < b;
    };
    if (options.start_id && before(id, *options.start_id)) return false;
    if (!options.end_id) return true;
    return id == *options.end_id ? options.inclusive_end : before(id, *options.end_id);
}

class MemorySnapshot final : public Snapshot {
  public:
    MemorySnapshot(std::shared_ptr<const MemoryState> state, DatabaseInfo info)
        : state_(std::move(state)), info_(std::move(info)) {}

    const DatabaseInfo& info() const override { return info_; }
    bool exact() const override { return true; }
    std::string reached() const override { return info_.sequence; }

    Result<ChangedDocuments> changed_since(std::string_view since, Revisions revisions) override {
        const bool leaves = revisions == Revisions::leaves;
        DAVENPORT_ASSIGN(const std::uint64_t sequence, memory_sequence(since));
        if (sequence > state_->sequence)
            return fail(ErrorCode::invalid_argument,
                        "sequence {} lies after the last one of database \"{}\", {}", sequence,
                        info_.name, state_->sequence);
        std::vector<Item> items;
        for (const auto& [id, document] : state_->documents) {
            const RevisionTree::Entry& winner = *document.tree.winner();
            if (document.sequence <= sequence) continue;
            if (sequence == 0 && winner.second.deleted && !leaves) continue;
            items.push_back(item_of(id, document, winner));
            if (leaves) items.back().document = &document;
        }
        return ChangedDocuments{cursor(std::move(items), true), Order::by_id};
    }

    Result<std::unique_ptr<DocumentCursor>> all_docs(const AllDocsOptions& options) override {
        std::vector<Item> items;
        for (const auto& [id, document] : state_->documents) {
            const RevisionTree::Entry& winner = *document.tree.winner();
            if (!winner.second.deleted && in_range(id, options))
                items.push_back(item_of(id, document, winner));
        }
        if (options.descending) std::reverse(items.begin(), items.end());
        if (options.limit > 0 && items.size() > options.limit) items.resize(options.limit);
        return cursor(std::move(items), options.bodies);
    }

    Result<std::unique_ptr<DocumentCursor>> changes(const ChangesOptions& options) override {
        DAVENPORT_ASSIGN(const std::uint64_t since, memory_sequence(options.since));
        std::vector<const std::string*> ids;
        for (auto at = state_->by_sequence.upper_bound(since); at != state_->by_sequence.end();
             ++at)
            ids.push_back(&at->second);
        if (options.descending) std::reverse(ids.begin(), ids.end());
        std::vector<Item> items;
        for (const std::string* id : ids) {
            const MemoryDocument& document = state_->documents.find(*id)->second;
            for (const RevisionTree::Entry* leaf : document.tree.leaves()) {
                items.push_back(item_of(*id, document, *leaf));
                if (!options.all_leaves) break;
            }
        }
        return cursor(std::move(items), options.bodies);
    }

    Result<std::optional<std::uint64_t>> count_by_types(
        std::span<const std::string> types) override {
        std::uint64_t sum = 0;
        for (const auto& [id, document] : state_->documents) {
            const RevisionNode& winner = document.tree.winner()->second;
            if (!winner.deleted && !winner.content.type.empty())
                sum += static_cast<std::uint64_t>(
                    std::count(types.begin(), types.end(), winner.content.type));
        }
        return std::optional(sum);
    }
    Result<Document> get(std::string_view id, const ReadOptions& options) override {
        return memory_get(*state_, id, options);
    }
    Result<std::unique_ptr<ByteSource>> attachment(std::string_view id, std::string_view revision,
                                                   std::string_view name) override {
        return memory_attachment(*state_, id, revision, name);
    }

  private:
    std::unique_ptr<DocumentCursor> cursor(std::vector<Item> items, bool bodies) const {
        return std::make_unique<MemoryCursor>(state_, std::move(items), bodies);
    }

    std::shared_ptr<const MemoryState> state_;
    DatabaseInfo info_;
};

}  // namespace

DatabaseInfo memory_info(const MemoryState& state, const std::string& name,
                         const std::string& identity) {
    DatabaseInfo info;
    info.name = name;
    info.identity = identity;
    info.sequence = std::to_string(state.sequence);
    info.documents = state.visible;
    info.tombstones = state.tombstones;
    return info;
}

Result<Document> memory_get(const MemoryState& state, std::string_view id,
                            const ReadOptions& options) {
    const auto found = state.documents.find(id);
    if (found == state.documents.end()) return no_document(id, "missing");
    const RevisionTree& tree = found->second.tree;
    DAVENPORT_ASSIGN(const RevisionTree::Entry* leaf, pick_leaf(tree, id, options.revision));
    DAVENPORT_ASSIGN(Document document, build_document(id, found->second.sequence, *leaf));
    if (options.history) add_history(tree, leaf->first, document);
    if (options.conflicts) add_conflicts(tree, leaf->first, document);
    return document;
}

Result<std::unique_ptr<ByteSource>> memory_attachment(const MemoryState& state, std::string_view id,
                                                      std::string_view revision,
                                                      std::string_view name) {
    ReadOptions options;
    options.revision = revision;
    DAVENPORT_ASSIGN(const Document document, memory_get(state, id, options));
    for (const AttachmentStub& stub : document.attachments)
        if (stub.name == name) return source_of(*state.blobs.find(stub.digest)->second);
    return fail(Error{ErrorCode::not_found,
                      fmt::format("document \"{}\" has no attachment of that name", id),
                      "missing"});
}

std::unique_ptr<Snapshot> memory_snapshot(std::shared_ptr<const MemoryState> state,
                                          DatabaseInfo info) {
    return std::make_unique<MemorySnapshot>(std::move(state), std::move(info));
}

Result<std::uint64_t> memory_sequence(std::string_view text) {
    if (text.empty()) return std::uint64_t{0};
    std::uint64_t sequence = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, sequence);
    if (error != std::errc{} || rest != end)
        return fail(ErrorCode::invalid_argument, "the given sequence is none of this database's");
    return sequence;
}

}  // namespace davenport::documents
