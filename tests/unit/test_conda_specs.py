"""Conda's dependencies: parsed strictly, written in one form, compared by name."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel_iso.errors import SpecError
from kernel_iso.model.conda_specs import conda_channel, conda_name, conda_text, parsed, replaced, without
from kernel_iso.notebooks.conda_wishes import conda_wish, python_dependency, python_version, python_wish


@pytest.mark.parametrize(
    ("text", "name", "version", "build", "normal"),
    [
        ("numpy", "numpy", "", "", "numpy"),
        ("NumPy >= 1.26, < 2", "numpy", ">=1.26,<2", "", "numpy>=1.26,<2"),
        ("numpy=1.26=py312_0", "numpy", "=1.26", "py312_0", "numpy=1.26=py312_0"),
        ("numpy 1.26  py312_0", "numpy", "1.26", "py312_0", "numpy 1.26 py312_0"),
        ("numpy >=1.26 py312_*", "numpy", ">=1.26", "py312_*", "numpy>=1.26 py312_*"),
        ("gdal 3.9.*", "gdal", "3.9.*", "", "gdal 3.9.*"),
        ("python_abi=*=*_cp312", "python_abi", "=*", "*_cp312", "python_abi=*=*_cp312"),
        ("libblas=*=*mkl", "libblas", "=*", "*mkl", "libblas=*=*mkl"),
        ("_openmp_mutex=*=*_llvm", "_openmp_mutex", "=*", "*_llvm", "_openmp_mutex=*=*_llvm"),
        ("numpy>=1|<0.5", "numpy", ">=1|<0.5", "", "numpy>=1|<0.5"),
        ("jpeg=9e", "jpeg", "=9e", "", "jpeg=9e"),
        ("pytorch==2.9+cu126", "pytorch", "==2.9+cu126", "", "pytorch==2.9+cu126"),
        ("a=1!2.0", "a", "=1!2.0", "", "a=1!2.0"),
        ("__glibc>=2.17", "__glibc", ">=2.17", "", "__glibc>=2.17"),
        ("a[version='>=1, <2', build=py_0]", "a", ">=1,<2", "py_0", "a[version='>=1,<2',build=py_0]"),
        ('a>=1[build_number=">=3",subdir=linux-64]', "a", ">=1", "", 'a>=1[build_number=">=3",subdir=linux-64]'),
    ],
)  # fmt: skip
def test_conda_s_own_forms_are_understood(
    text: str, name: str, version: str, build: str, normal: str
) -> None:
    """What means the same is written the same: without spaces around operators, the name in lower case."""
    found = parsed(text)
    assert (found.name, found.version, found.build, found.text) == (name, version, build, normal)
    assert conda_text(normal) == normal


@pytest.mark.parametrize(
    ("text", "channel"),
    [
        ("numpy", ""),
        ("conda-forge::numpy>=2", "conda-forge"),
        ("conda-forge/label/dev::numpy", "conda-forge/label/dev"),
        ("conda-forge/linux-64::numpy", "conda-forge"),
        ("conda-forge/noarch::numpy", "conda-forge"),
        ("numpy[channel=bioconda]", "bioconda"),
    ],
)
def test_the_channel_of_a_dependency_is_told(text: str, channel: str) -> None:
    """A channel's folder for a platform is no channel of its own: the policy is asked about the channel."""
    assert (conda_channel(text), conda_name(text)) == (channel, "numpy")


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "=1", "*", "numpy*", "numpy=", "numpy=1=", "numpy===1", "numpy >=1 <2", "numpy pandas", "a b c",
        "https://example.org/linux-64/x-1-0.conda", "file:///x-1-0.conda", "./x.conda", "/x.conda", "..", "x.conda",
        "x-1-0.tar.bz2", "X.CONDA", "x=1.conda", "~/x", "C:\\x", "a/b", "@EXPLICIT", "--file=x", "-c", "#a", "a#b",
        "https://user:word@example.org/c::a", "../c::a", "a/../b::c", "/c::a", "::a", "a::b::c", "a:b:c", "c[x=y]::a",
        "a[]", "a[b]", "a[url=x]", "a[url='https://example.org/a-1-0.conda']", "a[md5=00]", "a[sha256=00]", "a[fn=x]",
        "a[channel='https://example.org']", "a[channel=../x]", "a[version=]", "a[build=1,build=2]", "a=1[version=2]",
        "c::a[channel=d]", "a[version='1]", "a[track_features=x]", "a[when='b']", "a[[build=1]]", "a[build=^x$]",
        "a\nb", "a\n", "a\r", "a\x00", "a\x1b[0m", "a\u2028", "ä", "a=1.\u0661", "^a$", "a>1;os",
        "a" * 501, "a=" + "1" * 500,
    ],
)  # fmt: skip
def test_what_is_no_package_of_a_channel_is_refused(text: str) -> None:
    """Neither files nor addresses, hashes, other keys, or characters that a terminal would act upon."""
    with pytest.raises(SpecError) as caught:
        parsed(text)
    assert caught.value.code == "bad-conda-dependency"
    assert caught.value.what.isprintable()
    assert "word" not in caught.value.what


