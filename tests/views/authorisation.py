"""docs/authorisation.md, from the table that the tests ask: `python -m tests.views.authorisation` writes it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.views.test_access import Address, Answers

PAGE = Path(__file__).parents[2] / "docs" / "authorisation.md"

HEAD = """# Who may do what

Made from the table in `tests/views/test_access.py` by `python -m tests.views.authorisation`. The suite asks every
address as every person, with GET and with POST; it fails where an address has no row, where an answer is another one,
and where this page is out of date.

Whoever is not signed in is sent to the sign-in page. Whoever has no role is refused everywhere, but for signing out and
the theme. A superuser counts as admin. *Own* is what a POST about one's own request, run or opening of the glass is
answered, where that differs; the other columns are about those of somebody else. `approvers` and `approver_role` of an
environment narrow who approves there, and `break_glass_role` who may break the glass. `/admin/` is for admins, who only
read there.

The API takes no session: without a token in the header `Authorization` it answers 401 to everybody, signed in or not.
A token acts for an account, as a requester at most, within its scopes and environments; no token approves, rejects,
breaks the glass or manages anything. docs/API.md says which scope each address needs.

The worker asks again when a run is executed: the role of whoever started it, the role of whoever asked, the approvals,
and the policy of that moment.

| address | verb | viewer | requester | approver | admin | own |
| --- | --- | --- | --- | --- | --- | --- |
"""

WORDS = {200: "sees it", 302: "yes", 401: "token", 403: "no"}
#: To GET: an address that is only for POST.
NOT_ASKED = 405


def document(table: Mapping[str, Address]) -> str:
    return HEAD + "".join(f"{row}\n" for name, address in table.items() for row in _rows(name, address))


def _rows(name: str, address: Address) -> Iterator[str]:
    from dashboard import urls

    pattern = next(str(each.pattern) for each in urls.urlpatterns if each.name == name)
    for verb, answers, own in (("GET", address.get, None), ("POST", address.post, address.own)):
        if set(answers) != {NOT_ASKED}:
            cells = [f"`/{pattern}`", verb, *map(_word, answers), _own(own)]
            yield f"| {' | '.join(cells)} |"


def _word(answer: int) -> str:
    return WORDS.get(answer, f"answer {answer}")


def _own(answers: Answers | None) -> str:
    if answers is None:
        return ""
    from tests.views.test_access import ROLES

    allowed = [role for role, answer in zip(ROLES, answers, strict=True) if _word(answer) != WORDS[403]]
    if not allowed:
        return WORDS[403]
    return "yes" if len(allowed) == len(ROLES) else f"yes, from {allowed[0]}"


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from tests.views.test_access import TABLE

    PAGE.write_text(document(TABLE), encoding="utf-8")


if __name__ == "__main__":
    main()
