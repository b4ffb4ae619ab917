"""With which HTTP status each named refusal is answered, on pages and by the API."""

from __future__ import annotations

from dashboard.engine import errors as engine
from dashboard.services import errors as services

#: The first class that fits decides; every other named error is 422.
STATUS: tuple[tuple[type[engine.EngineError], int], ...] = (
    (services.TokenRefused, 401),
    (services.PermissionRefused, 403),
    (services.OwnRequest, 403),
    (services.OwnDecision, 409),
    (services.OwnReview, 403),
    (services.BreakGlassRefused, 409),
    (services.NotNow, 409),
    (services.RequesterGone, 409),
    (services.ApproverTouched, 403),
    (services.AlreadyDecided, 409),
    (services.CallUnderWay, 409),
    (services.EnvironmentOccupied, 409),
    (services.RunStillAsked, 409),
    (services.RunNotEnded, 409),
    (services.DriftChanged, 409),
    (services.ApprovalNeeded, 409),
    (services.DatabaseNotConfirmed, 409),
    (services.CopyNotConfirmed, 409),
    (services.TooMany, 429),
    (services.EvidenceMissing, 409),
    (engine.ControlDatabaseShared, 409),
    (engine.PlanChanged, 409),
    (engine.ClaimLost, 409),
    (engine.WitnessGone, 409),
    (engine.RunOfOther, 409),
    (engine.OtherDatabase, 409),
    (engine.TargetBusy, 409),
    (services.AuditKeyMissing, 503),
    (services.IssuerSilent, 503),
    (services.LargeCallUnderWay, 503),
    (engine.TargetUnreachable, 503),
    (engine.TargetNotRead, 503),
    (engine.TrackingTableLocked, 503),
    (engine.RightMissing, 503),
    (engine.TargetNotConfigured, 503),
    (engine.SourceMissing, 503),
    (engine.SourceUnreadable, 503),
    (engine.SourceNotConfigured, 503),
    (engine.GitFetchFailed, 503),
)


def status_of(error: engine.EngineError) -> int:
    return next((code for kind, code in STATUS if isinstance(error, kind)), 422)
