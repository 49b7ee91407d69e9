"""Write the Options struct, its checks, the binding's list, types and docs from options.toml.

Owns the shape of include/anynats/options.hpp, src/core/options_check.cpp,
python/src/options_table.inc, python/anynats/_options.py and docs/options.md. Called by
tools/generate.py; writes no file itself. gen_option_text.py says how a value or limit is written.
"""

import textwrap
from pathlib import Path

from gen_option_text import (
    NOTE,
    Option,
    Words,
    cpp_default,
    cpp_value,
    is_checked,
    limits,
    load,
    rule,
    shown_default,
    shown_limit,
)

CPP_TYPES = {
    "str": "std::string",
    "opt_str": "std::optional<std::string>",
    "str_list": "std::vector<std::string>",
    "bool": "bool",
    "duration": "std::chrono::nanoseconds",
    "u32": "std::uint32_t",
    "opt_u32": "std::optional<std::uint32_t>",
    "size": "std::size_t",
    "opt_size": "std::optional<std::size_t>",
}
PYTHON_TYPES = {
    "str": "str",
    "opt_str": "str | None",
    "str_list": "str | Sequence[str]",
    "bool": "bool",
    "duration": "Seconds",
    "u32": "int",
    "opt_u32": "int | None",
    "size": "int",
    "opt_size": "int | None",
    "callback": "callable",
    "object": "object",
}


def options_header(options: list[Option], enums: list[Words]) -> str:
    blocks = []
    for enum in enums:
        words = "".join(f"    /// {doc}\n    {word},\n" for word, doc in enum.words.items())
        blocks.append(f"/// {enum.doc}\nenum class {enum.type} {{\n{words}}};\n")
    enum_types = {enum.name: enum.type for enum in enums}
    members = []
    for option in options:
        limit = shown_limit(option)
        default = shown_default(option)
        default = default.lower() if option.kind == "bool" else default
        text = f"{option.doc} Default {default}{limit and '; ' + limit}."
        doc = textwrap.fill(text, 100, initial_indent="    /// ", subsequent_indent="    /// ")
        type_ = option.cpp_type or enum_types.get(option.name) or CPP_TYPES[option.kind]
        members.append(f"{doc}\n    {type_} {option.name}{cpp_default(option, type_)};\n")
    newline = "\n"
    return f"""\
// {NOTE}
// The settings of a client: a plain struct, for designated initialisers and copies. Each wait,
// buffer and retry of the library is bounded by one of them. Threads may not share one while it
// changes; a client keeps its own copy.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <anynats/executor.hpp>
#include <anynats/export.hpp>

namespace anynats {{
inline namespace v0 {{

class Error;
struct Event;            // session.hpp
struct ServerCandidate;  // session.hpp

/// Which server of a pool is next, and how long to wait before it is dialled. An index beyond the
/// last leaves both to the pool.
struct ServerChoice {{
    std::size_t index = 0;
    std::chrono::nanoseconds wait{{}};
}};

/// Is called with the servers of the pool, in its order, and what became of them so far.
using ServerChooser = std::function<ServerChoice(const std::vector<ServerCandidate>&)>;

/// Is called with what becomes known: connected, disconnected, slow consumer, and so on.
using EventHandler = std::function<void(const Event&)>;

{newline.join(blocks)}
/// The settings of a client: `Options{{.name = "sensor", .ping_interval = 10s}}`.
struct Options {{
{newline.join(members)}}};

/// Return the UsageError that names the first option outside its limits, or nothing. URLs and
/// inbox_prefix are not looked into here.
ANYNATS_API std::optional<Error> check(const Options& options);

}}  // namespace v0
}}  // namespace anynats
"""


