"""Where a request comes from: what a named proxy says, and for everybody else the address that connects."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

OWN = "127.0.0.0/8, ::1"
"""A proxy on this machine."""
_ONE_SITE = 64
"""Bits of an IPv6 address that are one line's or one company's; whoever has them chooses the rest freely."""


def read_networks(named: str) -> tuple[Network, ...]:
    """Addresses and networks, separated by commas.

    Raises:
        ValueError: one of them is neither.
    """
    return tuple(ipaddress.ip_network(part.strip(), strict=False) for part in named.split(",") if part.strip())


class Proxies:
    """Tells where requests come from.

    Args:
        networks: of the proxies whose `X-Forwarded-For` is believed; nobody else's is.
    """

    def __init__(self, networks: Iterable[Network] = ()) -> None:
        self._networks = tuple(networks)

    def origin(self, peer: str, lines: Sequence[str]) -> str:
        """The address that wrong passwords are counted for; of IPv6 its first half.

        Each proxy adds, at the end, who asked it. So the last address that is no proxy's own is the one to count;
        what stands before it is whatever the asker wrote.

        Args:
            peer: the address that connects; empty where there is none.
            lines: every `X-Forwarded-For` of the request, in their order.
        """
        address = _read(peer)
        if address is None:
            return peer
        said = [part for line in lines for part in line.split(",")]
        while self._is_named(address) and said:
            before = _read(said.pop())
            if before is None:  # no proxy writes such a thing; it is not guessed at
                break
            address = before
        if isinstance(address, ipaddress.IPv6Address):
            return str(ipaddress.ip_network((address, _ONE_SITE), strict=False))
        return str(address)

    def _is_named(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def _read(said: str) -> Address | None:
    """An address, perhaps with a port or in brackets; that of an older kind within a newer one is the older one."""
    said = said.strip()
    if said.startswith("["):
        said = said[1:].partition("]")[0]
    elif said.count(":") == 1:
        said = said.partition(":")[0]
    try:
        address = ipaddress.ip_address(said.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
