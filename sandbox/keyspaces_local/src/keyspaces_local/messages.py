"""The JSON of the control port: values to messages and back. A wrong message is a ValueError."""

from dataclasses import asdict, fields
from enum import Enum
from typing import Any

from keyspaces_local.behaviour import Behaviour
from keyspaces_local.capacity import TableCapacity
from keyspaces_local.faults import ErrorAnswer, Fault, FaultAction, FaultCount, Operation

Message = dict[str, Any]
_ENUMS: dict[str, type[Enum]] = {
    "action": FaultAction,
    "operation": Operation,
    "answer": ErrorAnswer,
}


def fault_message(fault: Fault) -> Message:
    return {
        name: value.value if isinstance(value, Enum) else value
        for name, value in asdict(fault).items()
    }


def fault_of(message: Message) -> Fault:
    _check_names(message, Fault)
    return Fault(**{name: _fault_field(name, value) for name, value in message.items()})


def fault_count_message(count: FaultCount) -> Message:
    return {**asdict(count), "fault": fault_message(count.fault)}


def fault_count_of(message: Message) -> FaultCount:
    return FaultCount(**{**message, "fault": fault_of(message["fault"])})


def capacity_of(message: Message) -> TableCapacity:
    _check_names(message, TableCapacity)
    for name, value in message.items():
        if value is not None and not _is_number(value):
            raise ValueError(f"{name} is a number, not {value!r}")
    found = TableCapacity(**message)
    if any(rate is not None and rate <= 0 for rate in (found.write, found.read)):
        raise ValueError("a capacity is above 0")
    return found


def behaviour_message(behaviour: Behaviour) -> Message:
    return asdict(behaviour)


def behaviour_of(message: Message, start: Behaviour | None = None) -> Behaviour:
    """`start` (the default behaviour) with the fields of the message."""
    start = start or Behaviour()
    _check_names(message, Behaviour)
    for name, value in message.items():
        switch = isinstance(getattr(start, name), bool)
        if switch != isinstance(value, bool) or not (switch or _is_number(value)):
            raise ValueError(f"{name} is {'true or false' if switch else 'a number'}")
    return Behaviour(**{**asdict(start), **message})


def _fault_field(name: str, value: object) -> Any:
    if name in _ENUMS:
        return _ENUMS[name](value)
    if name in ("share", "seconds", "seed") and not _is_number(value):
        raise ValueError(f"{name} is a number, not {value!r}")
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_names(message: Message, kind: type) -> None:
    known = {field.name for field in fields(kind)}
    if not isinstance(message, dict) or not set(message) <= known:
        raise ValueError(f"{kind.__name__} has the fields {', '.join(sorted(known))}")
