"""The indexes that blocking queries wait on: one that counts every change, and for each kind of query its last."""

from __future__ import annotations


class Indexes:
    """Where the count began (`first`), where it is (`latest`), and when each kind of query last changed.

    None of them ever goes back. Source: https://developer.hashicorp.com/consul/api-docs/features/blocking
    """

    def __init__(self, start: int = 1) -> None:
        self.first = start
        self.latest = start
        self.services = start
        self._node = start
        self._extinct = start
        self._by_name: dict[str, int] = {}

    def service(self, name: str) -> int:
        """The index of everything about the service `name`.

        For a service that is not there it is that of the last one to vanish, so that nothing need be
        remembered about names that are gone, as in Consul.
        """
        return max(self._by_name.get(name, self._extinct), self._node)

    def change_services(self, name: str, *, gone: bool = False) -> int:
        """An instance of `name` came, changed or went; `gone` when it was the last. Return the new index."""
        self.latest += 1
        self.services = self.latest
        if gone:
            self._by_name.pop(name, None)
            self._extinct = self.latest
        else:
            self._by_name[name] = self.latest
        return self.latest

    def change_checks(self, name: str) -> int:
        """A check of the service `name` came, changed or went. Return the new index."""
        self.latest += 1
        self._by_name[name] = self.latest
        return self.latest

    def change_node(self) -> int:
        """A check of the node came, changed or went: that touches every service. Return the new index."""
        self.latest += 1
        self._node = self.latest
        return self.latest
