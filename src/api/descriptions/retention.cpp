#include "davenport/api/descriptions.hpp"

namespace davenport::api {

using namespace openapi;

void describe_retention(Document& document) {
    document.family("Retention", "Which backups stay, pins, and prunes.");
    document.add_everywhere({
        .method = "GET",
        .pattern = "/retention",
        .summary = "What a prune would remove now, what stays, and why",
        .answers = {{200, "Every backup with its rules, and the bytes that would come back",
                     R"({"type":"object"})"},
                    bad_request},
    });
    document.add_everywhere({
        .method = "POST",
        .pattern = "/prune",
        .summary = "Remove the backups that the rules do not keep",
        .query = {{"dry_run", "true: as GET /retention; nothing is removed",
                   R"({"type":"boolean","default":false})"}},
        .answers = {{202, "Accepted; `url` tells how far it is", R"({"type":"object"})"},
                    {200, "What it would do, with dry_run", R"({"type":"object"})"},
                    bad_request},
    });
    document.add_everywhere({
        .method = "GET",
        .pattern = "/prunes/:id",
        .summary = "One prune: its state and what it removed",
        .answers = {{200, "The prune", R"({"type":"object"})"}, not_found},
    });
    document.add_everywhere({
        .method = "PUT",
        .pattern = "/backups/:id/pin",
        .summary = "Keep a backup from being removed",
        .body = Body{"Why, for people",
                     R"({"type":"object","properties":{"reason":{"type":"string"}}})",
                     "application/json", Body::Need::optional},
        .answers = {{200, "It is pinned", R"({"type":"object"})"}, bad_request, not_found},
    });
    document.add_everywhere({
        .method = "DELETE",
        .pattern = "/backups/:id/pin",
        .summary = "Let it be removed again",
        .answers = {{200, "It is not pinned", R"({"type":"object"})"}, not_found},
    });
}

}  // namespace davenport::api
