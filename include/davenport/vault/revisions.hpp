#pragma once

#include "davenport/base/result.hpp"

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// What Record::extra holds about a document's revisions, in a backup with full fidelity: what came
// before the record's own revision, and every other leaf of the document.
//
//   {"ancestors":["2-…","1-…"],
//    "leaves":[{"revision":"2-…","deleted":true,"ancestors":["1-…"],"attachments":{…},"body":{…}}]}
//
// Ancestors are revision ids, newest first, as far as the source knew them. `leaves` is left out
// where the record's revision is the only leaf; `deleted` where the leaf is not deleted;
// `attachments`, which is as in Record::attachments, where it has none. A record without
// "ancestors" says nothing about revisions.
namespace davenport::vault {

// What DatabaseManifest::included says when all of this is there: histories, other leaves, and
// tombstones, which have their own body then.
inline constexpr std::string_view with_revisions = "revisions";
inline constexpr std::string_view with_conflicts = "conflicts";
inline constexpr std::string_view with_tombstones = "tombstones";

// A leaf other than the record's own revision.
struct Leaf {
    std::string revision;
    bool deleted = false;
    std::string_view body;         // JSON object text, as in Record::body
    std::string_view attachments;  // JSON object text, as in Record::attachments; empty = none
    std::vector<std::string> ancestors;
};

struct Revisions {
    std::vector<std::string> ancestors;
    std::vector<Leaf> leaves;  // in the order they were written: winner's order
};

// Writes that text. Revision ids must be UTF-8, bodies and attachments valid JSON objects.
class RevisionsText {
  public:
    explicit RevisionsText(std::span<const std::string> ancestors);
    void add_leaf(std::string_view revision, bool deleted, std::string_view body,
                  std::string_view attachments, std::span<const std::string> ancestors);
    std::string take();  // call last

  private:
    std::string text_;
    bool any_leaf_ = false;
};

// Views into `extra`. nullopt when it says nothing about revisions; `corrupt` when it is malformed.
Result<std::optional<Revisions>> read_revisions(std::string_view extra);

// The texts of the other leaves' attachments, where they have any.
void for_each_leaf_attachments(std::string_view extra,
                               const std::function<void(std::string_view attachments)>& visit);

// The JSON text of the other leaves; empty = there are none.
std::string_view leaves_text(std::string_view extra);

}  // namespace davenport::vault
