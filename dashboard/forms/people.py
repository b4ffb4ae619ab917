"""What people send about themselves, and administrators about people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from allauth.account.forms import LoginForm, ReauthenticateForm
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.base.forms import ReauthenticateForm as ReauthenticateByCode
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.webauthn.forms import AddWebAuthnForm
from django import forms
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password

from dashboard.models.roles import Role
from dashboard.presenters.mails import MailChoice

#: What each role may, for whoever gives it.
ROLES: dict[Role, str] = {
    Role.VIEWER: "Viewer: sees everything, changes nothing",
    Role.REQUESTER: "Requester: also asks for runs, and starts approved ones",
    Role.APPROVER: "Approver: also decides on other people's requests",
    Role.ADMIN: "Admin: also settles migrations by hand, and manages people",
}

NO_ROLE = "none"

PASSWORD_HELP = "At least 12 characters. Four words that have nothing to do with each other are good."  # noqa: S105 - help


class SignInForm(LoginForm):
    """allauth's, without its placeholders."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].widget.attrs |= {"autofocus": True, "autocapitalize": "none", "autocomplete": "username"}
        _plain(self)


class ConfirmForm(ReauthenticateForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].widget.attrs["autofocus"] = True
        _plain(self)


class AddPasskeyForm(AddWebAuthnForm):
    """One that signs its person in by itself, unless the device cannot."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].label = "What you call it"
        alone = self.fields["passwordless"]
        alone.initial, alone.label = True, "Sign in with it alone, without a password"
        alone.help_text = "The device then asks for a finger, a face or a PIN. Take it off for a key that has none."


class CodeForm(AuthenticateForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _ask_for_code(self)


class ConfirmCodeForm(ReauthenticateByCode):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _ask_for_code(self)


class AddAppForm(ActivateTOTPForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _plain(self)
        self.fields["code"].label = "Code that the app shows"
        self.fields["code"].widget.attrs["inputmode"] = "numeric"


class NewPasswordForm(forms.Form):
    """A password that somebody chooses for themselves, twice."""

    password = forms.CharField(
        label="New password",
        strip=False,
        help_text=PASSWORD_HELP,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label="The same again", strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )

    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person

    def clean_password(self) -> str:
        validate_password(self.cleaned_data["password"], self.person)
        return str(self.cleaned_data["password"])

    def clean_again(self) -> str:
        if self.cleaned_data.get("password", self.cleaned_data["again"]) != self.cleaned_data["again"]:
            raise forms.ValidationError("The two are not the same.")
        return str(self.cleaned_data["again"])


class ChangePasswordForm(NewPasswordForm):
    present = forms.CharField(
        label="Present password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    field_order = ("present", "password", "again")


class InviteForm(forms.Form):
    username = forms.CharField(
        max_length=150,
        label="User name",
        help_text="Letters a to z, digits and . _ - @. It stays: requests and the audit log name people by it.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    full_name = forms.CharField(
        max_length=150, required=False, label="Full name", widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    email = forms.EmailField(
        required=False,
        label="Mail address",
        help_text="By it a provider such as Google tells who they are. Mails go there, if any are sent.",
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    role = forms.ChoiceField(
        choices=[(role.value, words) for role, words in ROLES.items()], widget=forms.RadioSelect, label="Role"
    )

    @property
    def invited(self) -> dict[str, Any]:
        """For links.invite."""
        return {**self.cleaned_data, "role": Role(self.cleaned_data["role"])}


class NoticesForm(forms.Form):
    """Which mails one wants; none of them is sent where nothing is ticked."""

    wanted = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(self, *args: Any, choices: Iterable[MailChoice], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["wanted"].choices = [(each.kind, each.label) for each in choices]  # type: ignore[attr-defined]


class PersonForm(forms.Form):
    """What an administrator may change of somebody. Only a superuser sees who is one."""

    full_name = forms.CharField(
        max_length=150, required=False, label="Full name", widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    email = forms.EmailField(
        required=False,
        label="Mail address",
        help_text="By it a provider such as Google tells who they are. Mails go there, if any are sent.",
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    role = forms.ChoiceField(
        choices=[*((role.value, words) for role, words in ROLES.items()), (NO_ROLE, "None: sees nothing")],
        widget=forms.RadioSelect,
        label="Role",
    )
    active = forms.BooleanField(required=False, label="May sign in")

    def __init__(self, *args: Any, person: User, role: Role | None, shows_superuser: bool, **kwargs: Any) -> None:
        self._was_superuser = person.is_superuser
        present = {
            "full_name": person.get_full_name(),
            "email": person.email,
            "role": role.value if role else NO_ROLE,
            "active": person.is_active,
            "superuser": person.is_superuser,
        }
        super().__init__(*args, **{"initial": present, **kwargs})
        if shows_superuser:
            self.fields["superuser"] = forms.BooleanField(
                required=False, label="Superuser: an admin whom only other superusers can change"
            )

    @property
    def changes(self) -> dict[str, Any]:
        """For people.change."""
        role = self.cleaned_data["role"]
        return {"superuser": self._was_superuser, **self.cleaned_data, "role": None if role == NO_ROLE else Role(role)}


def _ask_for_code(form: forms.Form) -> None:
    """The one field of a form that a code of the app answers."""
    _plain(form)
    form.fields["code"].label = "Code"
    form.fields["code"].widget.attrs |= {"autofocus": True, "autocomplete": "one-time-code"}


def _plain(form: forms.Form) -> None:
    for field in form.fields.values():
        field.widget.attrs.pop("placeholder", None)
        field.help_text = ""
