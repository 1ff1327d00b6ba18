"""msgspec Structs from JSON Schemas, by datamodel-code-generator.

Its msgspec template is replaced by one that keeps what it would drop: ``additionalProperties:
false`` becomes ``forbid_unknown_fields``. What a Struct cannot say (conditions, patterns of
property names, base64, ``const: false``) stays with the schema, which is bundled beside the
Structs for validation at run time (see ``codegen.bundle``); a test holds both to it.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from codegen.flatten import closure, flatten
from codegen.naming import constant_name, revision_module
from codegen.polish import polish
from codegen.problems import ToolError

if TYPE_CHECKING:
    from codegen.flatten import Definitions, Schema
    from codegen.layout import Layout
    from codegen.model import Specification
    from codegen.tree import Tree

__all__ = ["add_contracts", "add_messages", "struct_module"]

_TEMPLATES = Path(__file__).parent / "templates" / "model"


def struct_module(schemas: dict[str, Schema], title: str, epilogue: str = "") -> str:
    """The source of a module that has one class or alias for each schema.

    Args:
        schemas: definitions that refer to each other only.
        title: the module's docstring.
        epilogue: source that follows the classes; may use `StrEnum`.

    Raises:
        ToolError: datamodel-code-generator failed.
    """
    # It takes 0.3 s to load, and only this step needs it.
    from datamodel_code_generator import InputFileType, generate
    from datamodel_code_generator.enums import DataModelType, NamingStrategy
    from datamodel_code_generator.format import Formatter, PythonVersion
    from datamodel_code_generator.parser import LiteralType

    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": schemas}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        try:
            text = generate(
                json.dumps(document),
                input_filename="schemas",
                input_file_type=InputFileType.JsonSchema,
                output_model_type=DataModelType.MsgspecStruct,
                target_python_version=PythonVersion.PY_311,
                custom_template_dir=_TEMPLATES,
                custom_file_header="#",
                disable_timestamp=True,
                enum_field_as_literal=LiteralType.All,
                formatters=[Formatter.BUILTIN],
                keyword_only=True,
                naming_strategy=NamingStrategy.ParentPrefixed,
                skip_root_model=True,
                snake_case_field=True,
                use_annotated=True,
                use_double_quotes=True,
                use_field_description=True,
                use_schema_description=True,
                use_standard_collections=True,
                use_title_as_name=True,
                use_union_operator=True,
            )
        except Exception as error:
            raise ToolError(f"datamodel-code-generator failed: {error}") from error
    if not isinstance(text, str):
        raise ToolError("datamodel-code-generator wrote several modules instead of one")
    future = "from __future__ import annotations\n"
    text = text.replace(future, f"{future}from enum import StrEnum\n", 1)
    return polish(f"{text}\n{epilogue}", title)


def _unions(definitions: Definitions) -> list[str]:
    """Names of the files' roots that are unions told apart by a member: the messages."""
    return [
        name
        for name in definitions.roots.values()
        if "propertyName" in definitions.schemas[name].get("discriminator", {})
    ]


def add_messages(spec: Specification, revision: str, layout: Layout, tree: Tree) -> None:
    """Take ``messages.py`` (what is told apart by a member) and ``rest.py`` (all other bodies)."""
    folder = layout.schemas / spec.id / revision
    files = sorted(folder.glob("*.schema.json"))
    if not files:
        return
    definitions = flatten(files, layout)
    home = f"avatar_protocols/{spec.id}/{revision_module(revision)}"
    sources = [f"{layout.name(folder)}/*.schema.json"]
    name = f"{spec.protocol.title}, revision {revision}"
    unions = _unions(definitions)
    messages = closure(definitions.schemas, unions)
    if messages:
        title = f"Messages of {name}: JSON, each told apart by its name."
        text = struct_module(messages, title, _names(definitions, unions))
        tree.add(f"{home}/messages.py", text, sources)
    bodies = closure(
        definitions.schemas, [name for name in definitions.schemas if name not in messages]
    )
    if bodies:
        title = f"Bodies of the REST calls of {name}."
        tree.add(f"{home}/rest.py", struct_module(bodies, title), sources)


def _names(definitions: Definitions, unions: list[str]) -> str:
    """The enumeration of the messages' names, in the order of the unions, the widest first."""
    mappings: list[dict[str, str]] = [
        definitions.schemas[union]["discriminator"]["mapping"] for union in unions
    ]
    mappings.sort(key=len, reverse=True)
    names = dict.fromkeys(name for mapping in mappings for name in mapping)
    members = "\n".join(f"    {constant_name(name)} = {name!r}" for name in names)
    return (
        f'class MessageName(StrEnum):\n    """Name of each message on the wire."""\n\n{members}\n'
    )


def add_contracts(layout: Layout, tree: Tree) -> None:
    """Take the Structs of our own formats: adapter contract, room socket, traces and results."""
    adapter = sorted((layout.schemas / "adapter" / "v1").glob("*.schema.json"))
    room = sorted((layout.schemas / "room" / "v1").glob("*.schema.json"))
    trace = [layout.meta / "trace.schema.json"]
    results = [layout.meta / "results.schema.json"]
    modules = (
        ("avatar_protocols/adapter/v1.py", adapter, "The adapter contract, version 1."),
        ("avatar_protocols/room/v1.py", room, "The local room socket, version 1."),
        ("avatar_protocols/trace.py", trace, "Traces: what a run recorded."),
        ("avatar_protocols/results.py", results, "Result files: what a run found."),
    )
    for path, files, title in modules:
        definitions = flatten(files, layout)
        shown = [layout.name(file) for file in files]
        sources = shown if len(files) == 1 else [f"{layout.name(files[0].parent)}/*.schema.json"]
        tree.add(path, struct_module(definitions.schemas, title), sources)
    packages = (("adapter", "The adapter contract"), ("room", "The local room socket"))
    for package, title in packages:
        tree.add(
            f"avatar_protocols/{package}/__init__.py",
            f'"""{title}, a module for each version."""\n',
            [f"schemas/{package}"],
        )
