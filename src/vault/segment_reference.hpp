#pragma once

#include "davenport/base/json.hpp"
#include "davenport/vault/manifest.hpp"

namespace davenport::vault {

json::array to_json(const std::vector<std::string>& texts);
Result<std::vector<std::string>> need_texts(const json::object& object, std::string_view key);

// How manifests and compaction notes write a segment.
json::object to_json(const SegmentReference& segment);
Result<SegmentReference> segment_from_json(const json::value& value);

}  // namespace davenport::vault
