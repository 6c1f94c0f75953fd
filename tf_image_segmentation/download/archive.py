"""Description of a published file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Archive:
    """A published file that can be fetched without an account.

    Attributes:
        url: its address.
        checksum: as published, ``"md5:..."`` or ``"sha256:..."``, or its first digits; None where
            none is published.
        product: path of the file or folder inside the archive that is wanted, which is also its
            path below ``folder``. ``"."`` is everything: it joins what already lies in ``folder``,
            so that several archives can fill the same one.
        folder: where below the dataset's root the archive is unpacked.
        required: paths below ``product`` without which it is not whole; with the product ``"."``
            one at least, because they tell whether it is there.
        max_bytes: the most that it may unpack to.
        filename: its name on disk; None takes the end of the address.
        unpack: False for a file that is wanted as it is, in ``folder``.
    """

    url: str
    checksum: str | None = None
    product: str = "."
    folder: str = "."
    required: tuple[str, ...] = ()
    max_bytes: int = 8 * 10**9
    filename: str | None = None
    unpack: bool = True

    @property
    def name(self) -> str:
        """Name of the file on disk, whatever mirror it comes from."""
        return self.filename or self.url.rpartition("/")[2]
