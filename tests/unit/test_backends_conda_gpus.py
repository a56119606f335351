"""Builds for CUDA and for the processor: which one conda takes, and what is said of it."""

from __future__ import annotations

import pytest
from conda_desk import Desk, artefacts, say

from kernel_iso.backends import explicit
from kernel_iso.errors import ImpossibleError


class TestBuilds:
    @pytest.mark.parametrize(
        ("virtual", "version", "build"),
        [
            (("__cuda=13.0", "__cuda_arch=9.0"), "2.10.0", "cuda130"),
            (("__cuda=12.8",), "2.10.0", "cuda129"),
            ((), "2.10.0", "cpu"),
        ],
    )
    def test_the_drivers_cuda_decides(
        self, desk: Desk, virtual: tuple[str, ...], version: str, build: str
    ) -> None:
        lock = desk.lock("pytorch", virtual=virtual, accelerator="x")
        found = artefacts(lock)["pytorch"]
        assert (found.version, found.build.partition("_")[0]) == (version, build)
        # It is for this accelerator and no other: there are builds for each.
        assert lock.parts[0].accelerator == "x"
        assert "notes" not in explicit.read(lock.parts[0].text).table

    def test_what_has_no_builds_for_gpus_is_for_every_accelerator(self, desk: Desk) -> None:
        lock = desk.lock("blue", virtual=("__cuda=13.0",), accelerator="cu130")
        assert lock.parts[0].accelerator == ""

    def test_what_needs_a_gpu_says_so_in_the_lock(self, desk: Desk) -> None:
        lock = desk.lock("pytorch-gpu", virtual=("__cuda=12.6",), accelerator="cu126")
        held = explicit.read(lock.parts[0].text)
        assert "__cuda" in held.virtual
        with pytest.raises(ImpossibleError) as caught:
            desk.lock("pytorch-gpu")
        assert caught.value.code == "machine-lacks"
        assert "`__cuda`" in caught.value.because

    def test_the_build_that_was_chosen_is_installed(self, desk: Desk) -> None:
        python = desk.make("pytorch", virtual=("__cuda=12.6",), accelerator="cu126")
        assert say(python, "from torch import version; print(version.cuda)") == "12.9"
        assert desk.inspect(python)["pytorch"].build.startswith("cuda129")


class TestFallingToTheProcessor:
    def test_an_older_release_for_the_gpu_is_taken_instead_and_that_is_told(self, desk: Desk) -> None:
        """conda takes the newest release, and says nothing when that is a build for the processor."""
        lock = desk.lock("pytorch", virtual=("__cuda=12.6",), conda_limits=("cuda-version <12.9",))
        found = artefacts(lock)["pytorch"]
        assert (found.version, found.build.partition("_")[0]) == ("2.9.1", "cuda126")
        assert "takes 2.9.1 for CUDA instead of 2.10.0 for the CPU: the GPU's driver runs that" in desk.said
        assert explicit.read(lock.parts[0].text).notes == ()

    def test_where_no_build_for_the_gpu_fits_the_lock_says_so(self, desk: Desk) -> None:
        lock = desk.lock("pytorch", virtual=("__cuda=11.8",), accelerator="cu118")
        held = explicit.read(lock.parts[0].text)
        assert artefacts(lock)["pytorch"].build.startswith("cpu")
        (note,) = held.notes
        assert note.startswith("pytorch 2.10.0 is the CPU build (cpu_generic_py")
        assert "the GPU's driver has CUDA 11.8" in note

    @pytest.mark.parametrize("spec", ["pytorch-cpu", "pytorch * *cpu*", "pytorch=2.9.1=cpu*"])
    def test_who_asks_for_the_processor_hears_nothing(self, desk: Desk, spec: str) -> None:
        lock = desk.lock(spec, virtual=("__cuda=13.0",), accelerator="cu130")
        held = explicit.read(lock.parts[0].text)
        assert (artefacts(lock)["pytorch"].build[:3], held.notes) == ("cpu", ())
