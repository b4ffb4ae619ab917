"""Text as a database with another encoding than UTF-8 can store it."""

from __future__ import annotations

#: PostgreSQL's names of encodings, as Python calls them. An encoding that is not here keeps plain ASCII only.
_CODECS = {
    "EUC_CN": "gb2312",
    "EUC_JP": "euc_jp",
    "EUC_KR": "euc_kr",
    "KOI8R": "koi8_r",
    "KOI8U": "koi8_u",
    "LATIN1": "latin_1",
    "LATIN2": "iso8859_2",
    "LATIN3": "iso8859_3",
    "LATIN4": "iso8859_4",
    "LATIN5": "iso8859_9",
    "LATIN6": "iso8859_10",
    "LATIN7": "iso8859_13",
    "LATIN8": "iso8859_14",
    "LATIN9": "iso8859_15",
    "LATIN10": "iso8859_16",
    "WIN866": "cp866",
    "WIN874": "cp874",
    **{f"WIN{page}": f"cp{page}" for page in range(1250, 1259)},
    **{f"ISO_8859_{part}": f"iso8859_{part}" for part in range(5, 9)},
}
#: These keep whatever is sent as UTF-8; the second without looking at it.
KEEP_ALL = frozenset({"UTF8", "SQL_ASCII"})


def kept(text: str, encoding: str) -> str:
    """Characters that a database of this encoding cannot store are escaped: a dash becomes \\u2013."""
    if encoding in KEEP_ALL:
        return text
    codec = _CODECS.get(encoding, "ascii")
    return text.encode(codec, "backslashreplace").decode(codec)
