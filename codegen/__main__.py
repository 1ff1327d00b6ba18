"""``python -m codegen``: generate, or only say what differs.

Exit status: 0 done, or nothing differs; 1 something differs; 2 the sources or a tool are at fault.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from codegen.generate import build
from codegen.layout import REPOSITORY, Layout
from codegen.pins import check_pins
from codegen.problems import SourceError, ToolError

if TYPE_CHECKING:
    from collections.abc import Sequence

DONE, DIFFERS, FAULT = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="codegen", description="Generate the bindings.")
    parser.add_argument("--check", action="store_true", help="write nothing, name what differs")
    parser.add_argument("--root", type=Path, default=REPOSITORY, help="the repository to read")
    parser.add_argument("--out", type=Path, help="write here instead of generated/python")
    options = parser.parse_args(arguments)
    root: Path = options.root.resolve()
    out: Path = (options.out or root / "generated" / "python").resolve()
    layout = Layout(root=root, out=out)
    try:
        check_pins(layout)
        tree = build(layout)
    except SourceError as error:
        sys.stderr.write(f"The sources have {len(error.problems)} faults:\n{error}\n")
        return FAULT
    except ToolError as error:
        sys.stderr.write(f"{error}\n")
        return FAULT
    if options.check:
        return _report(tree.differences(out))
    changed = tree.write(out)
    sys.stdout.write(f"{len(tree.files)} files, {len(changed)} changed\n")
    return DONE


def _report(differences: list[str]) -> int:
    if not differences:
        sys.stdout.write("generated code is what its sources say\n")
        return DONE
    sys.stderr.write("\n".join([*differences, "Run: nox -s generate", ""]))
    return DIFFERS


if __name__ == "__main__":
    sys.exit(main())
