"""What was fetched of sources in git repositories: commits with the files of their folder, and how each source stands.

Web and worker read the files from here, so both see the same commit, whole.
"""

from __future__ import annotations

from django.db import models

#: How many characters of an id tell commits apart on a page.
SHORT = 8


class GitBlob(models.Model):
    """The content of a file, once for all commits that have it."""

    digest = models.CharField(max_length=64, primary_key=True)  # sha256 hex of the content
    content = models.BinaryField()

    def __str__(self) -> str:
        return self.digest[:12]


class GitCommit(models.Model):
    source = models.CharField(max_length=64)  # its name
    #: Repository, branch or tag, and folder: config.git_sources.GitDeclaration.origin.
    origin = models.TextField()
    sha = models.CharField(max_length=64)
    ref = models.TextField()
    author_name = models.TextField(blank=True)
    author_email = models.TextField(blank=True)
    authored_at = models.DateTimeField(null=True)
    message = models.TextField(blank=True)
    subject = models.CharField(max_length=200, blank=True)  # its first line
    parents = models.JSONField(default=list)
    fetched_at = models.DateTimeField()
    #: [path, kind, digest of its blob] of each file under the folder, by path.
    files = models.JSONField(default=list)
    #: What the fetch found wrong with files, as engine.migration.Problem.
    problems = models.JSONField(default=list)
    #: How the commit before it in this source relates to it: engine.git.values.Descent.
    descent = models.CharField(max_length=16, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["source", "origin", "sha"], name="one_row_a_commit_of_a_source"),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.short}: {self.subject}"

    @property
    def short(self) -> str:
        return self.sha[:SHORT]


class GitSource(models.Model):
    """How a source stands; no row before somebody asked for its first fetch."""

    name = models.CharField(max_length=64, primary_key=True)
    #: The commit in force, and since when; of another origin than the declared one it counts for nothing.
    commit = models.ForeignKey(GitCommit, null=True, on_delete=models.PROTECT, related_name="+")
    since = models.DateTimeField(null=True)
    asked_at = models.DateTimeField(null=True)
    begun_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    succeeded_at = models.DateTimeField(null=True)  # when the server was last asked and answered
    #: Why the last fetch failed (models.failures.Failure), and since when each has; both empty after one that did not.
    failure = models.JSONField(null=True)
    failing_since = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="git_source_failure_since",
                condition=models.Q(failure__isnull=True, failing_since__isnull=True)
                | models.Q(failure__isnull=False, failing_since__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return self.name
