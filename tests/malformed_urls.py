"""Database URLs as people get them wrong. `{a}` and `{b}` are two parts of one password."""

from __future__ import annotations

#: By what is wrong.
SHAPES = {
    "slash": "postgresql://app:{a}/{b}@127.0.0.1:1/db",
    "at": "postgresql://app:{a}@{b}@127.0.0.1:1/db",
    "hash": "postgresql://app:{a}#{b}@127.0.0.1:1/db",
    "question mark": "postgresql://app:{a}?{b}@127.0.0.1:1/db",
    "percent": "postgresql://app:{a}%zz{b}@127.0.0.1:1/db",
    "percent that is no UTF-8": "postgresql://app:{a}%ca{b}@127.0.0.1:1/db",
    "blank": "postgresql://app:{a} {b}@127.0.0.1:1/db",
    "line break": "postgresql://app:{a}{b}@127.0.0.1:1/db\n",
    "keywords": "host=127.0.0.1 port=1 user=app password={a}{b} dbname=db",
    "no scheme": "app:{a}{b}@127.0.0.1:1/db",
    "another scheme": "mysql://app:{a}{b}@127.0.0.1:1/db",
    "no host and no at": "postgresql://app:{a}{b}/db",
    "no host": "postgresql://app:{a}{b}@/db",
    "no user": "postgresql://:{a}{b}@127.0.0.1:1/db",
    "no database": "postgresql://app:{a}{b}@127.0.0.1:1",
    "IPv6 without brackets": "postgresql://app:{a}{b}@::1/db",
    "half a bracket": "postgresql://app:{a}{b}@[::1/db",
    "two hosts, one of them wrong": "postgresql://app:{a}@127.0.0.1:1,{b}:x/db",
    "port that is none": "postgresql://app:{a}{b}@127.0.0.1:{b}/db",
    "password as parameter": "postgresql://app@127.0.0.1:1/db?password={a}{b}",
    "password of a key as parameter": "postgresql://app@127.0.0.1:1/db?sslpassword={a}{b}",
    "parameter that is none": "postgresql://app@127.0.0.1:1/db?{a}={b}",
    "password in quotes": 'postgresql://app:"{a} {b}"@127.0.0.1:1/db',
    "quotes round it": '"postgresql://app:{a}{b}@127.0.0.1:1/db"',
}
