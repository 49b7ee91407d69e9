"""The fences around coroutines: what GCC 12.2 really miscompiles, kept out by looking at the text.

`co_await` stands only as a whole statement or right of `auto x =`, never in a condition, a `catch`
or a lambda; the awaited expression has no `?:`, no braces and no lambda; a function that returns
Task<...> takes everything by value except `Session&`. Coroutine bodies live in src/ops alone.
"""

import re
from collections.abc import Iterator

from tidy_source import Breach, Source

# The files of the library (by prefix) that may contain co_await, co_return, co_yield.
COROUTINE_FILES = ("src/ops/",)
# `operator co_await` is none: it makes a type of ours awaitable in coroutines of others.
_WORDS = re.compile(r"(?<!\boperator )\bco_(await|return|yield)\b")
_BEFORE_AWAIT = re.compile(r"(\[\[maybe_unused\]\]\s*)?((const\s+)?auto\s*(&&|&)?\s*\w+\s*=)?")
_LAMBDA = re.compile(r"(?<![\w)\]\[])\[(?!\[)")
_LAMBDA_HEAD = re.compile(
    r"(?<![\w)\]\[])\[[^\]\[]*\]\s*(<[^{}]*>)?\s*(\([^{}]*\))?\s*(mutable|noexcept|constexpr|\s)*"
    r"(->[^{};]*)?$"
)


def check_fences(source: Source) -> Iterator[Breach]:
    """Breaches of the fences in one C++ file (tests may plant them on purpose: canaries)."""
    in_library = source.top in ("src", "include") or source.path.startswith("python/src/")
    if not source.is_cxx or not in_library:
        return
    if source.path.startswith(COROUTINE_FILES):
        yield from _check_awaits(source)
        yield from _check_parameters(source)
    else:
        for match in _WORDS.finditer(source.code):
            where = " and ".join(COROUTINE_FILES)
            yield source.line_at(match.start()), f"{match[0]} outside {where}"


def _check_awaits(source: Source) -> Iterator[Breach]:
    for match in _WORDS.finditer(source.code):
        line = source.line_at(match.start())
        blocks, before = _enclosing(source.code, match.start())
        if any(re.search(r"\bcatch\s*\(", head) for head in blocks):
            yield line, f"{match[0]} in a catch"
        if any(_LAMBDA_HEAD.search(head.rstrip()) for head in blocks):
            yield line, f"{match[0]} in a lambda"
        if match[0] != "co_await":
            continue
        if not _BEFORE_AWAIT.fullmatch(before):
            yield line, "co_await stands only as a whole statement or right of `auto x =`"
        awaited = _expression_after(source.code, match.end())
        if "?" in awaited:
            yield line, "?: in an awaited expression"
        if "{" in awaited:
            yield line, "braces in an awaited expression"
        if _LAMBDA.search(awaited):
            yield line, "a lambda in an awaited expression"


def _enclosing(code: str, end: int) -> tuple[list[str], str]:
    """What `end` is inside of.

    First, for each open block, the text between the last statement and its brace; then the text of
    its own statement before it.
    """
    blocks: list[tuple[str, int, int]] = []  # head, and what `start` and `depth` were before it
    start = 0
    depth = 0  # of parentheses: `for (;;)` is one head
    for at in range(end):
        char = code[at]
        if char in "()":
            depth += 1 if char == "(" else -1
        elif char == "{":
            blocks.append((code[start:at], start, depth))
            start, depth = at + 1, 0
        elif char == "}" and blocks:
            _, start, depth = blocks.pop()
            if depth == 0:
                start = at + 1
        elif char == ";" and depth == 0:
            start = at + 1
    return [head for head, _, _ in blocks], code[start:end].strip()


def _expression_after(code: str, start: int) -> str:
    """From `start` to the semicolon that ends the statement."""
    depth = 0
    for at in range(start, len(code)):
        char = code[at]
        if char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        if depth < 0 or (char == ";" and depth == 0):
            return code[start:at]
    return code[start:]


def _check_parameters(source: Source) -> Iterator[Breach]:
    code = source.code
    for match in re.finditer(r"\bTask\s*<", code):
        name_at = _after_bracket(code, match.end() - 1, "<", ">")
        name = re.match(r"\s+[\w:]+\s*(?=\()", code[name_at:])
        if name is None:
            continue
        opening = name_at + name.end()
        inside = code[opening + 1 : _after_bracket(code, opening, "(", ")") - 1]
        for parameter in _split(inside):
            if "&" in parameter and not re.fullmatch(
                r"((anynats|core)::)*Session\s*&\s*\w*", parameter
            ):
                line = source.line_at(match.start())
                yield line, f"a coroutine takes only Session& by reference: {parameter}"


def _after_bracket(code: str, start: int, opening: str, closing: str) -> int:
    depth = 0
    for at in range(start, len(code)):
        depth += (code[at] == opening) - (code[at] == closing)
        if depth == 0:
            return at + 1
    return len(code)


def _split(parameters: str) -> Iterator[str]:
    """The parameters of a list, without default arguments."""
    depth, start = 0, 0
    for at, char in enumerate(parameters + ","):
        depth += (char in "<([{") - (char in ">)]}")
        if char == "," and depth == 0:
            yield " ".join(parameters[start:at].partition("=")[0].split())
            start = at + 1
