"""Protobuf modules, by buf with protoc's own generators."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from codegen.problems import ToolError
from codegen.tree import header

if TYPE_CHECKING:
    from codegen.layout import Layout
    from codegen.tree import Tree

__all__ = ["add_protobuf", "buf"]

_BARE_MAPPING = re.compile(r"(?<!as )\b_Mapping\b(?!\[)")
_TEMPLATE = Path(__file__).parent / "buf.gen.yaml"
_PACKAGE = '''"""Protobuf messages. They load protobuf, which an extra of Understudy brings."""

try:
    import google.protobuf as _protobuf
except ModuleNotFoundError as error:  # whoever lacks it shall read what to do
    raise ModuleNotFoundError(
        "{extra} needs protobuf, which is not installed: pip install 'understudy[{extra}]'",
        name=error.name,
    ) from error

try:
    import avatar_protocols.{module}  # noqa: F401 - does protobuf take it?
except Exception as error:  # by one of its own errors protobuf refuses what a newer one generated
    raise ModuleNotFoundError(
        "{extra} needs another protobuf than the one that is installed, "
        f"{{_protobuf.__version__}}: pip install 'understudy[{extra}]'",
        name="google.protobuf",
    ) from error
'''


def add_protobuf(layout: Layout, tree: Tree) -> None:
    """Take the modules and stubs of every proto file.

    Raises:
        ToolError: buf or grpcio-tools is missing, or refuses the files.
    """
    if not layout.proto.is_dir():
        return
    with tempfile.TemporaryDirectory() as folder:
        buf("generate", str(layout.proto), "--template", str(_TEMPLATE), "--output", folder)
        home = Path(folder)
        for path in sorted(home.rglob("*.py*")):
            relative = path.relative_to(home)
            stem = relative.name.partition("_pb2.")[0]
            source = f"proto/{relative.with_name(f'{stem}.proto').as_posix()}"
            # protoc's stubs leave the type arguments out, which strict type checkers refuse.
            text = path.read_text(encoding="utf-8")
            if path.suffix == ".pyi":
                text = _BARE_MAPPING.sub("_Mapping[str, _Any]", text)
                text = f"from typing import Any as _Any\n{text}"
            text = header([source]) + text
            tree.add(f"avatar_protocols/{relative.as_posix()}", text)
        modules = sorted(path.relative_to(home) for path in home.rglob("*_pb2.py"))
        for package, first in {path.parent: path for path in reversed(modules)}.items():
            module = ".".join(first.with_suffix("").parts)
            tree.add(
                f"avatar_protocols/{package.as_posix()}/__init__.py",
                _PACKAGE.format(extra=package.parts[0], module=module),
                [f"proto/{package.as_posix()}"],
            )


def buf(*arguments: str) -> None:
    """Run the buf that is installed beside this Python.

    Raises:
        ToolError: it is missing, or it failed; the text is what it wrote.
    """
    scripts = sysconfig.get_path("scripts")
    # The plugin is started as `python -m grpc_tools.protoc`: that must be this Python.
    path = os.pathsep.join([str(Path(sys.executable).parent), scripts, os.environ.get("PATH", "")])
    command = shutil.which("buf", path=path)
    if command is None:
        raise ToolError("buf is not installed: install the dependency group `codegen`")
    done = subprocess.run(  # noqa: S603 (our own tool)
        [command, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PATH": path},
    )
    if done.returncode:
        raise ToolError(f"buf {arguments[0]} failed:\n{done.stdout}{done.stderr}")
