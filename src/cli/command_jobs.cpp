#include "commands.hpp"
#include "common_options.hpp"
#include "davenport/base/clock.hpp"
#include "output.hpp"

namespace davenport::cli {
namespace {

struct JobsOptions : CommonOptions {
    std::string id, kind;
    std::uint64_t limit = 20;
};

std::string line_of(const json::object& job) {
    std::string state = text_or(job, "state");
    if (const json::object* error = object_member(job, "error"))
        state += ": " + text_or(*error, "message");
    const json::object nothing;
    const json::object* progress = object_member(job, "progress");
    if (!progress) progress = &nothing;
    return fmt::format("{}  {}  {:12}  {:>10} of {:<10}  {}", text_or(job, "id"),
                       to_rfc3339(integer_member(job, "created_timestamp").value_or(0)),
                       text_or(job, "kind"), number_or_zero(*progress, "done"),
                       number_or_zero(*progress, "total"), state);
}

int run(const JobsOptions& options) {
    const auto operations = options.operations();
    if (!operations) return report(operations.error());
    const auto found = options.id.empty() ? (*operations)->jobs(options.kind, options.limit)
                                          : (*operations)->job(options.id);
    if (!found) return report(found.error());
    if (options.json) return print_json(*found);
    if (!options.id.empty()) return print_result(on_one_line(line_of(*found)) + "\n");
    return print_result(lines_of(*found, "jobs", line_of));
}

}  // namespace

void add_jobs(CLI::App& program, Work& chosen) {
    auto* command = program.add_subcommand(
        "jobs", "Show work in the background: id, time, kind, documents done, state");
    const auto options = std::make_shared<JobsOptions>();
    command->add_option("ID", options->id, "One job (default: the newest ones)");
    command->add_option("--kind", options->kind, "Of this kind alone: backup, restore, …");
    command->add_option("--limit", options->limit, "At most so many (default: 20)")
        ->check(CLI::Range(1, 1000));
    options->add_data_options(*command);
    options->add_service_options(*command);
    options->add_output_options(*command);
    command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace davenport::cli
