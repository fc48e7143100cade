"""Boots of real firmware with what power cuts leave, beside the prediction of each."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from replay.powercut import state_after
from tracetool.analysis.cut_survey import CutTrial
from tracetool.errors import InputError
from tracetool.recording.firmware_trial import Trial, boot_image
from tracetool.uefi.boot import Outcome, boot
from tracetool.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tracetool.analysis.cut_survey import CutSurvey
    from tracetool.analysis.power_cuts import StoreCommits
    from tracetool.recording.firmware import Firmware
    from tracetool.uefi.boot import Firmware as Model

__all__ = ["boot_cuts"]

_RESULT = "trial.json"


@dataclass(frozen=True)
class _Boots:
    """How boots are made: the firmware, its model, and the directory for the runs."""

    firmware: Firmware
    model: Model
    folder: Path
    seconds: float

    def boot(self, case: str, image: bytes) -> CutTrial:
        """Boot one image, or take the result that is there."""
        folder = self.folder / case.replace(":", "-")
        predicted = boot(image, self.model)
        key = {"image": hashlib.sha256(image).hexdigest(), "code": str(self.firmware.code), "seconds": self.seconds}
        trial = _known(folder, key)
        if trial is None:
            try:
                folder.mkdir(parents=True)
            except FileExistsError as error:
                raise InputError(
                    f"{folder}: holds no result of this cut; remove it, or name another directory"
                ) from error
            except OSError as error:
                raise InputError(f"{folder}: {error.strerror}: no place for the runs") from error
            trial = boot_image(self.firmware, self.model, image, folder, self.seconds)
            _keep(folder, key, trial)
        return CutTrial(case, predicted.outcome, trial.outcome, trial.seconds, tuple(trial.differences(predicted)))


def boot_cuts(
    survey: CutSurvey,
    commits: StoreCommits,
    firmware: Firmware,
    folder: Path,
    *,
    seconds: float,
    at_once: int,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[CutTrial]:
    """Boot the worst cut of each cause on real firmware; in the order of the survey's groups.

    Args:
        survey: the causes.
        commits: the commits that it was made of.
        firmware: what is booted; the survey's model should be of its release.
        folder: gets a directory a cut, with the run directories of its boots. A cut whose result is there already is
            not booted again.
        seconds: a boot that has not ended by then counts as hung.
        at_once: how many QEMUs run at a time.
        progress: is told how many boots are done, and of how many.

    Raises:
        EmulatorError: a QEMU did not start.
        InputError: a file cannot be read or written.
        MissingDependencyError: there is no QEMU.
    """
    boots = _Boots(firmware, survey.firmware, folder, seconds)
    cases = [
        (group.case, (group.worst.commit.trace, group.worst.commit.seq), group.worst.shape) for group in survey.groups
    ]
    return _all_booted(boots, commits, cases, at_once, progress)


def _all_booted(
    boots: _Boots,
    commits: StoreCommits,
    cases: Sequence[tuple[str, tuple[int, int], str]],
    at_once: int,
    progress: Callable[[int, int], None],
) -> list[CutTrial]:
    found = []
    pool = ThreadPoolExecutor(at_once)
    try:
        images = ((case, state_after(commits.before, commits, *event, shape)) for case, event, shape in cases)
        running = [pool.submit(boots.boot, case, image) for case, image in images]
        for done, trial in enumerate(running):
            progress(done, len(running))
            found.append(trial.result())
    finally:
        pool.shutdown(cancel_futures=True)
    return found


def _known(folder: Path, key: dict[str, object]) -> Trial | None:
    """The result of an earlier boot of the same; None: there is none."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        document = json.loads((folder / _RESULT).read_text(encoding="utf-8"))
        if document.pop("key") == key:
            found = frozenset((name, guid) for name, guid in document.pop("found"))
            outcome, deleted = Outcome(document.pop("outcome")), frozenset(document.pop("deleted"))
            return Trial(outcome=outcome, found=found, deleted=deleted, **document)
    return None


def _keep(folder: Path, key: dict[str, object], trial: Trial) -> None:
    document = asdict(trial) | {"key": key, "found": sorted(trial.found), "deleted": sorted(trial.deleted)}
    with whole_file(str(folder / _RESULT)) as file:
        file.write(json.dumps(document, indent=1).encode())
