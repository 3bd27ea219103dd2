#pragma once

#include "davenport/documents/document_store.hpp"

#include <algorithm>
#include <numeric>

namespace davenport::documents {

// What `get_many` gives, from a `get` of one document. Asks in the order of the ids, so that what
// lies together in a store is read together.
template <class Get>
Result<std::vector<std::optional<Document>>> get_each(std::span<const std::string> ids, Get get) {
    std::vector<std::size_t> order(ids.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return ids[a] < ids[b]; });
    std::vector<std::optional<Document>> documents(ids.size());
    for (const std::size_t i : order) {
        Result<Document> document = get(ids[i]);
        const bool missing = !document && document.error().code == ErrorCode::not_found &&
                             document.error().detail != "no_db_file";
        if (!document && !missing) return fail(std::move(document).error());
        if (document) documents[i] = std::move(*document);
    }
    return documents;
}

}  // namespace davenport::documents
