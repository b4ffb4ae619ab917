"""What the services refuse. Same shape as the engine's errors: a code, a sentence, the state, the remedy."""

from __future__ import annotations

from dashboard.engine.errors import EngineError, PlanChanged


class Refused(EngineError):
    """The deed was refused; nothing was changed."""

    code = "refused"


class PermissionRefused(Refused):
    """This person may not. Facts: what, needed (a role)."""

    code = "permission_refused"
    sentence = "Your role does not allow you to {what}."
    advice = "It needs the role {needed}. Ask an administrator of Signalbox."


class OwnRequest(Refused):
    code = "own_request"
    sentence = "You asked for this, so someone else has to approve it."
    advice = "Send the address of this page to another approver. This holds for administrators too."


class OwnToken(OwnRequest):
    """Who made a token has seen it, and could have asked with it."""

    code = "own_token"
    sentence = "It was asked for with a token that you made, so someone else has to approve it."


class NotForTokens(PermissionRefused):
    """Facts: what."""

    code = "not_for_tokens"
    sentence = "No token may {what}."
    advice = "A person has to do it, signed in on the page."


class ScopeMissing(PermissionRefused):
    """Facts: token (its name), needed (a phrase)."""

    code = "scope_missing"
    sentence = "The token {token} does not have {needed}."
    advice = "Use one that has it, or ask an administrator of Signalbox for one."


class TokenRefused(Refused):
    """Facts: reason, remedy (sentences)."""

    code = "token_refused"
    sentence = "{reason}"
    state = "Nothing was changed."


class SnapshotRefused(Refused):
    """Facts: source, reason (a clause)."""

    code = "snapshot_refused"
    sentence = "These files are not taken for the source {source}: {reason}."
    state = "The files that were in force before stay in force."
    advice = "Push the whole folder of one commit, with paths such as 001_users.sql."


class IssuerSilent(Refused):
    """Facts: issuer, reason (a word), retry_after (seconds)."""

    code = "issuer_silent"
    sentence = "{issuer}, which signs the tokens of jobs, did not tell its keys ({reason}), so no token can be checked."
    state = "Nothing was changed."
    advice = "Send the call again in a minute. If that goes on, look whether Signalbox can reach that address."


class LargeCallUnderWay(Refused):
    """Facts: retry_after (seconds)."""

    code = "large_call_under_way"
    sentence = "Another large call is being read, and this process of Signalbox reads one at a time."
    state = "Nothing was changed by this one."
    advice = "Send it again in a few seconds."


class KeyUsedAgain(Refused):
    code = "key_used_again"
    sentence = "This Idempotency-Key was sent before, with another call."
    state = "Nothing was changed by this one."
    advice = "Send a new key for a new call, and the same one only to repeat a call as it was."


class CallUnderWay(Refused):
    code = "call_under_way"
    sentence = "The call with this Idempotency-Key is being answered still."
    state = "Nothing was changed by this one."
    advice = "Send it again in a few seconds, under the same key, to get its answer."


class MachineRefused(Refused):
    """Facts: name, why (a clause)."""

    code = "machine_refused"
    sentence = "{name} is an account of a machine: {why}."
    state = "Nothing was changed."
    advice = "Make a token for it instead, on the page Tokens."


class NotNamed(PermissionRefused):
    """Facts: environment, names."""

    code = "not_named"
    sentence = "Only these people can approve for {environment}: {names}."
    advice = "Ask one of them. The list stands in the policy of {environment}, in config/environments.toml."


class OwnDecision(Refused):
    code = "own_decision"
    sentence = "You have approved this already, and each person counts once."
    advice = "Send the address of this page to another approver."


class OwnReview(Refused):
    code = "own_review"
    sentence = "You opened it, so someone else has to review it."
    advice = "Send the address of this page to an approver. This holds for administrators too."


class AlreadyDecided(Refused):
    """Someone was first, or the thing moved on. Facts: subject, status."""

    code = "already_decided"
    sentence = "{subject} is {status} by now."
    advice = "Reload the page to see where it stands."


class ReasonMissing(Refused):
    code = "reason_missing"
    sentence = "A reason is needed to {what}."
    advice = "Write one sentence that a colleague will understand next year."


class EnvironmentNotDeclared(Refused):
    code = "environment_not_declared"
    sentence = "No environment {slug} is declared any more."
    advice = "Declare {slug} again where the environments are declared, with the same database, and restart Signalbox."


class CopyNotConfirmed(Refused):
    """Facts: identity, original (the first characters of each)."""

    code = "copy_not_confirmed"
    sentence = "This control database is a copy of that of the installation {original}, which may still be at work."
    state = "Nothing was started."
    advice = (
        "Start it in the installation {original}. If that one is gone for good, an administrator lets this one, "
        "{identity}, run migrations: the Overview leads there."
    )


class EnvironmentOccupied(Refused):
    """Facts: environment, run (number), status."""

    code = "environment_occupied"
    sentence = "Run {run} of {environment} is {status}; one run at a time."
    advice = "Wait for it to end, or cancel it, then try again."


class ApprovalNeeded(Refused):
    code = "approval_needed"
    sentence = "{environment} is protected: this needs the approval of a second person."
    advice = "Make a request for exactly this plan instead, and start the run once somebody has approved it."


class TooMany(Refused):
    """One person has asked for more than others can bear. Facts: what (a clause), remedy."""

    code = "too_many"
    sentence = "{what}."
    state = "Nothing was changed."


class ApprovalsMissing(ApprovalNeeded):
    """Facts: environment, request (number), count, needed."""

    code = "approvals_missing"
    sentence = "Request {request} has {count} of the {needed} approvals that {environment} asks for."
    advice = "Someone who has not decided yet has to approve it too."


