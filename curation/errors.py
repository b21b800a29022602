"""The ways in which a request or an item can fail."""


class CurationError(Exception):
    """Base of all errors that carry a message meant for the user."""


class UserError(CurationError):
    """The request cannot run: told in one line (what, where, what to do), exit status 2."""


class ItemError(CurationError):
    """One source video or one clip cannot be processed; it becomes a row with this reason."""


class DiskFullError(CurationError):
    """No space is left where something must be written. It stops the run: no item is to blame."""


class ItemTimeoutError(ItemError):
    """An item used up the time that its stage allows (``run.timeout_s``)."""
