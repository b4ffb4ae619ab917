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
address as every person, with every verb; it fails where an address has no row, where an answer is another one,
and where this page is out of date.

HEAD is answered as GET is. Every other verb (PUT, PATCH, DELETE, OPTIONS, TRACE and whatever else is sent) is answered
405 at every address, to everybody, before anything is looked up. A verb without a row is answered 405 too.

*Stranger* is whoever is not signed in; *no role* is whoever is, and may do nothing. *Own* is what a POST about one's
own request, run or opening of the glass is answered, where that differs; the other columns are about those of somebody
else. About a person who is a superuser, `/people/` answers only superusers. `approvers` and `approver_role` of an
environment narrow who approves there, and `break_glass_role` who may break the glass. `/admin/` is for admins, who only
read there.

The API takes no session: without a token in the header `Authorization` it answers 401 to everybody, signed in or not.
A token acts for an account, as a requester at most, within its scopes and environments; no token approves, rejects,
breaks the glass or manages anything. docs/API.md says which scope each address needs.

The worker asks again when a run is executed: the role of whoever started it, the role of whoever asked, the approvals,
and the policy of that moment.

| address | verb | stranger | no role | viewer | requester | approver | admin | superuser | own |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
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
            cells = [f"`/{pattern}`", verb, *_without_role(name, verb), *map(_word, answers), _own(own)]
            yield f"| {' | '.join(cells)} |"


def _without_role(name: str, verb: str) -> Iterator[str]:
    """What a stranger is answered, and whoever has no role."""
    from tests.views.test_access import OUTSIDERS, STRANGERS

    for few, others in ((STRANGERS, "signs in first"), (OUTSIDERS, WORDS[403])):
        yield _word(few[name][verb == "POST"]) if name in few else others


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
