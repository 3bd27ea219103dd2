#include "davenport/api/descriptions.hpp"

namespace davenport::api {

using namespace openapi;

void describe_audit(Document& document) {
    document.family("Audit log", "Who did what, when, from where, with what result.");
    document.add_everywhere({
        .method = "GET",
        .pattern = "/audit",
        .summary = "Lines of the audit log",
        .query = {{"since", "lines after this number, oldest first; without it the newest",
                   R"({"type":"integer","minimum":0})"},
                  {"limit", "how many at most",
                   R"({"type":"integer","minimum":1,"maximum":1000,"default":100})"}},
        .answers = {{200, "`entries`, and whether there are more", R"({"type":"object"})"},
                    bad_request},
    });
    document.add_everywhere({
        .method = "GET",
        .pattern = "/audit/export",
        .summary = "All lines and the signed head",
        .answers = {{200, "A line of JSON each", R"({"type":"string"})", "application/x-ndjson"}},
    });
    document.add_everywhere({
        .method = "GET",
        .pattern = "/audit/verification",
        .summary = "Re-read the audit log and check its chain and signatures",
        .answers = {{200, "What was found", R"({"type":"object"})"}},
    });
}

}  // namespace davenport::api
