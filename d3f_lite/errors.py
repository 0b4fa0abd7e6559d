"""The typed errors: one line each, what is wrong and what to do about it (exit code 2 on the command line)."""


class D3FError(Exception):
    """Base of every error that a user can cause and mend; it reads as one printable line, whatever a path or a file says."""

    def __str__(self):
        line = " ".join(super().__str__().split())
        return "".join(character if character.isprintable() else "?" for character in line)


class PhotoError(D3FError):
    """A photo is missing, unreadable, empty or too large."""


class MaskError(D3FError):
    """An occlusion mask is unreadable, of another size than its photo, or all one colour."""


class LandmarkError(D3FError):
    """No face, unusable landmarks, or too few reliable ones to fit a head."""


class HeadError(D3FError):
    """A head model is missing, of an unknown kind, or broken."""


class AssetError(D3FError):
    """A shipped or fetched file is missing or not the file it should be."""


class SettingsError(D3FError):
    """A setting is unknown, of the wrong type or out of range."""


class OutputError(D3FError):
    """A result cannot be written where it was asked for."""


class Cancelled(D3FError):
    """The work was stopped on request; nothing was written."""
