"""The comment of ours on a pull request of GitHub or a merge request of GitLab: there is one, which is edited.

Where the job runs, and for which request, is read from the variables that both set for every job.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request

from dashboard.cli import calling

#: The first line of the comment, which nobody sees. By it the comment is recognised.
MARK = "<!-- signalbox -->"
#: GitHub takes 65,536 characters, and what is counted there is not quite characters.
LONGEST = 60_000
_PAGE = 100
_LEADING_ELSEWHERE = range(300, 400)
_ELSEWHERE = "The token of the job goes nowhere else: see that the job has the address that the host has now."
_RIGHTS = "The token of the job needs the right to comment; docs/CI.md says how it gets it."


class NoComment(Exception):
    """Why none was written, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One request, as the API of its host has it. `list_at` is where its comments are; one lies at `edit_at`."""

    host: str
    list_at: str
    edit_at: Callable[[str], str]
    edit_by: str
    headers: Mapping[str, str]

    def write(self, text: str) -> str:
        """Edit the comment of ours, or make it; its address, where the host says one."""
        body = {"body": f"{MARK}\n{text}"[:LONGEST]}
        ours = next((each for each in self._comments() if str(each.get("body", "")).startswith(MARK)), None)
        if ours is None:
            return _address(self._ask("POST", self.list_at, body))
        return _address(self._ask(self.edit_by, self.edit_at(str(ours["id"])), body))

    def _comments(self) -> Iterator[dict[str, Any]]:
        page = 1
        while comments := _rows(self._ask("GET", f"{self.list_at}?per_page={_PAGE}&page={page}"), self.host):
            yield from comments
            if len(comments) < _PAGE:
                return
            page += 1

    def _ask(self, method: str, address: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "signalbox", **self.headers}
        request = Request(address, data=data, headers=headers, method=method)  # noqa: S310 (see _base)
        try:
            return json.loads(calling.sent(request))
        except HTTPError as error:
            advice = _ELSEWHERE if error.code in _LEADING_ELSEWHERE else _RIGHTS
            raise NoComment(f"{self.host} answered {error.code} {error.reason}. {advice}") from None
        except (OSError, HTTPException, ValueError, RecursionError) as error:
            raise NoComment(f"{self.host} gave no answer that can be read ({type(error).__name__}).") from error


def of_job(variables: Mapping[str, str]) -> Review:
    """Raises NoComment."""
    if variables.get("GITHUB_ACTIONS"):
        return _github(variables)
    if variables.get("GITLAB_CI"):
        return _gitlab(variables)
    raise NoComment("this is no job of GitHub or GitLab. To see the text, add --print.")


def _github(variables: Mapping[str, str]) -> Review:
    request = re.fullmatch(r"refs/pull/(\d+)/(?:merge|head)", variables.get("GITHUB_REF", ""))
    if request is None:
        raise NoComment("this job is for no pull request.")
    base = _base(variables, "GITHUB_API_URL")
    issues = f"{base}/repos/{variables.get('GITHUB_REPOSITORY', '')}/issues"
    return Review(
        host="GitHub",
        list_at=f"{issues}/{request[1]}/comments",
        edit_at=lambda number: f"{issues}/comments/{number}",
        edit_by="PATCH",
        headers={
            "Authorization": f"Bearer {_token(variables, 'GITHUB_TOKEN')}",
            "Accept": "application/vnd.github+json",
        },
    )


def _gitlab(variables: Mapping[str, str]) -> Review:
    request = variables.get("CI_MERGE_REQUEST_IID", "")
    if not request:
        raise NoComment("this job is for no merge request.")
    base = _base(variables, "CI_API_V4_URL")
    notes = f"{base}/projects/{variables.get('CI_PROJECT_ID', '')}/merge_requests/{request}/notes"
    return Review(
        host="GitLab",
        list_at=notes,
        edit_at=lambda number: f"{notes}/{number}",
        edit_by="PUT",
        headers={"PRIVATE-TOKEN": _token(variables, "GITLAB_TOKEN")},
    )


def _base(variables: Mapping[str, str], name: str) -> str:
    address = variables.get(name, "").rstrip("/")
    if fault := calling.fault_of(address):
        raise NoComment(f"the variable {name} {fault}.")
    return address


def _token(variables: Mapping[str, str], name: str) -> str:
    if not variables.get(name):
        raise NoComment(f"the variable {name} is not set.")
    return variables[name]


def _rows(answer: Any, host: str) -> list[dict[str, Any]]:
    if not isinstance(answer, list) or not all(isinstance(each, dict) and "id" in each for each in answer):
        raise NoComment(f"{host} answered with something else than comments.")
    return answer


def _address(answer: Any) -> str:
    return str(answer.get("html_url") or "") if isinstance(answer, dict) else ""
