"""Every error that the project raises, in one tree.

Each message says what was wrong, where, and what to do about it.

    CostattrError
    ├── BadInput             the same input fails again; a caller must change it
    │   ├── BadUsage         a count that no provider can have meant
    │   ├── BadAttribution   a tenant, feature or tag that is not allowed
    │   ├── BadPriceBook     a price entry or overlay that cannot be true
    │   ├── BadTelemetry     bytes that are not OTLP
    │   └── BadSettings      a setting that is unknown or makes no sense
    └── StoreError           ClickHouse refused or did not answer
        ├── RetryableError   the same bytes may succeed later
        └── PermanentError   the same bytes fail for ever

It stands alone, so that everything can import it.
"""

from __future__ import annotations


class CostattrError(Exception):
    """The root of all errors that this project raises."""


class BadInput(CostattrError):  # noqa: N818 - named by what it says, as the tree above
    """The input is wrong and stays wrong until somebody changes it."""


class BadUsage(BadInput):
    """A count is negative, not a whole number, or larger than any call can be."""


class BadAttribution(BadInput):
    """An owner value has a length, a character or a key that is not allowed."""


class BadPriceBook(BadInput):
    """A price entry overlaps, has an unknown key or a rate that cannot be true."""


class BadTelemetry(BadInput):
    """Received bytes are not the OTLP message that they claim to be."""


class BadSettings(BadInput):
    """A setting is unknown, contradicts another one or is out of range."""


class StoreError(CostattrError):
    """ClickHouse refused an operation or did not answer."""


class RetryableError(StoreError):
    """The same bytes may succeed later; nothing has to change."""


class PermanentError(StoreError):
    """The same bytes fail for ever; they are parked with the reason."""
