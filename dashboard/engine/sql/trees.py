"""Reading PostgreSQL's parse trees: the messages inside one, and the names they hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass(frozen=True, slots=True, order=True)
class Name:
    """The name of an object; an empty schema means that the search path decides."""

    schema: str
    text: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.text}" if self.schema else self.text

    def matches(self, other: Name) -> bool:
        """They can be the same object. A name without its schema can be in any."""
        return self.text == other.text and (not self.schema or not other.schema or self.schema == other.schema)

    @classmethod
    def read(cls, text: str) -> Name:
        schema, _, name = text.rpartition(".")
        return cls(schema, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnType:
    """A type as written: its internal name, its numbers, like ("numeric", (10, 2))."""

    name: str
    numbers: tuple[int, ...] = ()
    is_array: bool = False

    def __str__(self) -> str:
        numbers = f"({', '.join(map(str, self.numbers))})" if self.numbers else ""
        return f"{_SPELLINGS.get(self.name, self.name)}{numbers}{'[]' if self.is_array else ''}"


_SPELLINGS: Mapping[str, str] = {
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "float4": "real",
    "float8": "double precision",
    "bpchar": "char",
    "bool": "boolean",
}


def walk(message: Any) -> Iterator[Any]:
    """The message and every message inside it, outermost first."""
    pending = [message]
    while pending:
        node = pending.pop()
        yield node
        for field, value in reversed(node.ListFields()):
            many = _holds_many(field)
            if many:
                pending += value[::-1]
            elif many is False:
                pending.append(value)


def by_kind(message: Any) -> Mapping[str, Sequence[Any]]:
    """Every message of a tree by its type's name, like RangeVar."""
    messages: dict[str, list[Any]] = defaultdict(list)
    for node in walk(message):
        messages[type(node).__name__].append(node)
    return messages


@cache  # of the grammar's fields, which are few: asking one costs more than the rest of a look at it
def _holds_many(field: Any) -> bool | None:
    """Whether it holds several messages or one; None where it holds none."""
    return None if field.message_type is None else bool(field.is_repeated)


def kind(message: Any) -> str:
    return type(message).__name__


def unwrap(node: Any) -> Any:
    """The message inside a Node, or None where it is empty."""
    which = node.WhichOneof("node")
    return getattr(node, which) if which else None


def definition(message: Any) -> Any:
    """The field that Python cannot name with a dot."""
    return unwrap(getattr(message, "def"))


def enum_name(message: Any, field: str) -> str:
    return _members(message.DESCRIPTOR, field)[getattr(message, field)]


@cache  # of the grammar's enums, which are few
def _members(descriptor: Any, field: str) -> Mapping[int, str]:
    enum = descriptor.fields_by_name[field].enum_type
    return {member.number: member.name for member in enum.values}


def relation_name(relation: Any) -> Name:
    return Name(relation.schemaname, relation.relname)


def dotted(nodes: Iterable[Any]) -> Name:
    """A name written as a list of strings, schema first; a catalog before it is left out."""
    parts = strings(nodes)
    return Name(parts[-2] if len(parts) > 1 else "", parts[-1] if parts else "")


def strings(nodes: Iterable[Any]) -> list[str]:
    return [node.string.sval for node in nodes if node.HasField("string")]


def function_name(call: Any) -> str:
    """Without its schema, in lower case."""
    return dotted(call.funcname).text.lower()


def constant(node: Any) -> str | None:
    """The text of a string constant, casts around it left out."""
    if node.HasField("type_cast"):
        return constant(node.type_cast.arg)
    if node.HasField("a_const") and node.a_const.HasField("sval"):
        return str(node.a_const.sval.sval)
    return None


def constant_of(element: Any) -> str:
    """The text that an option like AS or LANGUAGE is given."""
    value = unwrap(element.arg)
    items = [unwrap(item) for item in value.items] if kind(value) == "List" else [value]
    return str(items[0].sval)


def column_type(type_name: Any) -> ColumnType:
    numbers = (unwrap(modifier) for modifier in type_name.typmods)
    return ColumnType(
        name=dotted(type_name.names).text,
        numbers=tuple(n.ival.ival for n in numbers if kind(n) == "A_Const" and n.HasField("ival")),
        is_array=bool(type_name.array_bounds),
    )


def options(nodes: Iterable[Any]) -> dict[str, Any]:
    """WITH (...)-like lists, by lower-case name."""
    return {node.def_elem.defname.lower(): node.def_elem for node in nodes if node.HasField("def_elem")}