CHECK_HELPERS = """\
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr nanoseconds ten_years = std::chrono::seconds{315'360'000};
constexpr std::uint64_t tebi = std::uint64_t{1} << 40;

// In seconds, as Python has it; unsigned, since the least value has no positive counterpart.
std::string text(nanoseconds value) {
    constexpr std::uint64_t second = 1'000'000'000;
    const auto count = static_cast<std::uint64_t>(value.count());
    const std::uint64_t size = value.count() < 0 ? 0 - count : count;
    std::string fraction = std::to_string(second + size % second);
    fraction.front() = '.';
    fraction.erase(fraction.find_last_not_of(".0") + 1);
    return (value.count() < 0 ? "-" : "") + std::to_string(size / second) + fraction + " s";
}

Error refuse(std::string_view name, std::string_view value, std::string_view rule) {
    std::string message = "option ";
    message.append(name).append(" is ").append(value).append("; it must be ").append(rule);
    return Error(ErrorCode::usage_error, std::move(message));
}

std::optional<Error> outside(std::string_view name, nanoseconds value, nanoseconds low,
                             nanoseconds high, std::string_view rule) {
    if (value >= low && value <= high) return std::nullopt;
    return refuse(name, text(value), rule);
}

// 64 bits whatever size_t has, so that the limits are the same everywhere.
std::optional<Error> outside(std::string_view name, std::uint64_t value, std::uint64_t low,
                             std::uint64_t high, std::string_view rule) {
    if (value >= low && value <= high) return std::nullopt;
    return refuse(name, std::to_string(value), rule);
}

template <class T>
std::optional<Error> outside(std::string_view name, std::optional<T> value, std::uint64_t low,
                             std::uint64_t high, std::string_view rule) {
    if (!value) return std::nullopt;
    return outside(name, std::uint64_t{*value}, low, high, rule);
}

std::optional<Error> outside(std::string_view name, const std::vector<std::string>& value,
                             std::uint64_t low, std::uint64_t high, std::string_view rule) {
    if (value.size() >= low && value.size() <= high) return std::nullopt;
    return refuse(name, "a list of " + std::to_string(value.size()), rule);
}

// The text itself is not quoted: it may be long, or hold what made it bad.
std::optional<Error> outside(std::string_view name, const std::string& value, std::uint64_t low,
                             std::uint64_t high, std::string_view rule) {
    if (value.size() < low || value.size() > high) {
        return refuse(name, std::to_string(value.size()) + " bytes long", rule);
    }
    const auto is_control = [](unsigned char byte) { return byte < 0x20 || byte == 0x7f; };
    const auto at = std::find_if(value.begin(), value.end(), is_control);
    if (at == value.end()) return std::nullopt;
    const std::string where = std::to_string(at - value.begin());
    return refuse(name, "a text with a control character at byte " + where, rule);
}

std::optional<Error> below(std::string_view name, nanoseconds value, std::string_view other_name,
                           nanoseconds other) {
    if (value >= other) return std::nullopt;
    std::string rule = "at least ";
    return refuse(name, text(value), rule.append(other_name) + ", which is " + text(other));
}

}  // namespace
"""


def packed(function: str, arguments: list[str]) -> str:
    """Write one check of check(), its lines filled as clang-format fills them."""
    lines = [f"    if (auto error = {function}("]
    indent = " " * len(lines[0])
    for argument in arguments:
        end = ")) {" if argument is arguments[-1] else ","
        if len(f"{lines[-1]} {argument}{end}") > 100:
            lines.append(indent)
        gap = " " if lines[-1].endswith(",") else ""
        lines[-1] += f"{gap}{argument}{end}"
    return "\n".join([*lines, "        return error;", "    }"])


def check_source(options: list[Option]) -> str:
    rows = []
    for option in options:
        value = [f'"{option.name}"', f"options.{option.name}"]
        if is_checked(option):
            low, high = (cpp_value(option, limit) for limit in limits(option))
            rows.append(packed("outside", [*value, low, high, f'"{rule(option)}"']))
        if option.at_least:
            other = [f'"{option.at_least}"', f"options.{option.at_least}"]
            rows.append(packed("below", [*value, *other]))
    newline = "\n"
    return f"""\
// {NOTE}
// Checks the limits of the options: each refusal names the option, its value and the rule.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <anynats/error.hpp>
#include <anynats/options.hpp>

namespace anynats {{
inline namespace v0 {{
{CHECK_HELPERS}
std::optional<Error> check(const Options& options) {{
{newline.join(rows)}
    return std::nullopt;
}}

}}  // namespace v0
}}  // namespace anynats
"""


