"""Export of rows from the app: the prompt for a file, and writing it in a thread."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from tracetool.errors import TracetoolError
from tracetool.findings.phrases import count_of
from tracetool.ingest.inputs import keep_inputs
from tracetool.paths import user_path
from tracetool.tui.prompt import Question
from tracetool.viewmodel.audit_session import Cancelled, Progress
from tracetool.viewmodel.view_export import export_format
from tracetool.whole_file import whole_file

if TYPE_CHECKING:
    from tracetool.tui.base_app import BaseApp
    from tracetool.viewmodel.audit_session import AuditSession
    from tracetool.viewmodel.view_export import Export

__all__ = ["Exporting"]

_SOON = 0.3
"""Seconds in which most exports are written, and for which the prompt stays open."""

_TOLD_SECONDS = 0.1


class Exporting:
    """Writes one export at a time, never over an input, and over another file only when it was named twice."""

    def __init__(self, app: BaseApp) -> None:
        self._app = app
        self._overwrites: str | None = None
        self._writing: Progress | None = None

    def question(self, export: Export, *sessions: AuditSession) -> Question:
        """The prompt for the file that rows of sessions are to be written to."""
        self._overwrites = None
        hint = f"{count_of(export.rows, 'row')} of {export.table}, as .csv, .jsonl or .parquet"
        return Question("Export to", partial(self._export, export, sessions), initial=f"{export.table}.csv", hint=hint)

    def stop(self) -> bool:
        """Stop an export; true if there was one."""
        if self._writing is None:
            return False
        self._writing.stop.set()
        return True

    async def _export(self, export: Export, sessions: tuple[AuditSession, ...], text: str) -> str | None:
        """Write in a thread; what is not done soon goes on behind the closed prompt, and Esc stops it."""
        path = text.strip()
        wrong = self._refused(path, sessions) if path else None
        if wrong is not None or not path:
            return wrong
        self._overwrites = None
        self._writing = Progress()
        task = asyncio.create_task(self._write(export, path, self._writing))
        done, _ = await asyncio.wait([task], timeout=_SOON)
        if not done:
            task.add_done_callback(lambda ended: self._tell_end(ended.result(), path, export))
            return None
        wrong = task.result()
        if wrong is None:
            self._tell_end(None, path, export)
        return wrong

    def _refused(self, path: str, sessions: tuple[AuditSession, ...]) -> str | None:
        """Why a file is not written, in one line; None if it is."""
        if self._writing is not None:
            return "an export is under way: Esc stops it"
        try:
            for session in sessions:
                _keep_inputs(path, session)
            export_format(path)
            if user_path(path).exists() and path != self._overwrites:
                self._overwrites = path
                return f"{path} is there already: Enter once more writes over it"
        except TracetoolError as error:
            return str(error).removeprefix(f"{path}: ")  # it is read above, and the reason has to be seen
        except (OSError, ValueError) as error:
            return _why(error)
        return None

    def _tell_end(self, wrong: str | None, path: str, export: Export) -> None:
        words = f"wrote {export.rows:,} rows to {path}" if wrong is None else f"{path}: {wrong}"
        self._app.tell(words, wrong=wrong is not None)

    async def _write(self, export: Export, path: str, progress: Progress) -> str | None:
        """Write in a thread; return an error in one line or None."""
        timer = self._app.set_interval(_TOLD_SECONDS, lambda: self._app.say_progress("writing", progress))
        try:
            await asyncio.to_thread(_write_whole, export, path, progress)
        except Cancelled:
            return "stopped; nothing was written"
        except TracetoolError as error:
            return str(error).removeprefix(f"{path}: ")
        except (OSError, ValueError, RuntimeError) as error:
            return _why(error)
        finally:
            timer.stop()
            self._writing = None
            self._app.say_title()
        return None


def _write_whole(export: Export, path: str, progress: Progress) -> None:
    with whole_file(path) as file:
        export.write(export_format(path), file, progress.report)


def _why(error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) else None
    return f"cannot be written: {reason or error}; name another file"


def _keep_inputs(path: str, session: AuditSession) -> None:
    files = session.settings.options.files
    keep_inputs([path], [*(trace.meta.path for trace in session.traces), *files])
