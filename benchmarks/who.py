"""What the plugin costs: processor time of QEMU for a boot to the shell, with and without it, in pairs.

python -m benchmarks.who [PAIRS]
"""

from __future__ import annotations

import resource
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from tests.live.firmware import padded, shell
from tracetool.who.build import built_plugin

REGION = 64 << 20
_AAVMF = Path("/usr/share/AAVMF/AAVMF_CODE.fd")
_OVMF = Path("/usr/share/OVMF/OVMF_CODE_4M.fd"), Path("/usr/share/OVMF/OVMF_VARS_4M.fd")
_RANGES = {
    "AAVMF": "range=virt.flash0:0:4000000,range=virt.flash1:4000000:8000000",
    "OVMF 4M": "range=system.flash0:ffc84000:100000000,range=system.flash1:ffc00000:ffc84000",
}


def _boot(firmware: str, folder: Path, *, with_plugin: bool) -> float:
    """Processor seconds of QEMU for one boot."""
    folder.mkdir()
    plugin = ["-plugin", f"{built_plugin()},out={folder / 'who.log'},{_RANGES[firmware]}"] if with_plugin else []
    if firmware == "AAVMF":
        program, machine = "qemu-system-aarch64", ["-M", "virt", "-cpu", "cortex-a57"]
        code, store = padded(_AAVMF, folder / "code.fd", REGION), folder / "store.fd"
        with store.open("wb") as file:
            file.truncate(REGION)
    else:
        program, machine = "qemu-system-x86_64", ["-M", "q35"]
        code, store = _OVMF[0], Path(shutil.copyfile(_OVMF[1], folder / "store.fd"))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with shell(program, [*machine, *plugin], (f"file={code},readonly=on", f"file={store}"), folder) as prompt:
        prompt.quit()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print seconds and ratios, a line a firmware."""
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    for firmware in _RANGES:
        with tempfile.TemporaryDirectory() as place:
            costs = [
                tuple(_boot(firmware, Path(place, f"{pair}-{plugin}"), with_plugin=plugin) for plugin in (False, True))
                for pair in range(pairs)
            ]
        without, with_it = (statistics.median(part) for part in zip(*costs, strict=True))
        ratios = sorted(on / off for off, on in costs)
        print(  # noqa: T201
            f"{firmware:<8} {without:6.2f} s without, {with_it:6.2f} s with the plugin; "
            f"ratio of a pair {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        )


if __name__ == "__main__":
    main()
