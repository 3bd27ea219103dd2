#pragma once

#include "davenport/base/json.hpp"
#include "davenport/chat/transfers.hpp"
#include "import_faults.hpp"
#include "import_fields.hpp"
#include "ledger.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// One import, step by step: a file's rows are checked, each by the rules of its kind; then rows are
// made of them; then they are written.
namespace davenport::chat {

// What a check looks at, and where it tells what it found.
struct ImportCheck {
    // Whether what others hold already is looked at now. Writing finds it out, too, but not all
    // of it.
    enum class Taken { look, leave };

    const json::array& rows;
    Ledger& ledger;
    ImportFaults& faults;
    std::int64_t now = 0;  // Unix seconds; what rows without a time get
    Taken taken = Taken::look;

    // Every row that is an object; the others are faults.
    void each(const std::function<void(ImportFields&)>& look) const;
    // A fault for every row whose claim somebody holds; an empty text is no claim.
    Result<> refuse_taken(Kind kind, std::string_view field, const std::vector<std::string>& claims,
                          const std::function<std::string(std::size_t row)>& shown) const;
};

// The checks: rows ready to be written if there are no faults.
using PasswordHashes = std::vector<std::string>;  // by row; "" = none
Result<std::vector<NewRow>> check_users(const ImportCheck& check,
                                        const std::shared_ptr<const PasswordHashes>& hashes);
Result<std::vector<NewRow>> check_rooms(const ImportCheck& check);
Result<std::vector<NewRow>> check_comments(const ImportCheck& check);

// Numbers of rows by what claims them (an e-mail address, a unique id), each asked for once.
class KnownRows {
  public:
    void want(const std::string& text) { numbers_.emplace(text, 0); }
    Result<> look_up(Ledger& ledger, Kind kind, std::string (*claim)(std::string_view));
    std::uint64_t number(const std::string& text) const;  // 0 = there is none
    const std::map<std::string, std::uint64_t>& all() const { return numbers_; }

  private:
    // In order, as a store keeps what is asked for.
    std::map<std::string, std::uint64_t> numbers_;
};

template <class Row>
NewRow to_new_row(Kind kind, Row row, std::vector<std::string> claims) {
    NewRow made;
    made.kind = kind;
    made.claims = std::move(claims);
    made.body = [row = std::move(row)](std::uint64_t number) mutable {
        row.id = number;
        return to_body(row);
    };
    return made;
}

class ImportRun {
  public:
    // Hears how many of the rows are done, of how many; its error ends the run, and nothing is
    // written.
    using Report = std::function<Result<>(std::uint64_t done, std::uint64_t total)>;
    // Notes a writing durably before it begins.
    using Note = std::function<Result<>(const Ledger::Writing& writing)>;

    // `rows` must outlive it.
    ImportRun(Resource resource, const json::array& rows, Ledger& ledger, const Clock& clock)
        : resource_(resource), rows_(rows), ledger_(ledger), clock_(clock), faults_(rows) {}

    // An attempt that was cut off, and whose rows are gone: its claims go too.
    void set_former(Ledger::Writing former) { former_ = std::move(former); }

    // How many rows were written. invalid_argument when rows are faulty: `faults` knows them.
    Result<std::uint64_t> run(const Report& report, const Note& note);
    const ImportFaults& faults() const { return faults_; }

  private:
    Result<std::vector<NewRow>> check(ImportCheck::Taken taken);
    Result<> hash_passwords(const Report& report);

    const Resource resource_;
    const json::array& rows_;
    Ledger& ledger_;
    const Clock& clock_;
    ImportFaults faults_;
    std::optional<Ledger::Writing> former_;
    std::shared_ptr<PasswordHashes> hashes_ = std::make_shared<PasswordHashes>();
};

}  // namespace davenport::chat
