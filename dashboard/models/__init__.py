"""The control database: people's requests, runs and the audit log. Data and constraints, no workflow."""

from dashboard.models.audit import AuditEvent
from dashboard.models.observations import Observation
from dashboard.models.requests import Decision, Request
from dashboard.models.runs import Run, RunStatement, RunStep

__all__ = ["AuditEvent", "Decision", "Observation", "Request", "Run", "RunStatement", "RunStep"]
