"""Characters that a reader cannot see, or that change the order of what they see: shown as their code point.

They can make a reason, a notice or an error say the opposite of what stands there. Ordinary blanks and ends of line are
none of them.
"""

from __future__ import annotations

import re

#: Controls, marks of direction, joiners and blanks of no width, fillers, variation selectors and tags. Behind a symbol
#: the two selectors that choose its drawing are part of an emoji.
UNSEEN = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    r"\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
    r"|\r(?!\n)|(?<![\u203c-\u3299\U0001f000-\U0001faff])[\ufe0e\ufe0f]"
)


def shown(text: str) -> str:
    """The same text with each of them as [U+202E]."""
    return UNSEEN.sub(lambda match: f"[{code_point(match[0])}]", text)


def code_point(character: str) -> str:
    return f"U+{ord(character):04X}"
