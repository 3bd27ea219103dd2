#include "commands.hpp"
#include "common_options.hpp"
#include "davenport/base/clock.hpp"
#include "output.hpp"
#include "progress_display.hpp"

namespace davenport::cli {
namespace {

struct Options : CommonOptions {
    bool dry_run = false;
};

struct PinOptions : CommonOptions {
    std::string id, reason;
};

std::string joined(const json::object& object, std::string_view key) {
    std::string text;
    if (const json::array* array = array_member(object, key))
        for (const json::value& value : *array)
            if (value.is_string())
                text += (text.empty() ? "" : ", ") + std::string(value.as_string());
    return text;
}

double megabytes(const json::object& object) {
    return static_cast<double>(number_or_zero(object, "bytes")) / 1e6;
}

std::string plan_text(const json::object& plan) {
    const std::string text = lines_of(plan, "backups", [](const json::object& backup) {
        const bool keep = boolean_member(backup, "keep").value_or(true);
        return fmt::format("{:6}  {}  {}  {}", keep ? "keep" : "remove", text_or(backup, "id"),
                           to_rfc3339(integer_member(backup, "start_timestamp").value_or(0)),
                           keep ? joined(backup, "reasons") : "no rule keeps it");
    });
    return text + fmt::format(
                      "{}: would remove {} backups, keep {}, give back {:.3f} MB ({} bytes)\n",
                      text_or(plan, "rules"), number_or_zero(plan, "removed"),
                      number_or_zero(plan, "kept"), megabytes(plan), number_or_zero(plan, "bytes"));
}

std::string result_text(const json::object& result) {
    std::string text;
    if (const json::array* removed = array_member(result, "removed"))
        for (const json::value& id : *removed)
            if (id.is_string()) text += fmt::format("removed {}\n", std::string(id.as_string()));
    const json::array* removed = array_member(result, "removed");
    return text + fmt::format("{}: removed {} backups, kept {}, gave back {:.3f} MB ({} bytes)\n",
                              text_or(result, "rules"), removed ? removed->size() : 0,
                              number_or_zero(result, "kept"), megabytes(result),
                              number_or_zero(result, "bytes"));
}

int run(const Options& options) {
    const auto operations = options.operations();
    if (!operations) return report(operations.error());
    if (options.dry_run) {
        const auto plan = (*operations)->prune_plan();
        if (!plan) return report(plan.error());
        return options.json ? print_json(*plan) : print_result(plan_text(*plan));
    }
    const auto prune = [&] {
        ProgressDisplay display("prune");
        return (*operations)->prune(display.watcher());
    }();
    if (!prune) return report(prune.error());
    if (text_or(*prune, "state") != "succeeded") {
        if (options.json) static_cast<void>(print_json(*prune));
        tell(fmt::format("{} failed: {}", text_or(*prune, "id"), text_or(*prune, "error")));
        return exit_operation_failed;
    }
    const json::object* result = object_member(*prune, "result");
    if (options.json || !result) return print_json(*prune);
    return print_result(result_text(*result));
}

int run_pin(const PinOptions& options) {
    const auto operations = options.operations();
    if (!operations) return report(operations.error());
    const auto pinned = (*operations)->pin(options.id, options.reason);
    if (!pinned) return report(pinned.error());
    if (options.json) return print_json({{"id", options.id}, {"pinned", true}});
    return print_result(fmt::format("{}  pinned\n", options.id));
}

int run_unpin(const PinOptions& options) {
    const auto operations = options.operations();
    if (!operations) return report(operations.error());
    const auto unpinned = (*operations)->unpin(options.id);
    if (!unpinned) return report(unpinned.error());
    if (options.json) return print_json({{"id", options.id}, {"pinned", false}});
    return print_result(fmt::format("{}  not pinned\n", options.id));
}

}  // namespace

void add_prune(CLI::App& program, Work& chosen) {
    auto* command = program.add_subcommand(
        "prune",
        "Remove the backups that the retention rules do not keep, and give back the space");
    const auto options = std::make_shared<Options>();
    command->add_flag("--dry-run", options->dry_run,
                      "change nothing; say what would go, what stays and why");
    options->add_data_options(*command);
    options->add_service_options(*command);
    options->add_output_options(*command);
    command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

void add_pin(CLI::App& program, Work& chosen) {
    auto* command = program.add_subcommand("pin", "Protect a backup from being removed");
    const auto options = std::make_shared<PinOptions>();
    command->add_option("ID", options->id, "the backup")->required();
    command->add_option("--reason", options->reason, "why, for whoever wants to remove it");
    options->add_data_options(*command);
    options->add_service_options(*command);
    options->add_output_options(*command);
    command->callback([options, &chosen] { chosen = [options] { return run_pin(*options); }; });
}

void add_unpin(CLI::App& program, Work& chosen) {
    auto* command = program.add_subcommand("unpin", "Let a pinned backup be removed again");
    const auto options = std::make_shared<PinOptions>();
    command->add_option("ID", options->id, "the backup")->required();
    options->add_data_options(*command);
    options->add_service_options(*command);
    options->add_output_options(*command);
    command->callback([options, &chosen] { chosen = [options] { return run_unpin(*options); }; });
}

}  // namespace davenport::cli
