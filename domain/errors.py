"""The project's errors: what went wrong in `message`, the way out in `hint`."""

from __future__ import annotations


class SatisficeError(Exception):
    """Anything that Satisfice raises on purpose.

    Attributes:
        message: What went wrong, and where.
        hint: The way out, or an empty string where there is none to offer.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class UserError(SatisficeError):
    """Something that the user wrote or asked for cannot be done; nothing was started."""


class StudyCodeError(SatisficeError):
    """The study's own code (`problem.py`, `expectations.py`) raised, or broke its contract."""


class ExternalSystemError(SatisficeError):
    """A system that we stand on (a database, a server, the disk) failed us."""


class StudyBusy(UserError):
    """Another process is running this study."""


class NoAllowedConfiguration(UserError):
    """The rules leave nothing of the search space that could be found."""
