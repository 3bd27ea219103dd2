#pragma once

#include "davenport/base/json.hpp"
#include "import_faults.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace davenport::chat {

// The known fields of one row, read by type. null counts as absent; a value of another type is the
// row's fault, and what stands for nothing comes back.
class ImportFields {
  public:
    // `row` must be an object.
    ImportFields(const json::object& row, std::size_t position, ImportFaults& faults)
        : row_(row), position_(position), faults_(faults) {}

    std::string text(std::string_view field);  // absent = ""
    bool flag(std::string_view field);         // absent = false
    // A list of texts that must be there.
    std::vector<std::string> texts(std::string_view field);
    const json::object* object(std::string_view field);  // nullptr = absent
    // RFC 3339, as Unix seconds; absent or "" = `otherwise`.
    std::int64_t time(std::string_view field, std::int64_t otherwise);

    void add_fault(std::string_view field, std::string_view fault) {
        faults_.add(position_, field, fault);
    }
    std::size_t position() const { return position_; }

  private:
    const json::value* find(std::string_view field) const;
    void add_wrong_type(std::string_view field, std::string_view wanted, const json::value& value);

    const json::object& row_;
    const std::size_t position_;
    ImportFaults& faults_;
};

// "an object", "a number", …
std::string_view name_of_type(const json::value& value);

// Which row of the file brought a text first.
class FirstRows {
  public:
    // A fault when an earlier row has it; "" is not looked at.
    void add(ImportFields& fields, std::string_view field, const std::string& text,
             std::string_view shown);
    void add(ImportFields& fields, std::string_view field, const std::string& text);
    // The row that brought it; nullptr = none so far.
    const std::size_t* find(const std::string& text) const;

  private:
    std::unordered_map<std::string, std::size_t> rows_;
};

}  // namespace davenport::chat
