#include "reads.hpp"

#include "documents/document_build.hpp"

#include <algorithm>

namespace davenport::documents::couchdb {
namespace {

// Only ids that a document can have are worth asking for.
bool can_exist(std::string_view id) {
    return check_document_id(id).has_value() && !id.starts_with("_local/");
}

Error about(std::string_view id, Error error) {
    error.message = fmt::format("document \"{}\": {}", id, error.message);
    return error;
}

bool wins(const Document& a, const Document& b) {
    if (a.deleted != b.deleted) return b.deleted;
    const auto left = RevisionId::parse(a.revision);
    const auto right = RevisionId::parse(b.revision);
    return left && right && *left > *right;
}

// The bytes of an attachment as they come. Another answer for the same revision holds the same
// bytes, so one that broke off is asked for again and read up to where it broke.
class AttachmentSource final : public ByteSource {
  public:
    AttachmentSource(Place place, std::string path, bool resumable)
        : place_(std::move(place)), path_(std::move(path)), resumable_(resumable) {}

    Result<> open(std::string_view id) {
        Request request = get_request(path_);
        request.accept = "*/*";
        DAVENPORT_ASSIGN(
            exchange_, open_answer(place_.client(), std::move(request), [&](const Answer& answer) {
                return document_error(answer, place_, id);
            }));
        return {};
    }

    Result<std::size_t> read(std::span<char> buffer) override {
        while (true) {
            auto count = exchange_->read(buffer);
            if (count) {
                if (*count > 0) patience_.progress();
                read_ += *count;
                return count;
            }
            do {
                if (!resumable_ || !worth_resuming(count.error()) || !patience_.wait())
                    return count;
            } while (!reopen());
        }
    }

  private:
    bool reopen() {
        if (!open("")) return false;
        std::vector<char> buffer(64 * 1024);
        for (std::uint64_t left = read_; left > 0;) {
            const std::size_t wanted = std::min<std::uint64_t>(left, buffer.size());
            const auto count = exchange_->read({buffer.data(), wanted});
            if (!count || *count == 0) return false;
            left -= *count;
        }
        return true;
    }

