"""The database behind nbgrader's gradebook: opened, shared with other programs, retried."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from nbgrader.api import Base, Gradebook
from nbgrader.dbutil import ALEMBIC_DIR
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import Session

from autograder.errors import CourseError
from autograder.files import exclusive

T = TypeVar("T")
LOCKED_SECONDS = 60  # how long one attempt waits for a gradebook that is in use
ATTEMPTS = 3
BUSY_WORDS = ("locked", "busy", "deadlock", "serializ", "already exists")


class Database:
    """nbgrader's gradebook, with transactions that wait for other programs.

    Args:
        url: an SQLAlchemy URL, absolute; a database that is not there is made.
        course_id: of nbgrader's course.

    Raises:
        CourseError: it cannot be opened; the message says why.
    """

    def __init__(self, url: str, course_id: str) -> None:
        self.name = without_password(url)
        path = sqlite_path(make_url(url))
        try:
            if path and not path.exists():
                _create(path, course_id)
            self.gradebook = Gradebook(url, course_id)
        except (ModuleNotFoundError, ArgumentError, DBAPIError) as error:
            raise CourseError(_why_not(error, self.name)) from None
        if path:
            _wait_for_others(self.gradebook.engine)

    def close(self) -> None:
        """Close all connections."""
        self.gradebook.close()

    def run(self, work: Callable[[Session], T]) -> T:
        """Run something in one transaction, again if another program was in the way.

        Args:
            work: gets the session. It may run several times; what it raises rolls back.

        Raises:
            CourseError: the database stays locked, or refuses.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                session = Session(self.gradebook.engine, expire_on_commit=False)
                with session, session.begin():
                    return work(session)
            except DBAPIError as error:
                if attempt == ATTEMPTS or not _passes(error):
                    raise CourseError(_why_not(error, self.name)) from None
            time.sleep(0.1 * attempt)
        raise AssertionError("the last attempt returns or raises")


def absolute_url(url: str, folder: Path) -> str:
    """Return the URL of a database, with the path of a SQLite file made absolute.

    nbgrader's programs run in the course directory and would look for it there.

    Args:
        url: the URL.
        folder: what a relative path starts from.

    Raises:
        CourseError: it is no URL, or means a database in memory.
    """
    try:
        parts = make_url(url)
    except ArgumentError:
        raise CourseError(
            f"{url!r} is not the URL of a database; one looks like sqlite:////home/me/gradebook.db "
            "or postgresql://me:password@host/name"
        ) from None
    if parts.get_backend_name() != "sqlite":
        return url
    if parts.database in (None, "", ":memory:"):
        raise CourseError(f"{url!r} is a gradebook in memory; name a file: sqlite:///gradebook.db")
    path = str((folder / parts.database).resolve())
    return parts.set(database=path).render_as_string(hide_password=False)


def without_password(url: str) -> str:
    """Return a URL without its password."""
    return make_url(url).render_as_string(hide_password=True)


def sqlite_path(url: URL) -> Path | None:
    """Return the file of a SQLite database; None if it is another one."""
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def _create(path: Path, course_id: str) -> None:
    """Make nbgrader's tables in a new file, in one step.

    nbgrader itself makes them one by one and then runs a program for seconds that names
    their version; two processes that do so at once fail, and one that is killed leaves half
    of them.
    """
    from alembic.migration import MigrationContext  # a second, and only for a new gradebook
    from alembic.script import ScriptDirectory

    with exclusive(path.with_name(f".{path.name}.lock")):
        if path.exists():
            return
        new = path.with_name(f".{path.name}.new")
        new.unlink(missing_ok=True)
        engine = create_engine(f"sqlite:///{new}")
        migrations = ScriptDirectory(ALEMBIC_DIR)
        with engine.begin() as connection:
            Base.metadata.create_all(connection)
            MigrationContext.configure(connection).stamp(migrations, "head")
        engine.dispose()
        Gradebook(f"sqlite:///{new}", course_id).close()
        new.replace(path)


def _wait_for_others(engine: Engine) -> None:
    """Let SQLite wait for its lock when a transaction begins.

    By itself it takes the lock at the first change, and then gives up at once if another
    transaction has read meanwhile.
    """

    @event.listens_for(engine, "connect")
    def connect(connection, _record) -> None:
        connection.isolation_level = None  # else the driver begins, and later
        connection.execute(f"PRAGMA busy_timeout = {LOCKED_SECONDS * 1000}")

    @event.listens_for(engine, "begin")
    def begin(connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    engine.dispose()  # of connections that began without this


def _passes(error: DBAPIError) -> bool:
    """Tell whether another attempt may succeed: the other program has come further then."""
    if isinstance(error, IntegrityError) or error.connection_invalidated:
        return True
    text = str(error.orig).lower()
    return isinstance(error, OperationalError) and any(word in text for word in BUSY_WORDS)


def _why_not(error: ModuleNotFoundError | ArgumentError | DBAPIError, name: str) -> str:
    """Return the line about a database that does not open or does not obey."""
    if isinstance(error, ModuleNotFoundError):
        return (
            f"the gradebook {name} needs the Python module {error.name}; "
            "install the database driver that has it, or use a SQLite gradebook"
        )
    if isinstance(error, ArgumentError):
        return f"the gradebook {name}: {error}".partition("\n")[0]
    reason = str(error.orig).partition("\n")[0]
    hint = "; close what uses it and run again" if _passes(error) else ""
    if "no such column" in reason or "no such table" in reason:
        hint = "; it is older than this nbgrader: back it up and run `nbgrader db upgrade`"
    return f"the gradebook {name}: {reason}{hint}"
