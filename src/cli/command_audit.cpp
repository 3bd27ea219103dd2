#include "commands.hpp"
#include "common_options.hpp"
#include "davenport/audit/verification.hpp"
#include "davenport/base/encoding.hpp"
#include "output.hpp"

namespace davenport::cli {
namespace {

struct Options : CommonOptions {
    std::optional<std::uint64_t> since;
    std::uint64_t limit = 100;
    std::string file, earlier;
    std::vector<std::string> public_keys;
};

std::string line_of(const json::object& entry) {
    const json::object* who = object_member(entry, "who");
    std::string by = who ? text_or(*who, "kind") : "";
    if (who && who->contains("id")) by += " " + text_or(*who, "id");
    std::string line = fmt::format("{:>8}  {}  {}  {}", number_or_zero(entry, "seq"),
                                   text_or(entry, "time"), by, text_or(entry, "action"));
    if (entry.contains("target")) line += " " + text_or(entry, "target");
    line += "  " + text_or(entry, "outcome");
    if (entry.contains("status")) line += fmt::format(" {}", number_or_zero(entry, "status"));
    if (entry.contains("error")) line += " " + text_or(entry, "error");
    if (entry.contains("begun_at"))
        line += fmt::format(" (of {})", number_or_zero(entry, "begun_at"));
    if (entry.contains("repeated")) line += fmt::format(" ×{}", number_or_zero(entry, "repeated"));
    return line + fmt::format("  from {}", text_or(entry, "from", "-"));
}

int list(const Options& options) {
    const auto operations = options.operations();
    if (!operations) return report(operations.error());
    const auto page = (*operations)->audit_list(options.since, options.limit);
    if (!page) return report(page.error());
    if (options.json) return print_json(*page);
    std::string text = lines_of(*page, "entries", line_of);
    if (boolean_member(*page, "more").value_or(false)) text += "… and more\n";
    return print_result(text);
}

int write_out(const Options& options) {
    const auto operations = options.operations();
    if (!operations) return report(operations.error());
    const auto written = (*operations)->audit_export([](std::string_view text) -> Result<> {
        if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size())
            return fail(ErrorCode::io, "the audit log could not be written to stdout");
        return {};
    });
    return written ? print_result("") : report(written.error());
}

Result<json::object> verify_offline(const Options& options) {
    std::vector<VerifyingKey> keys;
    for (const std::string& path : options.public_keys) {
        DAVENPORT_ASSIGN(VerifyingKey key, VerifyingKey::load(path));
        keys.push_back(std::move(key));
    }
    DAVENPORT_ASSIGN(const audit::Verification found,
                     audit::verify_file(options.file, keys, options.earlier));
    return audit::to_json(found);
}

Result<json::object> verify_here(const Options& options) {
    if (!options.public_keys.empty() || !options.earlier.empty())
        return fail(ErrorCode::invalid_argument,
                    "--public-key and --earlier go with --file: export the log first");
    DAVENPORT_ASSIGN(const auto operations, options.operations());
    return operations->audit_verify();
}

int verify(const Options& options) {
    const auto found = options.file.empty() ? verify_here(options) : verify_offline(options);
    if (!found) return report(found.error());
    const bool sound = boolean_member(*found, "sound").value_or(false);
    int code = exit_success;
    if (options.json) {
        code = print_json(*found);
    } else {
        std::string text = lines_of(*found, "findings", [](const json::object& finding) {
            return fmt::format("line {}: {}", number_or_zero(finding, "line"),
                               text_or(finding, "message"));
        });
        text += fmt::format("{}: {} lines, {} to {}, {} older ones removed; signatures {}\n",
                            sound ? "sound" : "NOT SOUND", number_or_zero(*found, "lines"),
                            number_or_zero(*found, "first"), number_or_zero(*found, "last"),
                            number_or_zero(*found, "removed"), text_or(*found, "signatures"));
        code = print_result(text);
    }
    return sound ? code : traits(ErrorCode::corrupt).exit_code;
}

}  // namespace

void add_audit(CLI::App& program, Work& chosen) {
    auto* audit = program.add_subcommand("audit", "The audit log");
    audit->require_subcommand(1);
    const auto add = [&](const char* name, const char* description, int (*work)(const Options&)) {
        auto* command = audit->add_subcommand(name, description);
        const auto options = std::make_shared<Options>();
        options->add_data_options(*command);
        options->add_service_options(*command);
        command->callback(
            [options, work, &chosen] { chosen = [options, work] { return work(*options); }; });
        return std::pair(command, options);
    };
    {
        const auto [command, options] = add("list", "Show lines of it, oldest first", list);
        command->add_option("--since", options->since, "after this line (default: the newest)");
        command->add_option("--limit", options->limit, "how many")
            ->check(CLI::Range(1, 1000))
            ->capture_default_str();
        options->add_output_options(*command);
    }
    add("export", "Write all of it to stdout, a line each, and its signed head", write_out);
    {
        const auto [command, options] =
            add("verify", "Check every line; exit code 9 when something is not as written", verify);
        command->add_option("--file", options->file, "an exported log, without the service")
            ->type_name("FILE");
        command
            ->add_option("--public-key", options->public_keys,
                         "PEM file: who may have signed it; may be repeated")
            ->type_name("FILE");
        command
            ->add_option("--earlier", options->earlier,
                         "an earlier export, of which nothing may be missing")
            ->type_name("FILE");
        options->add_output_options(*command);
    }
}

}  // namespace davenport::cli
