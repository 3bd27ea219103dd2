#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

// JSON as text: looking into it and changing one member without parsing the rest, which may be
// deep, large or spelled in a way that has to stay. All of it takes valid JSON, which the body of a
// stored document is; any other text gives some answer and never a read past its end.
namespace davenport {

enum class Walk { go_on, stop };

// Members of an object in their order: the name decoded, the value as JSON text inside `object`.
// Does nothing for a value that is no object.
void for_each_member(
    std::string_view object,
    const std::function<Walk(std::string_view name, std::string_view value)>& visit);
// Elements of an array. Does nothing for a value that is no array.
void for_each_element(std::string_view array,
                      const std::function<void(std::string_view value)>& visit);

// The text that a JSON string stands for; nullopt for any other value.
std::optional<std::string> string_value(std::string_view value);
// The same of a top-level member; nullopt, too, when there is no such member.
std::optional<std::string> string_member_of(std::string_view object, std::string_view name);

// The JSON text of a top-level member's value, a view into `object`.
std::optional<std::string_view> find_member(std::string_view object, std::string_view name);
// The same object with `value` (JSON text) as the member's value, in its place or at the end; every
// other byte as it was.
std::string with_member(std::string_view object, std::string_view name, std::string_view value);

}  // namespace davenport
