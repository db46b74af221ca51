"""Restriction to loopback addresses: a connection to another host is an error in every test."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any


class OtherHostError(RuntimeError):
    """A test tried to reach a host outside this machine. It is no `OSError`, which code under test would handle as a
    failure.
    """


def refuse_other_hosts(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook that raises before a socket connects, or a name is resolved, outside this machine."""
    if event == "socket.connect":
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    else:
        return
    if isinstance(host, bytes):
        host = host.decode(errors="replace")
    if isinstance(host, str) and host and not _is_this_machine(host):
        raise OtherHostError(f"{event} of {host!r}: tests reach this machine only")


def _is_this_machine(host: str) -> bool:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        name = host.lower()
        return name == "localhost" or name.endswith((".localhost", ".invalid"))
    return address.is_loopback or address.is_unspecified
