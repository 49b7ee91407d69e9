"""Write the parts of a stub that are the same for each face: imports and signatures.

In a stub `import x as x` means that users may import x from here too. The layout is ruff's, so that
a generated stub passes the same checks as any other file. Used by stubs.py.
"""

import ast
import sys
from collections.abc import Iterable, Iterator

WIDTH = 100


def flat(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield statements, those under `if TYPE_CHECKING:` too."""
    for node in body:
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            yield from flat(node.body)
        else:
            yield node


def is_ours(module: str) -> bool:
    return module.startswith(".") or module.partition(".")[0] == "anynats"


def section(module: str) -> int:
    """Return 0 for the standard library, 1 for what is installed, 2 for anynats itself."""
    if is_ours(module):
        return 2
    return 0 if module.partition(".")[0] in sys.stdlib_module_names else 1


class Imports:
    """What a stub may import: whole modules, and names by what they are called here."""

    def __init__(self) -> None:
        self.modules: dict[str, str] = {}  # as it is called here -> the rest of `import `
        self.names: dict[str, tuple[str, str]] = {}  # as it is called here -> module, name there

    def read(self, body: Iterable[ast.stmt]) -> None:
        """Add the imports of `body`."""
        for node in flat(body):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    here = alias.asname or alias.name.partition(".")[0]
                    self.modules[here] = ast.unparse(alias)
            elif isinstance(node, ast.ImportFrom) and node.module != "__future__":
                module = "." * node.level + (node.module or "")
                for alias in node.names:
                    self.names[alias.asname or alias.name] = (module, alias.name)

    def write(self, used: set[str], exported: set[str]) -> str:
        """Return the statements for the names in `used` and, as `x as x`, for those `exported`."""
        sections: list[list[str]] = [[], [], []]
        for here, text in sorted(self.modules.items(), key=lambda item: item[1]):
            if here in used:
                sections[section(text)].append(f"import {text}")

        renamed: list[tuple[str, str, str]] = []
        plain: dict[str, list[str]] = {}
        for here, (module, name) in self.names.items():
            if here in exported or (here in used and here != name):
                renamed.append((module, name, here))
            elif here in used or here == "*":
                plain.setdefault(module, []).append(name)
        lines = [(module, "", from_line(module, names)) for module, names in plain.items()]
        lines += [(m, *order(name)[2:], f"from {m} import {name} as {h}") for m, name, h in renamed]
        for module, _, line in sorted(lines):
            sections[section(module)].append(line)
        return "\n\n".join("\n".join(lines) for lines in sections if lines)


def order(name: str) -> tuple[bool, bool, str]:
    """Return the key by which ruff sorts names: constants, then classes, then the rest."""
    return (not (name.isupper() and len(name) > 1), not name[0].isupper(), name)


def from_line(module: str, names: list[str]) -> str:
    ordered = sorted(names, key=order)
    line = f"from {module} import {', '.join(ordered)}"
    if len(line) > WIDTH:
        line = f"from {module} import (\n    " + ",\n    ".join(ordered) + ",\n)"
    return line


def parameter(arg: ast.arg, default: ast.expr | None = None, stars: str = "") -> str:
    text = stars + arg.arg
    if arg.annotation:
        text += f": {ast.unparse(arg.annotation)}"
    if default is None:
        return text
    # A literal is worth showing, and stubtest compares it; anything else may be private.
    is_literal = isinstance(default, ast.Constant | ast.UnaryOp)
    value = ast.unparse(default) if is_literal else "..."
    return f"{text} = {value}" if arg.annotation else f"{text}={value}"


def parameters(args: ast.arguments) -> list[str]:
    positional = [*args.posonlyargs, *args.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(args.defaults))
    defaults += args.defaults
    texts = [parameter(a, d) for a, d in zip(positional, defaults, strict=True)]
    if args.posonlyargs:
        texts.insert(len(args.posonlyargs), "/")
    if args.vararg:
        texts.append(parameter(args.vararg, stars="*"))
    elif args.kwonlyargs:
        texts.append("*")
    texts += [parameter(a, d) for a, d in zip(args.kwonlyargs, args.kw_defaults, strict=True)]
    if args.kwarg:
        texts.append(parameter(args.kwarg, stars="**"))
    return texts


def laid_out(indent: str, opening: str, arguments: list[str], closing: str) -> str:
    """Write a signature in one line, with its arguments in one line, or with a line for each."""
    line = f"{indent}{opening}({', '.join(arguments)}){closing}"
    if len(line) <= WIDTH:
        return line
    inner = f"{indent}    {', '.join(arguments)}"
    if len(inner) > WIDTH:
        inner = "\n".join(f"{indent}    {argument}," for argument in arguments)
    return f"{indent}{opening}(\n{inner}\n{indent}){closing}"
