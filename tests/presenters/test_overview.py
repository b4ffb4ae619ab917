"""The overview: the worst first, what holds of several places said once, and nothing said where all is well."""

from __future__ import annotations

import itertools

import pytest

from dashboard.engine.migration import Folder, Severity
from dashboard.engine.status import State
from dashboard.models import ChangeRequest, Run
from dashboard.presenters import overview as presenter
from dashboard.presenters.overview import Overview, Sentence
from dashboard.selectors import board
from dashboard.selectors.environments import Standing
from dashboard.selectors.folders import Failure, FolderReading
from tests.presenters import values

FOLDER = values.folder(values.migration())
GONE = Failure(code="source_missing", sentence="There is no folder.", remedy="Create it.")


def page(*standings: Standing, folder: Folder | None = FOLDER, waiting: tuple[ChangeRequest, ...] = ()) -> Overview:
    reading = FolderReading(folder=folder) if folder else FolderReading(failure=GONE)
    files = presenter.SourceReading(reading=reading, rows=board.rows(standings, folder), lint={})
    return presenter.overview(standings, [files], waiting)


def sentences(*standings: Standing, **known: object) -> tuple[Sentence, ...]:
    return page(*standings, **known).sentences  # type: ignore[arg-type]


def only(*standings: Standing, **known: object) -> Sentence:
    (sentence,) = sentences(*standings, **known)
    return sentence


def settled() -> Standing:
    """Seen just now: a standing that the module kept would grow old while other tests run."""
    return values.standing(values.status(state=State.APPLIED))


# All is well


def test_where_all_is_well_one_sentence_says_so():
    sentence = only(settled())
    assert (sentence.tone, sentence.icon, sentence.url) == ("ok", "ok", "")


def test_no_such_comfort_where_the_folder_cannot_be_read():
    made = page(values.standing(known=False), folder=None)
    assert made.sentences == ()
    assert made.boards[0].failure == GONE


def test_no_such_comfort_where_the_folder_is_empty():
    made = page(values.standing(), folder=values.folder())
    assert values.tones(made.sentences) == ["warn"]
    assert made.boards[0].empty_source == "/srv/migrations"
    assert values.page_of(made.sentences[0].url) == ("problems", {})


def test_a_folder_that_holds_something_is_not_called_empty():
    assert page(settled()).boards[0].empty_source == ""


# What waits for the reader


def test_one_request_is_named_and_leads_to_its_page():
    sentence = only(settled(), waiting=(values.request(pk=12, title="Apply 009 to Production"),))
    assert (sentence.tone, sentence.icon) == ("wait", "wait")
    assert "Apply 009 to Production" in sentence.text
    assert values.page_of(sentence.url) == ("request", {"pk": 12})


@pytest.mark.parametrize("count", [2, 5])
def test_several_are_counted_and_lead_to_the_list(count: int):
    sentence = only(settled(), waiting=tuple(values.request(pk=n) for n in range(1, count + 1)))
    assert values.says(sentence.text, f"{count} requests")
    assert values.page_of(sentence.url) == ("requests", {})


def test_what_waits_for_the_reader_comes_before_any_trouble():
    failed = values.standing(values.status(state=State.FAILED))
    assert values.tones(sentences(failed, waiting=(values.request(),))) == ["wait", "danger", "info"]


# What holds of environments


def test_the_worst_comes_first_whatever_the_order_of_environments():
    places = [
        values.standing(values.status(), where=values.STAGING),
        values.standing(values.status(state=State.FAILED), where=values.PRODUCTION),
        values.standing(look=values.look(failure=values.UNREACHABLE), where=values.environment("test")),
    ]
    expected = [("danger", "unreachable"), ("danger", "fail"), ("info", "pending")]
    for order in itertools.permutations(places):
        said = [(s.tone, s.icon) for s in sentences(*order) if s.tone in {"danger", "info"}]
        assert [s for s in dict.fromkeys(said) if s in expected] == expected


def test_what_holds_of_several_is_said_once_of_all_of_them():
    places = [values.standing(values.status(), where=values.environment(slug)) for slug in ("a", "b", "c")]
    sentence = only(*places)
    assert sentence.text.startswith("A, B and C are ")


def test_of_one_the_verb_is_singular():
    assert only(values.standing(values.status())).text.startswith("Staging is ")


def test_another_count_is_another_sentence():
    places = [
        values.standing(values.status(), where=values.environment("a")),
        values.standing(values.status(), values.status("002"), where=values.environment("b")),
    ]
    one, two = sentences(*places)
    assert values.says(one.text, "1 migration")
    assert values.says(two.text, "2 migrations")


def test_without_a_verb_a_colon_stands_between():
    sentence = only(values.standing(values.status("004", "plans", State.MODIFIED)))
    assert sentence.text.startswith("Staging: 004_plans ")


# Where a sentence leads


def test_one_place_leads_to_its_page():
    sentence = only(values.standing(values.status()))
    assert values.page_of(sentence.url) == ("environment", {"slug": "staging"})


def test_several_places_lead_to_the_migrations_in_that_state():
    places = [values.standing(values.status(), where=values.environment(slug)) for slug in ("a", "b")]
    url = only(*places).url
    assert (values.page_of(url), values.query_of(url)) == (("migrations", {}), "state=pending")