def binding_list(options: list[Option], enums: list[Words]) -> str:
    rows = [f"ANYNATS_OPTION({option.cpp_kind}, {option.name})" for option in options]
    words = [
        f"ANYNATS_OPTION_WORD(enum_{enum.name}, {enum.type}, {word})"
        for enum in enums
        for word in enum.words
    ]
    newline = "\n"
    return f"""\
// {NOTE}
// Each option for the Python binding, by which it reads keyword arguments. The includer defines
// ANYNATS_OPTION(kind, name), ANYNATS_OPTION_WORD(kind, type, word) for the words of the enums, or
// both; they are undefined again at the end.
#ifdef ANYNATS_OPTION
{newline.join(rows)}
#undef ANYNATS_OPTION
#endif

#ifdef ANYNATS_OPTION_WORD
{newline.join(words)}
#undef ANYNATS_OPTION_WORD
#endif
"""


def python_module(options: list[Option], enums: list[Words]) -> str:
    enum_types = {enum.name: enum.type for enum in enums}
    choices = {e.type: ", ".join(f'"{word}"' for word in e.words) for e in enums}
    aliases = "\n".join(f"{t}: TypeAlias = Literal[{words}]" for t, words in choices.items())
    fields = []
    for option in options:
        if option.name == "servers":  # a parameter of connect() itself, see below
            continue
        type_ = enum_types.get(option.name) or PYTHON_TYPES[option.kind]
        limit = shown_limit(option)
        text = f'"""{option.doc} Default {shown_default(option)}{limit and "; " + limit}."""'
        doc = textwrap.fill(text, 100, initial_indent="    ", subsequent_indent="    ")
        fields.append(f"    {option.name}: {type_}\n{doc}")
    names = "\n".join(f'        "{option.name}",' for option in options)
    newline = "\n"
    return f'''\
# {NOTE}
"""The keyword arguments of `connect()`, for type checkers and for naming a mistyped one.

Nothing here is checked at run time: the native module reads the values and checks the limits.
"""

from datetime import timedelta
from typing import Literal, TypeAlias, TypedDict

Seconds: TypeAlias = float | timedelta
{aliases}


class Options(TypedDict, total=False):
    """The options of a client; docs/options.md has them as a table.

    `servers` is missing because connect() has a parameter of that name.
    """

{newline.join(fields)}


OPTION_NAMES: frozenset[str] = frozenset(
    {{
{names}
    }}
)
'''


def docs_page(options: list[Option], later: list[Option], enums: list[Words]) -> str:
    enum_types = {e.name: " or ".join(f"`{word}`" for word in e.words) for e in enums}

    def type_of(option: Option) -> str:
        if option.kind == "duration":
            return "seconds"
        if option.cpp_type and not option.handwritten:
            return f"`{option.cpp_type}`"
        return (enum_types.get(option.name) or PYTHON_TYPES[option.kind]).replace("|", "or")

    rows = "\n".join(
        f"| `{option.name}` | {type_of(option)} | {shown_default(option)} "
        f"| {shown_limit(option)} | {option.doc} |"
        for option in options
    )
    missing = "\n".join(f"| `{option.name}` | {option.doc} |" for option in later)
    return f"""\
<!-- {NOTE} -->
# Options

Keyword arguments of `anynats.connect()` in Python, members of `anynats::Options` in C++, under the
same names. Durations are seconds or a `timedelta` in Python and `std::chrono` in C++; sizes are
bytes. A value outside its limit is a UsageError that names the option; whatever is said below, no
duration may exceed 10 years and no size or count 1 TiB (2^40).

| option | type | default | limit | meaning |
|---|---|---|---|---|
{rows}

## Not yet

These names are taken; passing one is refused for now.

| option | meaning |
|---|---|
{missing}
"""


def outputs(root: Path) -> dict[str, str]:
    """Return the text of each generated file by its path from the root of the tree."""
    everything, enums = load(root / "tools/options.toml")
    present = [option for option in everything if not option.later]
    members = [option for option in present if option.cpp_type or not option.handwritten]
    shared = [option for option in members if not option.cpp_type]
    later = [option for option in everything if option.later]
    return {
        "include/anynats/options.hpp": options_header(members, enums),
        "src/core/options_check.cpp": check_source(members),
        "python/src/options_table.inc": binding_list(shared, enums),
        "python/anynats/_options.py": python_module(shared, enums),
        "docs/options.md": docs_page(present, later, enums),
    }