@settings(deadline=None)
@given(
    st.text(max_size=40)
    | st.lists(
        st.sampled_from(["a", "::", "=", ">=", "1", ".*", "*", " ", "[", "]", "'", ",", "|", "build", "/", ".conda"])
    ).map("".join)
)  # fmt: skip
def test_no_text_escapes_with_another_error(text: str) -> None:
    """Whatever the text is, it is in normal form afterwards and names a package, or it is a SpecError."""
    with suppress(SpecError):
        normal = conda_text(text)
        assert conda_text(normal) == normal
        assert conda_name(normal) == conda_name(text)
        assert not set("\n\r\t\x00@#\\") & set(normal)
        assert "://" not in normal


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["a", "b>=1", "a<3", "x::c", "d 1.*", "e_f"])),
    st.sampled_from(["a>=2", "x::c=2", "g"]),
)
def test_replacing_and_leaving_out_are_by_name(declared: list[str], item: str) -> None:
    """One dependency of a name is left when it is added, none when it is removed, and the others stay as they are."""
    once = replaced(declared, [item])
    assert [old for old in once if conda_name(old) == conda_name(item)] == [item]
    others = tuple(old for old in declared if conda_name(old) != conda_name(item))
    assert others == without(once, [item]) == without(declared, [conda_name(item)])


@pytest.mark.parametrize(
    ("typed", "wish"),
    [
        ("numpy>=2,<3", "numpy>=2,<3"),
        ("numpy (>=2, <3)", "numpy<3,>=2"),
        ("numpy==2.1.0", "numpy==2.1.0"),
        ("numpy == 2.1.*", "numpy=2.1"),
        ("numpy>=2,==2.1.*", "numpy>=2,=2.1"),
        ("numpy!=2.1.*", "numpy!=2.1.*"),
        ("numpy~=2.1", "numpy~=2.1"),
        ("numpy=2.1", "numpy=2.1"),
        ("Typing_Extensions>=4", "typing_extensions>=4"),
        ("conda-forge::gdal", "conda-forge::gdal"),
        ("gdal 3.9.*", "gdal 3.9.*"),
    ],
)
def test_requirements_of_pypi_s_form_are_conda_s_too(typed: str, wish: str) -> None:
    """A series is written as conda means it: its `==2.1.*` is 2.1 alone."""
    assert conda_wish(typed) == wish


@pytest.mark.parametrize("typed", ["numpy[x]", "numpy[a,b]>=1", 'numpy; python_version < "3.12"'])
def test_extras_and_markers_cannot_be_conda_s(typed: str) -> None:
    """The message says where the package can be had so."""
    with pytest.raises(SpecError) as caught:
        conda_wish(typed)
    assert caught.value.code == "written-for-pypi"
    assert "--pypi" in caught.value.hint


@pytest.mark.parametrize(
    "typed", ["numpy @ https://example.org/a.whl", "https://example.org/a.conda", "./a.conda"]
)
def test_a_file_cannot_be_asked_for(typed: str) -> None:
    """Neither in PyPI's form nor in conda's."""
    with pytest.raises(SpecError) as caught:
        conda_wish(typed)
    assert caught.value.code == "bad-conda-dependency"


@pytest.mark.parametrize(
    ("typed", "python"),
    [
        ("python=3.12", "3.12"),
        ("python==3.12.1", "==3.12.1"),
        ("python 3.12.*", "3.12"),
        ("python>=3.11,<3.14", "<3.14,>=3.11"),
        ("conda-forge::python=3.12", "3.12"),
        ("python", ""),
        ("python_abi=3.12", None),
        ("pythonnet", None),
        ("numpy", None),
    ],
)
def test_python_among_the_packages_is_a_wish_for_a_python(typed: str, python: str | None) -> None:
    """As conda's command line has it."""
    assert python_wish(typed) == python


@pytest.mark.parametrize(
    "typed", ["python=3.11|3.12", "python=3.12=*_cpython=x", "python @ https://example.org/x"]
)
def test_a_python_that_only_conda_can_decide_is_refused_where_it_is_typed(typed: str) -> None:
    """It could not be shown or compared as a wish for a Python."""
    with pytest.raises(SpecError) as caught:
        python_wish(typed)
    assert caught.value.code == "bad-python"


@pytest.mark.parametrize("python", ["3.12", "3.12.1", "==3.12.1", "<3.14,>=3.11", "~=3.11", ""])
def test_a_python_is_written_as_it_is_read(python: str) -> None:
    """Writing it as a dependency and reading that gives the wish back."""
    assert python_version(python_dependency(python).removeprefix("python")) == python
