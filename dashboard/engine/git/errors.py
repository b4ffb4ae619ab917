"""Every failure of a fetch that has a name. `repository` is the address without anything secret."""

from __future__ import annotations

from dashboard.engine.errors import GitFetchFailed as GitFetchFailed


class GitAddressRefused(GitFetchFailed):
    """The address is none that is fetched from. Facts: repository, reason."""

    code = "git_address"
    sentence = "{repository} is no address to fetch from: {reason}."
    advice = (
        "Write it as https://host/path.git, ssh://git@host/path.git or git@host:path.git, and a token or a key in a "
        "variable that the source names."
    )


class GitHostUnknown(GitFetchFailed):
    """The name of the host leads nowhere. Facts: repository, host."""

    code = "git_no_host"
    sentence = "{repository} could not be fetched: there is no host called {host}."
    advice = "Correct the host in the URL of the source, or the DNS that Signalbox asks."


class GitUnreachable(GitFetchFailed):
    """No connection came about, or it broke. Facts: repository, reason."""

    code = "git_unreachable"
    sentence = "{repository} cannot be reached: {reason}."
    advice = "Check that the server is up and that this machine may connect to it, then fetch again."


class GitTooSlow(GitFetchFailed):
    """The time was over before the commit was there. Facts: repository, seconds, received (a phrase)."""

    code = "git_timeout"
    sentence = "{repository} was not fetched within {seconds} seconds; {received} had come."
    advice = "Fetch again when the server is less busy, or give the source more time."


class GitCertificateRefused(GitFetchFailed):
    """TLS proves another host, or an authority that is not known here. Facts: repository, reason."""

    code = "git_certificate"
    sentence = "The certificate of {repository} was refused: {reason}."
    advice = (
        "Nothing was sent to it. Where the server has an authority of its own, put its certificate into a file and set "
        "SSL_CERT_FILE to it."
    )


class GitTokenRefused(GitFetchFailed):
    """Facts: repository, status, reason (a clause)."""

    code = "git_token"
    sentence = "{repository} refused to be read ({status}): {reason}."
    advice = (
        "Make a token that may read this repository, and nothing else, and set the variable that the source names to "
        "it. Some servers want the name of a user beside it: username in the source."
    )


class GitTokenExposed(GitFetchFailed):
    """A token would have travelled in the clear over the internet. Facts: repository."""

    code = "git_token_exposed"
    sentence = "{repository} was not fetched: its address is http://, so the token would be sent in the clear."
    advice = "Write https:// in the URL of the source. A token that was sent that way before should be replaced."


class GitRepositoryMissing(GitFetchFailed):
    """Facts: repository, quoted (what the server says, as a clause, or nothing)."""

    code = "git_no_repository"
    sentence = "There is no repository at {repository}, or none that may be seen with what was sent{quoted}."
    advice = (
        "Correct the URL of the source. Where it is right, the token or the key may not read the repository: several "
        "hosts say that a private one does not exist."
    )


class GitServerUnusable(GitFetchFailed):
    """It answers, but not as a git server does. Facts: repository, reason."""

    code = "git_not_a_server"
    sentence = "{repository} does not answer as a git server: {reason}."
    advice = "Write the address that `git clone` takes, not that of a page, into the URL of the source."


class GitRedirected(GitFetchFailed):
    """It leads elsewhere, and what it asked for was not sent there. Facts: repository, target."""

    code = "git_redirected"
    sentence = "{repository} leads to {target}, and was not followed there."
    advice = (
        "A token is never sent to another host, and http never followed from https. If the repository has moved, write "
        "its new address into the URL of the source."
    )


class GitRefMissing(GitFetchFailed):
    """Facts: repository, ref, others (a sentence)."""

    code = "git_no_ref"
    sentence = "{repository} has no branch or tag called {ref}."
    advice = "{others} Push it again, or write another one as ref in the source."


class GitRepositoryEmpty(GitFetchFailed):
    """Nothing was ever pushed. Facts: repository."""

    code = "git_empty"
    sentence = "{repository} has no commit yet."
    advice = "Push a branch to it, then fetch again."


class GitRefUnusable(GitFetchFailed):
    """A tag may name anything. Facts: repository, ref, kind."""

    code = "git_not_a_commit"
    sentence = "{ref} of {repository} is the name of a {kind}, not of a commit."
    advice = "Write a branch, or a tag of a commit, as ref in the source."


class GitPathMissing(GitFetchFailed):
    """Facts: repository, path, commit, others (a sentence)."""

    code = "git_no_path"
    sentence = "{repository} has no folder {path} in commit {commit}."
    advice = "{others} Write the folder, from the root of the repository, as path in the source."


class GitPathUnusable(GitFetchFailed):
    """Something is there, but no folder. Facts: repository, path, commit, kind."""

    code = "git_not_a_folder"
    sentence = "{path} in commit {commit} of {repository} is a {kind}, not a folder."
    advice = "Write the folder that holds the files as path in the source. Links and submodules are not followed."


class GitTooBig(GitFetchFailed):
    """Facts: repository, reason (a clause), remedy."""

    code = "git_too_big"
    sentence = "{repository} was not fetched: {reason}."


class GitPackBroken(GitFetchFailed):
    """What came is not what git makes. Facts: repository, reason."""

    code = "git_broken"
    sentence = "What {repository} sent is broken: {reason}."
    advice = "Fetch again. If it happens again, ask whoever runs the server for `git fsck` in that repository."


class GitShallowRefused(GitFetchFailed):
    """Facts: repository."""

    code = "git_shallow"
    sentence = "{repository} does not send a single commit without its history, which is all that is ever fetched."
    advice = "Mirror the repository to a server that does: git's own since 1.5, and every common host."


class GitKeyUnusable(GitFetchFailed):
    """The deploy key is no key. Facts: repository, reason."""

    code = "git_key"
    sentence = "The key for {repository} cannot be used: {reason}."
    advice = (
        "Set the variable that the source names to the whole text of a private key without a passphrase, from BEGIN to "
        "END, as `ssh-keygen -t ed25519` writes it."
    )


class GitKeyRefused(GitFetchFailed):
    """Facts: repository, user, fingerprint."""

    code = "git_key_refused"
    sentence = "{repository} refused the key {fingerprint} for the user {user}."
    advice = "Add its public half to the deploy keys of the repository, for reading only."


class HostKeyUnknown(GitFetchFailed):
    """Facts: repository, host, kind, fingerprint, line."""

    code = "git_host_key_unknown"
    sentence = "The host key of {host} is not known: it shows {kind} {fingerprint}."
    advice = (
        "Compare that with what the operator of {host} publishes. If it is the same, put this line into known_hosts of "
        "the source: {line}"
    )


class HostKeyChanged(GitFetchFailed):
    """Facts: repository, host, kind, fingerprint, line."""

    code = "git_host_key_changed"
    sentence = "{host} has another host key than known_hosts of the source says: it shows {kind} {fingerprint}."
    advice = (
        "Somebody may stand between here and {host}; nothing was sent. Ask its operator. If the key was replaced, "
        "replace the lines of {host} in known_hosts by: {line}"
    )
