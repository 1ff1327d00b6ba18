"""All steps in order: from the sources to a formatted tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codegen.bundle import add_bundle, add_bundle_loader, add_meta_bundle
from codegen.crosscheck import crosscheck
from codegen.frames import add_frames
from codegen.problems import Problem, SourceError
from codegen.protobuf import add_protobuf
from codegen.structs import add_contracts, add_messages
from codegen.tables import add_registry, add_revision_tables
from codegen.tree import Tree
from codegen.validate import MetaSchemas, load_specification, validate_schemas, validate_vectors

if TYPE_CHECKING:
    from codegen.layout import Layout
    from codegen.model import Specification

__all__ = ["build", "read_sources"]


def read_sources(layout: Layout) -> list[Specification]:
    """Every protocol's tables, valid and in agreement with each other.

    Raises:
        SourceError: with every fault of every file.
    """
    problems: list[Problem] = validate_schemas(layout)
    if problems:
        raise SourceError(problems)
    meta = MetaSchemas(layout)
    specifications: list[Specification] = []
    for protocol in layout.protocols():
        try:
            spec = load_specification(protocol, layout, meta)
        except SourceError as error:
            problems += error.problems
            continue
        problems += crosscheck(spec)
        specifications.append(spec)
    problems += validate_vectors(layout, meta)
    if problems:
        raise SourceError(problems)
    return specifications


def build(layout: Layout) -> Tree:
    """The whole generated tree.

    Raises:
        SourceError: the sources are at fault.
        ToolError: a tool is missing or failed.
    """
    specifications = read_sources(layout)
    tree = Tree()
    add_registry(specifications, tree)
    add_bundle_loader(tree)
    add_meta_bundle(layout, tree)
    add_contracts(layout, tree)
    add_protobuf(layout, tree)
    for spec in specifications:
        for revision in spec.protocol.active():
            add_revision_tables(spec, revision, tree)
            add_frames(spec, revision, tree)
            add_messages(spec, revision, layout, tree)
            add_bundle(spec, revision, layout, tree)
    tree.format()
    return tree
