"""The errors of discovery.

RegistryError                   the registry could not do what was asked
├── RegistryUnreachable         it gave no answer; the same request may succeed later
├── RegistryRefused             it answered no: `status` and `reason` are its own
├── NoAnswerYet                 it has told nothing so far about a service that is watched
└── RegistryClosed              this end was closed before
"""

from __future__ import annotations

from atoll.core.errors import AtollError


class RegistryError(AtollError):
    """Base of this package's errors."""

    code = "registry"


class RegistryUnreachable(RegistryError):
    """The registry at `url` gave no answer, or none that could be understood."""

    code = "unavailable"
    retryable = True

    def __init__(self, url: str, cause: str) -> None:
        self.url = url
        super().__init__(f"the registry at {url} gave no answer ({cause}); is it running there?")


class RegistryRefused(RegistryError):
    """The registry answered with the HTTP `status` and the text `reason` instead of doing what was asked."""

    code = "registry_refused"

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        self.reason = reason
        super().__init__(f"the registry refused with {status}: {reason}")


class NoAnswerYet(RegistryError):
    """The registry has told nothing so far about `service`, which is watched."""

    code = "unavailable"
    retryable = True

    def __init__(self, service: str) -> None:
        self.service = service
        super().__init__(f"the registry has told nothing about {service} so far; the log says why")


class RegistryClosed(RegistryError):
    """The registry was used after `close`, or closed while it was asked."""

    code = "registry_closed"

    def __init__(self) -> None:
        super().__init__("this connection to the registry is closed; open another")
