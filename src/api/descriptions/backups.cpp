#include "davenport/api/descriptions.hpp"

namespace davenport::api {
namespace {

using namespace openapi;

const Answer already_running{400, "A backup or restore is running, or what was sent is wrong",
                             R"({"type":"object","properties":{"statusCode":{"const":400},
        "message":{"type":"string","examples":["already_in_progress"]},
        "id":{"type":"string","description":"of what is running"}}})"};

const std::vector<Parameter> restore_parameters = {
    {"skip_system", "ids of documents that stay as they are: a JSON array"},
    {"skip_components", "the same, of the components database"},
    {"skip_sessions", "the same, of the sessions database"},
    {"mode", "exact: documents that the backup does not hold are deleted",
     R"({"enum":["overlay","exact"],"default":"overlay"})"},
    {"history", "exact: every leaf with its revision ids, into empty databases",
     R"({"enum":["fresh","exact"],"default":"fresh"})"},
    {"dry_run", "true: counts what would change, and writes nothing",
     R"({"enum":["true","false"],"default":"false"})"}};

const std::vector<Answer> restore_answers = {
    {202, "It has begun; `url` is its webhook transaction",
     R"({"type":"object","properties":{"message":{"const":"in-progress"},
         "url":{"type":"string","format":"uri"}}})"},
    {200, "What a dry run counted, by database", R"({"type":"object","properties":{
        "dry_run":{"const":true},"dbs":{"type":"object","additionalProperties":{"type":"object",
        "properties":{"created":{"type":"integer"},"changed":{"type":"integer"},
        "unchanged":{"type":"integer"},"deleted":{"type":"integer"},
        "skipped":{"type":"integer"}}}}}})"},
    already_running};

void describe_making(Document& document) {
    document.add_everywhere(
        {.method = "POST",
         .pattern = "/backups",
         .summary = "Begins a backup",
         .body = Body{.description = "Nothing, or an object", .need = Body::Need::optional},
         .answers = {{202, "It has begun", R"({"type":"object","properties":{
             "message":{"const":"in-progress"},"id":{"type":"string"},
             "url":{"type":"string","format":"uri"}}})"},
                     already_running}});
    document.add_everywhere(
        {.method = "GET",
         .pattern = "/backups",
         .summary = "The ids of all backups, oldest first",
         .query = {{"details", "true: also what is known of each",
                    R"({"enum":["true","false"],"default":"false"})"}},
         .answers = {{200, "Running and failed ones too", R"({"type":"object","properties":{
             "ids":{"type":"array","items":{"type":"string"}},
             "backups":{"type":"array","items":{"type":"object","properties":{
                 "id":{"type":"string"},
                 "state":{"enum":["complete","in_progress","failed","damaged"]},
                 "message":{"type":"string","description":"why it failed, or what is damaged"},
                 "start_timestamp":{"type":"integer"},"end_timestamp":{"type":"integer"},
                 "doc_count":{"type":"integer"},"encrypted":{"type":"boolean"},
                 "pinned":{"type":"boolean"},"pin_reason":{"type":"string"},
                 "locked_until":{"type":"integer","description":"only while it is locked"}}}}}})"},
                     bad_request}});
    document.add_everywhere(
        {.method = "GET",
         .pattern = "/backups/:id",
         .summary = "One backup as a backup doc",
         .query = {{"docs", "false: without documents and attachments",
                    R"({"enum":["true","false"],"default":"true"})"}},
         .answers = {{200, "The backup doc, streamed", R"({"type":"object"})"}, not_found}});
    document.add_everywhere({.method = "PUT",
                             .pattern = "/backups/:id/attachments/:name",
                             .summary = "Appends an attachment to a backup",
                             .description = "A name written again replaces.",
                             .body = Body{"The text", R"({"type":"object","required":["attachment"],
             "properties":{"attachment":{"type":"string"}}})"},
                             .answers = {{200, "It is stored", R"({"type":"object","properties":{
             "message":{"const":"ok"},"att_name":{"type":"string"}}})"},
                                         bad_request,
                                         not_found}});
    document.add_everywhere({.method = "DELETE",
                             .pattern = "/backups/:id",
                             .summary = "Deletes a backup",
                             .answers = {{200, "It is gone", R"({"type":"object","properties":{
             "message":{"const":"ok"},"id":{"type":"string"}}})"},
                                         not_found,
                                         {409, "Something runs that may need it",
                                          R"({"$ref":"#/components/schemas/Error"})"}}});
}

void describe_restoring(Document& document) {
    document.add_everywhere({.method = "PUT",
                             .pattern = "/backups",
                             .summary = "Restores an uploaded backup doc",
                             .query = restore_parameters,
                             .body = Body{"A backup doc, optionally with client_webhook_url"},
                             .answers = restore_answers});
    document.add_everywhere({.method = "PUT",
                             .pattern = "/backups/:id",
                             .summary = "Restores a backup by its id",
                             .query = restore_parameters,
                             .body = Body{.description = "Nothing, or where the end is told",
                                          .schema = R"({"type":"object","properties":{
                          "client_webhook_url":{"type":"string","format":"uri"}}})",
                                          .need = Body::Need::optional},
                             .answers = restore_answers});
}