    const Place place_;
    const std::string path_;
    const bool resumable_;
    std::unique_ptr<Exchange> exchange_;
    std::uint64_t read_ = 0;
    Patience patience_;
};

// `which`: "all", or a JSON array of revisions. Those that are not there are left out.
Result<std::vector<FoundDocument>> ask_leaves(const Place& place, std::string_view id,
                                              std::string_view which, bool history) {
    PathQuery path(document_path(place.path, id));
    path.add("open_revs", which);
    if (which != "all") path.add("latest", "true");
    if (history) path.add("revs", "true");
    DAVENPORT_ASSIGN(auto exchange, open_answer(place.client(), get_request(path.take()),
                                                [&](const Answer& answer) {
                                                    return document_error(answer, place, id);
                                                }));
    JsonRows rows(std::move(exchange), "", place.server->max_document_bytes());
    DocumentReader reader;
    std::vector<FoundDocument> leaves;
    while (true) {
        DAVENPORT_ASSIGN(const auto text, rows.next());
        if (!text) break;
        auto leaf = reader.read_leaf(*text);
        if (!leaf) return fail(about(id, std::move(leaf).error()));
        if (*leaf) leaves.push_back(std::move(**leaf));
    }
    return leaves;
}

}  // namespace

Result<std::vector<FoundDocument>> read_leaves(const Place& place, std::string_view id,
                                               bool history) {
    if (!can_exist(id)) return no_document(id, "missing");
    DAVENPORT_ASSIGN(auto leaves, ask_leaves(place, id, "all", history));
    if (leaves.empty()) return no_document(id, "missing");
    sort_leaves(leaves);
    return leaves;
}

void sort_leaves(std::vector<FoundDocument>& leaves) {
    std::sort(leaves.begin(), leaves.end(),
              [](const auto& a, const auto& b) { return wins(a.document, b.document); });
}

Result<FoundDocument> read_document(const Place& place, std::string_view id,
                                    const ReadOptions& options) {
    if (!can_exist(id)) return no_document(id, "missing");
    if (!options.revision.empty()) DAVENPORT_TRY(RevisionId::parse(options.revision));
    if (!options.revision.empty() && !options.conflicts) {
        // Asked for as the latest, so that a revision that has successors is told from a leaf.
        DAVENPORT_ASSIGN(auto leaves,
                         ask_leaves(place, id, "[\"" + options.revision + "\"]", options.history));
        for (FoundDocument& leaf : leaves)
            if (leaf.document.revision == options.revision) return std::move(leaf);
        return no_document(id, "missing");
    }
    if (options.conflicts) {
        // Not every server lists deleted conflicts beside a document.
        DAVENPORT_ASSIGN(auto leaves, read_leaves(place, id, options.history));
        const auto picked = options.revision.empty()
                                ? leaves.begin()
                                : std::find_if(leaves.begin(), leaves.end(), [&](const auto& leaf) {
                                      return leaf.document.revision == options.revision;
                                  });
        if (picked == leaves.end()) return no_document(id, "missing");
        if (options.revision.empty() && picked->document.deleted) return no_document(id, "deleted");
        FoundDocument found = std::move(*picked);
        for (auto leaf = leaves.begin(); leaf != leaves.end(); ++leaf) {
            if (leaf == picked) continue;
            auto& list = leaf->document.deleted ? found.document.deleted_conflicts
                                                : found.document.conflicts;
            list.push_back(leaf->document.revision);
        }
        return found;
    }

    PathQuery path(document_path(place.path, id));
    if (options.history) path.add("revs", "true");
    DAVENPORT_ASSIGN(const Answer answer, place.client().send(get_request(path.take()),
                                                              place.server->max_document_bytes()));
    if (answer.head.status != 200) return fail(document_error(answer, place, id));
    auto found = DocumentReader().read_document(answer.body);
    if (!found) return fail(about(id, std::move(found).error()));
    return found;
}

Result<std::unique_ptr<ByteSource>> read_attachment(const Place& place, std::string_view id,
                                                    std::string_view revision,
                                                    std::string_view name) {
    if (!can_exist(id) || name.empty()) return no_document(id, "missing");
    if (!revision.empty()) DAVENPORT_TRY(RevisionId::parse(revision));
    PathQuery path(attachment_path(document_path(place.path, id), name));
    if (!revision.empty()) path.add("rev", revision);
    auto source = std::make_unique<AttachmentSource>(place, path.take(), !revision.empty());
    DAVENPORT_TRY(source->open(id));
    return std::unique_ptr<ByteSource>(std::move(source));
}

Result<MissingRevisions> read_missing(const Place& place,
                                      const std::vector<AskedRevisions>& asked) {
    std::string body = "{";
    for (const AskedRevisions& one : asked) {
        if (body.size() > 1) body.push_back(',');
        append_quoted(body, one.id);
        body += ":[";
        for (const std::string& revision : one.revisions) {
            if (body.back() != '[') body.push_back(',');
            append_quoted(body, revision);
        }
        body.push_back(']');
    }
    body.push_back('}');
    Request request = post_request(place.path + "/_revs_diff", std::move(body));
    DAVENPORT_ASSIGN(const Answer answer, place.client().send(std::move(request)));
    if (answer.head.status != 200) return fail(database_error(answer, place, "the revisions"));
    DAVENPORT_ASSIGN(const json::object object, parse_json_object(answer.body));
    MissingRevisions missing;
    for (const auto& [id, value] : object) {
        const json::object* entry = value.if_object();
        const json::array* list = entry ? array_member(*entry, "missing") : nullptr;
        if (list == nullptr) return fail(ErrorCode::corrupt, "the answer about revisions is wrong");
        for (const json::value& revision : *list)
            if (revision.is_string())
                missing.emplace(std::string(id), std::string(revision.as_string()));
    }
    return missing;
}

}  // namespace davenport::documents::couchdb
