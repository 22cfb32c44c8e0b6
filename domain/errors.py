"""The project's errors: `message` says what went wrong, `hint` says what to do."""

from __future__ import annotations


class SatisficeError(Exception):
    """The base class of all errors that Satisfice raises.

    Attributes:
        message: What went wrong, and where.
        hint: What to do about it; may be empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class UserError(SatisficeError):
    """What the user wrote or asked for cannot be done; nothing was started."""


class StudyCodeError(SatisficeError):
    """The study's own code (`problem.py`, `expectations.py`) raised, or broke its contract."""


class ExternalSystemError(SatisficeError):
    """An external system (a database, a server, the disk) failed."""


class StudyBusy(UserError):
    """Another process is running this study."""


class NoAllowedConfiguration(UserError):
    """No configuration that the rules allow was found."""
