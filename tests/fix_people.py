"""The people of every test: one of each role, and one without; as users, and as actors by their names."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.test import Client
    from pytest_django.fixtures import SettingsWrapper

    from dashboard.services.actors import Actor

type ClientOf = Callable[[User], Client]


@pytest.fixture
def make_user(db: None) -> Callable[..., User]:
    from django.contrib.auth.models import Group, User

    def make(username: str, role: str = "") -> User:
        user = User.objects.create_user(username, password="correct horse battery staple")
        if role:
            user.groups.add(Group.objects.get(name=role))
        return user

    return make


@pytest.fixture
def viewer(make_user: Callable[..., User]) -> User:
    return make_user("vera", "viewer")


@pytest.fixture
def requester(make_user: Callable[..., User]) -> User:
    return make_user("alice", "requester")


@pytest.fixture
def approver(make_user: Callable[..., User]) -> User:
    return make_user("bob", "approver")


@pytest.fixture
def admin(make_user: Callable[..., User]) -> User:
    return make_user("carol", "admin")


@pytest.fixture
def superuser(make_user: Callable[..., User]) -> User:
    """Without a group: it is the mark that counts."""
    user = make_user("ruth")
    user.is_superuser = True
    user.save()
    return user


@pytest.fixture
def outsider(make_user: Callable[..., User]) -> User:
    """Signed in, without a role."""
    return make_user("oscar")


@pytest.fixture
def acting() -> Callable[[User], Actor]:
    """A person as the actor that services ask for."""
    from dashboard.services import actors

    return lambda user: actors.person(user, source_ip="192.0.2.7")


@pytest.fixture
def alice(requester: User, acting: Callable[[User], Actor]) -> Actor:
    return acting(requester)


@pytest.fixture
def bob(approver: User, acting: Callable[[User], Actor]) -> Actor:
    return acting(approver)


@pytest.fixture
def carol(admin: User, acting: Callable[[User], Actor]) -> Actor:
    return acting(admin)


@pytest.fixture
def vera(viewer: User, acting: Callable[[User], Actor]) -> Actor:
    return acting(viewer)


@pytest.fixture
def client_of(db: None) -> ClientOf:
    """A browser in which that person has just signed in."""
    from django.test import Client

    def sign_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        signed_in_at(client, user, time.time())
        return client

    return sign_in


def signed_in_at(client: Client, user: User, at: float) -> None:
    """When that person showed who they are, as allauth keeps it."""
    session = client.session
    session["account_authentication_methods"] = [{"method": "password", "at": at, "username": user.get_username()}]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()


@pytest.fixture(autouse=True)
def _quick_passwords(settings: SettingsWrapper) -> None:
    """Slow hashes are for people who attack a stolen table."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
