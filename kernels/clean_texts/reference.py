"""clean_texts: the NumPy-free oracle, in Python's own strings."""

from __future__ import annotations

from collections.abc import Collection, Iterable

__all__ = ["are_clean"]


def are_clean(texts: Iterable[bytes | None], null_tokens: Collection[str], *, trim: bool) -> bool:
    """Whether every text is valid UTF-8, has no white space at its ends (if those are trimmed) and is no null token.

    >>> are_clean([b"Abu Dhabi", None], ("", "?"), trim=True), are_clean([b"Dubai "], (), trim=True)
    (True, False)
    """
    return all(text is None or _is_clean(text, null_tokens, trim=trim) for text in texts)


def _is_clean(text: bytes, null_tokens: Collection[str], *, trim: bool) -> bool:
    try:
        decoded = text.decode()
    except UnicodeDecodeError:
        return False
    return decoded not in null_tokens and (not trim or decoded == decoded.strip())
