"""Which tables a statement reads, and for which site, as the database itself understands it.

The engine's own analysis (EXPLAIN QUERY TREE, before any rewriting) is read instead of the text, so that nothing here
depends on how a statement is laid out.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from stats.store.client import EventStore

QUERY_TAGS = frozenset({"query", "first event", "funnel", "retention", "journeys"})
WATCHED_TAGS = QUERY_TAGS | {"identities", "money", "visitor journey"}

_ATTRIBUTE = re.compile(r"(\w+): ('(?:\\.|[^'\\])*'|Array_\[[^\]]*\]|[^,]*)")
_SITE = re.compile(r"UInt64_(\d+)")
_SITES = re.compile(r"Array_\[(?:UInt64_\d+(?:, )?)+\]")
_FUNCTIONS_THAT_READ = re.compile(r"dictGet|dictHas|joinGet", re.IGNORECASE)
_FREE_TABLE_FUNCTIONS = {"numbers", "values"}


@dataclass
class Node:
    """One line of the tree; `kind` is its first words in capitals."""

    kind: str
    attributes: Mapping[str, str]
    children: "list[Node]" = field(default_factory=list)

    def all(self) -> "Iterator[Node]":
        """Yield the node and everything below."""
        yield self
        for child in self.children:
            yield from child.all()

    def part(self, kind: str) -> "Node | None":
        """Return the child of a kind."""
        return next((child for child in self.children if child.kind == kind), None)


@dataclass(frozen=True)
class TableRead:
    """A table in a FROM clause, and the sites that a condition on every row of it names.

    Exactly one, but for a consolidated view, whose sites one condition names together.
    """

    table: str
    sites: frozenset[int]


def table_reads(store: EventStore, sql: str, parameters: Mapping[str, object] | None) -> list[TableRead]:
    """Return every reading of a table in a statement, sub-queries included.

    Raises: AssertionError for what reads rows in a way that no condition on `site_id` could bind.
    """
    rows = store.read_rows(f"EXPLAIN QUERY TREE run_passes = 0 {sql}", parameters, tag="explain")
    root = _tree([next(iter(row.values())) for row in rows])
    named = {node.attributes["cte_name"] for node in root.all() if "cte_name" in node.attributes}
    found: list[TableRead] = []
    for node in root.all():
        assert node.attributes.get("alias") != "site_id", f"something else is called site_id in {sql}"
        function = node.attributes.get("function_name", "")
        assert not _FUNCTIONS_THAT_READ.match(function), f"{function} in {sql}"
        if function.lower() in {"in", "notin", "globalin", "globalnotin"}:
            found += [TableRead(name, frozenset()) for name in _tables_in_a_set(node) if name not in named]
        if node.kind == "QUERY":
            found += _reads_of(node, named)
    return found


def _tree(lines: list[str]) -> Node:
    root = Node("ROOT", {})
    above = [root]
    for line in lines:
        text = line.lstrip(" ")
        depth = (len(line) - len(text)) // 2
        kind = re.match(r"[A-Z_ ]+(?= id:|,|$)|[A-Z_]+(?: [A-Z_]+)*", text)
        assert kind, line
        node = Node(kind[0].strip(), dict(_ATTRIBUTE.findall(text)))
        above[depth + 1 :] = [node]
        above[depth].children.append(node)
    return root


def _reads_of(query: Node, named: set[str]) -> list[TableRead]:
    """Return the tables that one SELECT itself reads, each with the sites that its own conditions allow."""
    source = query.part("JOIN TREE")
    tables = [] if source is None else [node for node in _sources(source) if node.attributes["identifier"] not in named]
    tables = [node for node in tables if node.attributes["identifier"] != "system.one"]
    conditions = [part for kind in ("WHERE", "PREWHERE") if (part := query.part(kind)) is not None]
    allowed = [pair for part in conditions for child in part.children for pair in _sites_required(child)]
    found = []
    for node in tables:
        table = node.attributes["identifier"]
        columns = {f"{node.attributes.get('alias', table)}.site_id"} | ({"site_id"} if len(tables) == 1 else set())
        found.append(TableRead(table, frozenset(site for column, site in allowed if column in columns)))
    return found


def _sources(node: Node) -> Iterator[Node]:
    """Yield the tables of a FROM clause, not those inside of its sub-queries."""
    for child in node.children:
        if child.kind == "TABLE_FUNCTION":
            name = child.attributes["table_function_name"]
            assert name in _FREE_TABLE_FUNCTIONS, f"reads from the function {name}"
        elif child.kind == "IDENTIFIER":
            yield child
        elif child.kind not in {"QUERY", "UNION", "JOIN EXPRESSION", "JOIN EXPRESSIONS"}:
            yield from _sources(child)


def _arguments(function: Node) -> list[Node]:
    arguments = function.part("ARGUMENTS")
    return arguments.children[0].children if arguments else []


def _sites_required(condition: Node) -> Iterator[tuple[str, int]]:
    """Yield column and site of every `site_id = number` or `IN` numbers that must hold for the condition to hold."""
    function = condition.attributes.get("function_name")
    if function == "and":
        for part in _arguments(condition):
            yield from _sites_required(part)
    elif function == "equals":
        left, right = _arguments(condition)
        for column, number in ((left, right), (right, left)):
            site = _SITE.fullmatch(_constant(number))
            if column.kind == "IDENTIFIER" and site:
                yield column.attributes["identifier"], int(site[1])
    elif function == "in":
        column, numbers = _arguments(condition)
        if column.kind == "IDENTIFIER" and _SITES.fullmatch(_constant(numbers)):
            for number in _SITE.findall(_constant(numbers)):
                yield column.attributes["identifier"], int(number)


def _constant(node: Node) -> str:
    """Return a constant as the tree writes it, whatever type a parameter gave it; empty for anything else."""
    constant = _arguments(node)[0] if node.attributes.get("function_name") == "_CAST" else node
    return constant.attributes.get("constant_value", "")


def _tables_in_a_set(function: Node) -> Iterator[str]:
    _, values = _arguments(function)
    if values.kind == "IDENTIFIER":
        yield values.attributes["identifier"]