void describe_checking(Document& document) {
    document.schema("Verification", R"({"type":"object","properties":{
        "sound":{"type":"boolean"},"backups":{"type":"integer"},"segments":{"type":"integer"},
        "attachments":{"type":"integer"},"bytes":{"type":"integer"},
        "undecrypted":{"type":"integer"},"removed":{"type":"integer"},
        "appended":{"type":"integer"},
        "removal_begun":{"type":"array","items":{"type":"string"}},
        "head":{"type":"object","properties":{"id":{"type":"string"},
            "sha256":{"type":"string"}}},
        "findings":{"type":"array","items":{"type":"object","properties":{
            "backup":{"type":"string"},"db":{"type":"string"},"object":{"type":"string"},
            "message":{"type":"string"}}}}}})");
    const std::string verification = R"({"$ref":"#/components/schemas/Verification"})";
    document.add_everywhere({.method = "GET",
                             .pattern = "/verification",
                             .summary = "Reads all backups again and checks them",
                             .answers = {{200, "What was found", verification}}});
    document.add_everywhere({.method = "GET",
                             .pattern = "/backups/:id/verification",
                             .summary = "Reads one backup again and checks it",
                             .answers = {{200, "What was found", verification}, not_found}});
    document.add_everywhere(
        {.method = "GET",
         .pattern = "/backups/:id/diff/:other",
         .summary = "What differs between two backups",
         .answers = {{200, "Counts of all, and the first 1,000", R"({"type":"object",
             "properties":{"added":{"type":"integer"},"changed":{"type":"integer"},
             "removed":{"type":"integer"},"truncated":{"type":"boolean"},
             "differences":{"type":"array","items":{"type":"object","properties":{
                 "db":{"type":"string"},"id":{"type":"string"},"change":{"type":"string"},
                 "before":{"type":"string"},"after":{"type":"string"}}}}}})"},
                     not_found}});
}

void describe_proving(Document& document) {
    document.add_everywhere(
        {.method = "GET",
         .pattern = "/signing-key",
         .summary = "The public keys that backups are signed with",
         .answers = {{200, "PEM blocks, the key of today last", {}, "application/x-pem-file"}}});
    document.add_everywhere(
        {.method = "GET",
         .pattern = "/backups/:id/proofs/:db/*doc",
         .summary = "A proof that a document was in a backup, or that it was not",
         .answers = {{200, "To be checked with the public key alone", R"({"type":"object"})"},
                     not_found}});
}

}  // namespace

void describe_backups(Document& document) {
    document.family("Backups", "Backups of the protected databases, and restores of them");
    describe_making(document);
    describe_restoring(document);
    describe_checking(document);
    describe_proving(document);
}

}  // namespace davenport::api
