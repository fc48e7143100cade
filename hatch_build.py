"""Compile the kernels while a wheel or an editable install is built, where there is a C compiler.

A kernel is a `.py` that also runs uncompiled; the `.pxd` of the same name beside it gives Cython the C types. Without
a compiler or Python's headers the package is built without extension modules, and runs the `.py` files.
`PFLASH_TRACETOOL_KERNELS=plain` never compiles, `=required` makes a failed compilation an error.

Ref: Cython documentation, "Augmenting .pxd"; hatchling documentation, "Build hook plugins".
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from sysconfig import get_platform
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

DIRECTIVES = {
    "language_level": 3,
    "annotation_typing": False,  # the types are in the .pxd; an annotation `int` would mean a Python int
    "infer_types": True,
    "boundscheck": True,  # in releases too: an impossible row is an IndexError and not a crash
    "wraparound": False,
    "initializedcheck": False,
    "show_performance_hints": False,  # they advise against the bounds checks
}
OPTIONS = {
    # Counters wrap. A memoryview that is an argument is 200 bytes, unless the function is compiled in line.
    "extra_compile_args": ["-O2", "-g0", "-fwrapv", "-finline-limit=2000"],
    "py_limited_api": True,
    "define_macros": [("Py_LIMITED_API", "0x030B0000")],  # 3.11: the first stable ABI that has buffers
}
PACKAGES = ("replay", "tracetool")
UTILITY = "replay._utility"
"""Module with the code that Cython's modules share."""


class CustomBuildHook(BuildHookInterface[Any]):
    """Adds the extension modules to the package; the option `kernels` names them."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile beside the sources, for a wheel or an editable install."""
        wanted = os.environ.get("PFLASH_TRACETOOL_KERNELS", "")
        if wanted == "plain":
            return
        os.chdir(self.root)
        try:
            with ExitStack() as partial:
                partial.callback(lambda: _remove(_present()))  # half of the modules would be a mixture of both forms
                built = _compile(self.config["kernels"])
                partial.pop_all()
        except (Exception, SystemExit) as error:  # no Cython, no compiler, no headers: each has errors of its own
            if wanted == "required":
                raise
            self.app.display_warning(f"the kernels stay plain Python, which is slow on long traces: {error}")
            return
        build_data["pure_python"] = False
        build_data["tag"] = f"cp311-abi3-{get_platform().replace('-', '_').replace('.', '_')}"
        if version != "editable":
            build_data["force_include"].update({str(Path(self.root, path)): path for path in built})


def _present() -> set[Path]:
    """Extension modules beside the sources."""
    return {module for package in PACKAGES for module in Path(package).rglob("*.so")}


def _remove(modules: set[Path]) -> None:
    for module in modules:
        module.unlink()


def _source(module: str) -> str:
    path = Path(*module.split("."))
    return str(next(path.with_suffix(suffix) for suffix in (".pyx", ".py") if path.with_suffix(suffix).exists()))


def _declarations_changed(generated: list[Path]) -> bool:
    """True if a .pxd is newer than C code: Cython overlooks what is cimported from a package."""
    declared = max(path.stat().st_mtime_ns for package in PACKAGES for path in Path(package).rglob("*.pxd"))
    return any(path.exists() and path.stat().st_mtime_ns < declared for path in generated)


def _compile(kernels: list[str]) -> list[str]:
    """Compile what is not up to date, and return the extension modules."""
    # Build tools are imported here: a plain build needs none of them.
    import Cython  # noqa: PLC0415
    from Cython.Build import cythonize  # noqa: PLC0415
    from setuptools import Distribution, Extension  # noqa: PLC0415

    work = Path("build", f"cython-{Cython.__version__}")
    work.mkdir(parents=True, exist_ok=True)
    utility = work / "_utility.c"
    if not utility.exists():
        subprocess.run([sys.executable, "-m", "cython", f"--generate-shared={utility}"], check=True)  # noqa: S603
    options: dict[str, Any] = OPTIONS | {"depends": [Path(__file__).name]}
    extensions = [Extension(UTILITY, [str(utility)], **options)]
    # The process that reads CTF traces loads no other module of the program.
    for alone in (False, True):
        names = [name for name in kernels if name.startswith("tracetool.babeltrace.") is alone]
        extensions += cythonize(
            [Extension(name, [_source(name)], **options) for name in names],
            build_dir=str(work),
            force=_declarations_changed([work / Path(_source(name)).with_suffix(".c") for name in names]),
            compiler_directives=DIRECTIVES,
            shared_utility_qualified_name=None if alone else UTILITY,
            quiet=True,
        )
    command = Distribution({"ext_modules": extensions}).get_command_obj("build_ext")
    command.build_lib, command.build_temp, command.parallel = ".", str(work), os.cpu_count()
    command.ensure_finalized()
    command.run()
    built = {Path(path) for path in command.get_outputs()}
    _remove(_present() - built)  # left over from removed kernels
    return [str(path) for path in sorted(built)]