class RequesterGone(Refused):
    """Two people stand behind a run; one of them may not act any more. Facts: requester, request (number)."""

    code = "requester_gone"
    sentence = "{requester}, who asked for request {request}, may not ask for runs any more."
    advice = "Whoever still needs it opens a new request, and someone else approves that."


class TokenGone(RequesterGone):
    """Facts: token (its name), deed (a phrase: what was done with it)."""

    code = "token_gone"
    sentence = "The token {token}, with which {deed}, does not count for that any more."
    state = "Nothing was run."
    advice = (
        "Ask again with a token that holds, and have that approved where an approval is needed. "
        "If MIGRATION_SECRET declares it, web and worker need the same value."
    )


class NotNow(Refused):
    """A window, a freeze, or the order of environments. Facts: environment, reason (a clause), remedy."""

    code = "not_now"
    sentence = "Nothing may run on {environment} now: {reason}."
    state = "Nothing was run, and the approval still holds."


class StartTimeRefused(Refused):
    """Facts: reason (a sentence), remedy."""

    code = "start_time_refused"
    sentence = "It cannot be started then. {reason}"
    state = "Nothing was scheduled."


class BreakGlassRefused(Refused):
    """Facts: environment, reason (a clause), remedy."""

    code = "break_glass_refused"
    sentence = "Break-glass is not possible on {environment}: {reason}."
    state = "Nothing was opened or run."


class ApproverGone(Refused):
    """An approval counts while its approver may give it. Facts: approver, request (number)."""

    code = "approver_gone"
    sentence = "{approver}, who approved request {request}, may not approve any more."
    advice = "Withdraw the request and ask again, so that somebody else decides."


class ApproverTouched(Refused):
    """One hand was on the account that asks and on the one that confirms. Facts: who, change (a phrase), confirmation
    (what does not count), hours."""

    code = "approver_touched"
    sentence = "{who} {change}, so {confirmation} does not count."
    state = "Nothing was run."
    advice = (
        "Let another person decide, or ask again {hours} hours after that change. Two people have to be two people."
    )


class NameRefused(Refused):
    """Facts: name, why (a phrase)."""

    code = "name_refused"
    sentence = "The name {name} {why}."
    state = "Nothing was changed."
    advice = "Choose another name, for example the one of their mail address."


class LastAdministrator(Refused):
    code = "last_administrator"
    sentence = "{name} is the last administrator, and somebody has to be able to manage people."
    state = "Nothing was changed."
    advice = "Give somebody else the role admin first."


class LinkUnusable(Refused):
    code = "link_unusable"
    sentence = "This link was used already, has expired, or never existed."
    state = "Nothing was changed."
    advice = "Ask an administrator of Signalbox for a new link."


class LinkNotMailed(Refused):
    """Facts: reason."""

    code = "link_not_mailed"
    sentence = "The link cannot go by mail: {reason}."
    advice = "Have the link shown, and pass it on in a way that only they read."


class EvidenceMissing(Refused):
    """What the environment asks for before an approval is not there. Facts: missing, remedy (sentences)."""

    code = "evidence_missing"
    sentence = "This cannot be approved yet. {missing}"


class NotRehearsable(Refused):
    code = "not_rehearsable"
    sentence = "Only what runs whole migrations can be rehearsed."
    state = "Nothing was changed."
    advice = "Read what it would send instead."


class RunNotEnded(Refused):
    """Its messages are still being written. Facts: run (number), status."""

    code = "run_not_ended"
    sentence = "Run {run} is {status}, and what the server says is still being written."
    state = "Nothing was erased."
    advice = "Erase its messages once it has ended."


class RunStillAsked(Refused):
    """Facts: run (number)."""

    code = "run_still_asked"
    sentence = "What run {run} committed is being found out."
    advice = "Wait a minute: its page says what was found, or why it could not be."


class NameNotTyped(Refused):
    """The confirmation of a protected environment. Facts: expected."""

    code = "name_not_typed"
    sentence = "The name you typed is not {expected}."
    advice = "Type {expected} exactly, to show that you mean this environment."


class RowsNotTyped(Refused):
    """The confirmation of what would be destroyed. Facts: lost (a clause), expected."""

    code = "rows_not_typed"
    sentence = "{lost}, and that was not confirmed."
    state = "Nothing was run."
    advice = "Type {expected} to show that you have read it."


class DriftChanged(Refused):
    code = "drift_changed"
    sentence = "The schema of {environment} does not differ any more in the way this page showed."
    state = "Nothing was accepted."
    advice = "Reload the page: it shows what differs now."


class PageOutdated(PlanChanged):
    """The page a person acted on shows another plan than there would be now."""

    code = "page_outdated"
    sentence = "A file or the history of {environment} changed since the page was opened, and so did the plan."
    state = "Nothing was changed."
    advice = "Go back and reload the page: it shows the plan as it is now."


class DatabaseNotConfirmed(Refused):
    code = "database_not_confirmed"
    sentence = "{environment} leads to another database than before, and no administrator has confirmed that."
    state = "Nothing was changed."
    advice = "The page of {environment} says what differs and what to do."


class DatabaseOutdated(PageOutdated):
    """Yet another database than the one on the page that asks for confirmation."""

    sentence = "{environment} leads to yet another database since the page was opened."
    state = "Nothing was changed."
    advice = "Go back and reload the page: it shows the database as it is now."


class AuditKeyMissing(Refused):
    """The audit log is sealed with a key that this process was not given."""

    code = "audit_key_missing"
    sentence = "This process has no key for the audit log, so nothing that it did could be written down."
    state = "Nothing was changed."
    advice = "Give every process the same SIGNALBOX_AUDIT_KEY and SIGNALBOX_SECRET_KEY, and restart it."
