"""Which modules of the package import which; as a program, it draws the parts with their imports.

python tests/package_imports.py
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "tf_image_segmentation"
FLOORS = [
    {"errors"},
    {"locks"},
    {"atomic", "structs"},
    {"registry"},
    {"plugins"},
    {"workers"},
    {"download"},
    {"datasets"},
    {"tfrecords", "models"},
    {"input", "inference"},
    {"zoo"},
    {"evaluation"},
    {"training", "export", "inspection"},
    {"planning", "tuning"},
    {"reports"},
    {"cli"},
    {"__main__"},
]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def part_of(module: str) -> str:
    """The package or module right below the root that a module belongs to; "" for the root."""
    return module.partition(".")[2].partition(".")[0]


def imports(module: str, only_on_load: bool = False) -> set[str]:
    """The modules of this package that a module imports.

    Args:
        module: dotted name.
        only_on_load: leaves out what functions and type checkers import.
    """
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(MODULES[module].read_text())]
    while waiting:
        node = waiting.pop()
        if only_on_load and (isinstance(node, ast.FunctionDef) or _is_for_types(node)):
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {name if name in MODULES else node.module for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & MODULES.keys() - {module}


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def cycle() -> list[str]:
    """Modules that import each other in a circle when they are loaded; empty where none do."""
    edges = {module: imports(module, only_on_load=True) for module in MODULES}
    done: set[str] = set()

    def visit(module: str, above: list[str]) -> list[str]:
        if module in above:
            return [*above[above.index(module) :], module]
        if module in done:
            return []
        for below in sorted(edges[module]):
            if found := visit(below, [*above, module]):
                return found
        done.add(module)
        return []

    return next((found for module in MODULES if (found := visit(module, []))), [])


def drawing() -> str:
    """The floors from the top down, each part with its files, lines and what it imports."""
    lines = []
    for floor in reversed(FLOORS):
        for part in sorted(floor):
            modules = [module for module in MODULES if part_of(module) == part]
            below = {part_of(name) for module in modules for name in imports(module)} - {part, ""}
            length = sum(len(MODULES[module].read_text().splitlines()) for module in modules)
            size = f"{len(modules):3} files {length:5} lines"
            lines.append(f"{part:12}{size}  -> {', '.join(sorted(below)) or '-'}")
        lines.append("")
    return "\n".join(lines[:-1])


if __name__ == "__main__":
    print(drawing())