def test_each_failure_leads_to_the_page_with_its_error():
    places = [
        values.standing(values.status(state=State.FAILED), where=where) for where in (values.STAGING, values.PRODUCTION)
    ]
    failed = [s for s in sentences(*places) if s.tone == "danger"]
    assert [values.page_of(s.url) for s in failed] == [
        ("environment", {"slug": slug}) for slug in ("staging", "production")
    ]


def test_what_is_approved_comes_before_what_is_only_pending():
    approved = values.request(ChangeRequest.Status.APPROVED)
    said = sentences(values.standing(values.status(), requests=(approved,), where=values.PRODUCTION))
    assert [values.page_of(s.url)[0] for s in said] == ["request", "environment"]


def test_several_places_without_a_state_lead_to_all_environments():
    places = [
        values.standing(look=values.look(failure=values.UNREACHABLE), where=values.environment(slug))
        for slug in ("a", "b")
    ]
    assert values.page_of(only(*places).url) == ("environments", {})


@pytest.mark.parametrize("status", sorted(Run.ACTIVE))
def test_a_run_under_way_leads_to_the_run(status: str):
    sentence = only(values.standing(last_run=values.run(status, pk=9)))
    assert values.page_of(sentence.url) == ("run", {"pk": 9})


def test_what_is_pending_beside_a_run_does_not_lead_to_the_run():
    said = sentences(values.standing(values.status(), last_run=values.run(Run.Status.RUNNING)))
    assert [values.page_of(s.url)[0] for s in said] == ["run", "environment"]


def test_a_finding_with_its_own_page_leads_there():
    broken = values.standing(look=values.look(values.history(unfinished=(values.unfinished(),))))
    drifted = values.standing(drift=values.drift(values.DRIFTED, differing=1), where=values.PRODUCTION)
    assert [values.page_of(s.url)[0] for s in sentences(broken, drifted)] == ["settle", "drift"]


# Approved and not run


def test_an_approved_request_that_nobody_ran_is_told():
    request = values.request(ChangeRequest.Status.APPROVED, pk=8, title="Apply 009 to Production")
    sentence = only(values.standing(requests=(request,)))
    assert (sentence.tone, sentence.icon) == ("info", "arrow")
    assert "Apply 009 to Production" in sentence.text
    assert values.page_of(sentence.url) == ("request", {"pk": 8})


@pytest.mark.parametrize(
    ("status", "run"),
    [
        pytest.param(ChangeRequest.Status.OPEN, None, id="it is not approved"),
        pytest.param(ChangeRequest.Status.APPROVED, Run.Status.RUNNING, id="a run is under way"),
    ],
)
def test_otherwise_it_is_not(status: str, run: str | None):
    standing = values.standing(requests=(values.request(status),), last_run=values.run(run) if run else None)
    assert "arrow" not in [s.icon for s in sentences(standing)]


# The folder


@pytest.mark.parametrize(
    ("files", "words"),
    [
        pytest.param(["a"], ("1 error", "1 file"), id="one"),
        pytest.param(["a", "a"], ("2 errors", "1 file"), id="two in one file"),
        pytest.param(["a", "b", "b"], ("3 errors", "2 files"), id="three in two files"),
    ],
)
def test_errors_of_the_folder_are_counted(files: list[str], words: tuple[str, str]):
    folder = values.folder(values.migration(), problems=[values.problem(file=file) for file in files])
    sentence = only(settled(), folder=folder)
    assert (sentence.tone, sentence.icon) == ("warn", "migration")
    assert all(values.says(sentence.text, each) for each in words)
    assert values.page_of(sentence.url) == ("problems", {})


@pytest.mark.parametrize("severity", [Severity.WARNING, Severity.NOTE])
def test_what_is_no_error_is_not_told_here(severity: Severity):
    folder = values.folder(values.migration(), problems=[values.problem(severity)])
    assert values.tones(sentences(settled(), folder=folder)) == ["ok"]


# The rest of the page


def test_a_card_for_each_environment_in_their_order():
    made = page(settled(), values.standing(where=values.PRODUCTION))
    assert [card.badge.slug for card in made.cards] == ["staging", "production"]
    assert {card.refresh.fields for card in made.cards} == {(("back", "overview"),)}


def test_the_diagram_shows_the_newest_and_leads_to_the_rest():
    count = presenter.VERSIONS_SHOWN + 3
    made = page(values.standing(*(values.status(f"{n:03}", "x") for n in range(count))))
    assert len(made.boards[0].matrix.rows) == presenter.VERSIONS_SHOWN
    assert values.says(made.boards[0].matrix.more_label, str(count + 1))


def test_everything_on_it_is_sound():
    busy = values.standing(
        values.status(state=State.FAILED),
        values.blocked("002", "plans"),
        drift=values.drift(values.DRIFTED, differing=2),
        last_run=values.run(Run.Status.RUNNING),
        requests=(values.request(), values.request(ChangeRequest.Status.APPROVED)),
    )
    made = page(busy, settled(), waiting=(values.request(),))
    values.assert_sound(made)
    for sentence in made.sentences:
        assert sentence.tone in values.TONES
        assert sentence.icon in values.drawn_icons()
