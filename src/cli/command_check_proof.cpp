#include "commands.hpp"
#include "davenport/base/clock.hpp"
#include "davenport/base/encoding.hpp"
#include "davenport/base/file.hpp"
#include "output.hpp"
#include "proven_document.hpp"

namespace davenport::cli {
namespace {

constexpr std::uint64_t max_document_bytes = std::uint64_t{512} << 20;

struct Options {
    std::string proof, public_key, document;
    bool json = false;
};

Result<vault::Proven> check(const Options& options) {
    DAVENPORT_ASSIGN(const auto keys, VerifyingKey::load_all(options.public_key));
    DAVENPORT_ASSIGN(const std::string text, read_file(options.proof, vault::max_proof_bytes));
    return vault::check_proof(text, keys);
}

json::object to_json(const vault::Proven& proven) {
    json::object object{{"claim", std::string(vault::name_of(proven.claim))},
                        {"backup", proven.backup_id},
                        {"manifest_sha256", proven.manifest_sha256},
                        {"started_ms", proven.started_ms},
                        {"finished_ms", proven.finished_ms},
                        {"key", proven.key_id},
                        {"db", proven.database},
                        {"id", proven.document}};
    json::array types;
    for (const std::string& type : proven.skipped_types) types.emplace_back(type);
    object["skipped_types"] = std::move(types);
    if (proven.claim != vault::Claim::absent) {
        object["revision"] = proven.revision;
        object["document"] = document_text(proven);
    }
    return object;
}

std::string to_text(const vault::Proven& proven) {
    const bool present = proven.claim == vault::Claim::present;
    std::string text = fmt::format(
        "proven: the document {} of {} was {} the backup {} ({}), which is signed by the key {}\n",
        in_quotes(proven.document), in_quotes(proven.database), present ? "in" : "NOT in",
        proven.backup_id, to_rfc3339(proven.finished_ms), proven.key_id);
    if (present) return text + document_text(proven) + "\n";
    if (proven.claim == vault::Claim::deleted)
        return text + "it had been deleted, as the revision " + proven.revision + "\n";
    if (!proven.skipped_types.empty()) {
        text += "documents of these types were left out on purpose:";
        for (const std::string& type : proven.skipped_types) text += " " + type;
        text += '\n';
    }
    return text;
}

int run(const Options& options) {
    const auto proven = check(options);
    if (!proven) return report(proven.error());
    if (!options.document.empty()) {
        const auto text = read_file(options.document, max_document_bytes);
        if (!text) return report(text.error());
        const auto difference = find_difference(*proven, *text);
        if (!difference) return report(difference.error());
        if (!difference->empty())
            return report({ErrorCode::corrupt,
                           fmt::format("{} is not the document that the backup {} holds: {}",
                                       options.document, proven->backup_id, *difference),
                           {}});
    }
    return options.json ? print_json(to_json(*proven)) : print_result(to_text(*proven));
}

}  // namespace

void add_check_proof(CLI::App& program, Work& chosen) {
    auto* command = program.add_subcommand(
        "check-proof",
        "Check a proof with the public key alone; exit code 9 when it does not hold");
    const auto options = std::make_shared<Options>();
    command->add_option("FILE", options->proof, "the proof, from `davenport prove`")
        ->required()
        ->type_name("FILE");
    command
        ->add_option("--public-key", options->public_key,
                     "PEM file with the key of `davenport public-key`")
        ->type_name("FILE")
        ->required();
    command
        ->add_option("--document", options->document,
                     "JSON file that must be the document, as it was in the backup")
        ->type_name("FILE");
    command->add_flag("--json", options->json, "write the result as JSON");
    command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace davenport::cli
