"""People's conda configuration, as trees of files: what is read, what it means, and that no secret is told."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from urllib.parse import quote, quote_plus

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernel_iso import condarc
from kernel_iso.condarc import Condarc, Credential
from kernel_iso.discovery import Discovered, Environments

ALIAS, REPOSITORY = "https://conda.anaconda.org", "https://repo.anaconda.com/pkgs"


OWN, PIXIS = "home/.condarc", "home/.pixi/config.toml"


def write(top: Path, texts: dict[str, str]) -> Path:
    """Files below a folder."""
    for name, text in texts.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return top


def read(top: Path, environ: dict[str, str] | None = None, system: str = "linux") -> Condarc:
    """What a person whose home is `top`/home has configured, on a machine below `top`."""
    return condarc.read(environ or {}, top / "home", system=system, root=top)


def own(top: Path, text: str, environ: dict[str, str] | None = None) -> Condarc:
    """What one `~/.condarc` says."""
    return read(write(top, {OWN: text}), environ)


MINIFORGE = """\
# miniforge's own
channels:
  - conda-forge
mirrored_channels:
  conda-forge:
    - https://conda.anaconda.org/conda-forge
    - https://prefix.dev/conda-forge
"""

INSTITUTE = """\
channels:
  - team
  - conda-forge
  - https://ada:hunter2@nexus.example.org/repository/conda-special
  - defaults
default_channels:
  - https://nexus.example.org/t/to-k3n-9/repository/pkgs/main
  - https://nexus.example.org/t/to-k3n-9/repository/pkgs/r
channel_alias: https://ada:hunter2@nexus.example.org/repository/conda/
custom_channels:
  physics: https://physics.example.org/t/phys-t0k3n/conda
  team/staging: file:///srv/staging
custom_multichannels:
  science: [conda-forge, physics]
channel_priority: strict
proxy_servers:
  http: http://ada:pr0xyp4ss@proxy.example.org:3128
  https: http://ada:pr0xyp4ss@proxy.example.org:3128
ssl_verify: /etc/ssl/institute.pem
envs_dirs:
  - ~/envs
  - /scratch/${USER}/envs
pkgs_dirs:
  - $SCRATCH/pkgs
always_yes: true
"""
SECRETS = ("hunter2", "to-k3n-9", "phys-t0k3n", "pr0xyp4ss")

TUNA = """\
channels: [defaults, conda-forge]
default_channels:
  - https://mirrors.tuna.example.org/anaconda/pkgs/main
  - https://mirrors.tuna.example.org/anaconda/pkgs/r
custom_channels:
  conda-forge: https://mirrors.tuna.example.org/anaconda/cloud
"""

PIXI = """\
default-channels = ["conda-forge", "bioconda"]
tls-no-verify = false

[mirrors]
"https://conda.anaconda.org/conda-forge" = ["https://prefix.example.org/conda-forge", "https://conda.anaconda.org/conda-forge"]
"https://conda.anaconda.org" = ["https://cache.example.org/anaconda"]

[proxy-config]
https = "http://ada:pr0xyp4ss@proxy:3128"
non-proxy-hosts = [".example.org", "localhost"]

[repodata-config]
disable-zstd = true
"""


# Reading


def test_where_nobody_configured_anything_all_is_as_usual(tmp_path: Path) -> None:
    """And takes no time: YAML's parser is not even imported."""
    yaml = sys.modules.pop("yaml", None)
    try:
        took = []
        for _ in range(20):
            begun = time.perf_counter()
            found = read(tmp_path)
            took.append(time.perf_counter() - begun)
        assert "yaml" not in sys.modules
    finally:
        if yaml:
            sys.modules["yaml"] = yaml
    assert found == Condarc()
    assert found.default_channels == (f"{REPOSITORY}/main", f"{REPOSITORY}/r")
    assert min(took) < 0.005
    assert condarc.credentials({}, tmp_path, system="linux", root=tmp_path) == ()
    assert condarc.proxies({}, tmp_path, system="linux", root=tmp_path) == {}


def test_miniforges_own_file_is_that_of_the_installation(tmp_path: Path) -> None:
    """It is found beside the variables of activation, and without them."""
    write(tmp_path, {"home/miniforge3/.condarc": MINIFORGE, "home/miniforge3/conda-meta/history": ""})
    write(tmp_path, {"opt/conda/.condarc": "channels: [bioconda]", "opt/conda/conda-meta/history": ""})
    found = read(tmp_path)
    assert found.channels == ("conda-forge",)
    assert found.read == (str(tmp_path / "home/miniforge3/.condarc"),)
    assert condarc.urls("conda-forge", found) == (f"{ALIAS}/conda-forge",)
    assert condarc.local(f"{ALIAS}/conda-forge/noarch/x-1-0.conda", found) == (
        f"{ALIAS}/conda-forge/noarch/x-1-0.conda", "https://prefix.dev/conda-forge/noarch/x-1-0.conda",
    )  # fmt: skip
    assert condarc.canonical("https://prefix.dev/conda-forge/noarch/x-1-0.conda", found) == (
        f"{ALIAS}/conda-forge/noarch/x-1-0.conda"
    )
    assert read(tmp_path, {"CONDA_EXE": str(tmp_path / "opt/conda/bin/conda")}).channels == ("bioconda",)
    assert read(tmp_path, {"CONDA_PREFIX": str(tmp_path / "opt/conda/envs/ml")}).channels == ("bioconda",)


def test_an_institutes_file_is_read_without_its_secrets(tmp_path: Path) -> None:
    """Alias, custom channels, several behind one name, proxies, folders with variables."""
    found = own(tmp_path, INSTITUTE, {"USER": "ada", "SCRATCH": "/scratch/ada"})
    assert found == Condarc(
        channels=("team", "conda-forge", "https://nexus.example.org/repository/conda-special", "defaults"),
        default_channels=("https://nexus.example.org/repository/pkgs/main", "https://nexus.example.org/repository/pkgs/r"),
        alias="https://nexus.example.org/repository/conda",
        custom=(("physics", "https://physics.example.org/conda"), ("team/staging", "file:///srv/staging")),
        multi=(("science", ("conda-forge", "physics")),),
        channel_priority="strict",
        proxies=(("http", "http://proxy.example.org:3128"), ("https", "http://proxy.example.org:3128")),
        ssl_verify="/etc/ssl/institute.pem",
        envs_dirs=(str(tmp_path / "home/envs"), "/scratch/ada/envs"),
        pkgs_dirs=("/scratch/ada/pkgs",),
        read=(str(tmp_path / "home/.condarc"),),
    )  # fmt: skip


def test_pixis_configuration_counts_too(tmp_path: Path) -> None:
    """Its channels only where conda has none; the kebab-case keys and the older ones."""
    write(tmp_path, {"home/.config/pixi/config.toml": PIXI})
    found = read(tmp_path)
    assert (found.channels, found.ssl_verify) == (("conda-forge", "bioconda"), "")
    assert found.proxies == (("https", "http://proxy:3128"), ("no_proxy", ".example.org,localhost"))
    assert condarc.urls("conda-forge", found) == ("https://prefix.example.org/conda-forge",)
    assert condarc.urls("bioconda", found) == ("https://cache.example.org/anaconda/bioconda",)
    assert condarc.local(f"{ALIAS}/conda-forge/noarch/a.conda", found) == (
        "https://prefix.example.org/conda-forge/noarch/a.conda", f"{ALIAS}/conda-forge/noarch/a.conda",
    )  # fmt: skip
    assert condarc.canonical("https://cache.example.org/anaconda/bioconda/noarch/a.conda", found) == (
        f"{ALIAS}/bioconda/noarch/a.conda"
    )
    assert condarc.proxies({}, tmp_path / "home", system="linux", root=tmp_path) == {
        "https": "http://ada:pr0xyp4ss@proxy:3128", "no_proxy": ".example.org,localhost",
    }  # fmt: skip
    write(tmp_path, {PIXIS: 'default_channels = ["own"]\ntls_no_verify = true\n'})
    found = read(tmp_path)
    assert (found.channels, found.ssl_verify) == (("own",), "false")
    assert own(tmp_path, "channels: [conda-forge]\nssl_verify: truststore").channels == ("conda-forge",)
    assert read(tmp_path).ssl_verify == "truststore"


def test_files_are_read_in_condas_order(tmp_path: Path) -> None:
    """What counts most is last; a folder's YAML files by name."""
    environ = {
        "XDG_CONFIG_HOME": str(tmp_path / "xdg"), "CONDA_PREFIX": str(tmp_path / "env"),
        "MAMBA_ROOT_PREFIX": str(tmp_path / "mamba"), "CONDARC": str(tmp_path / "one.yml"),
        "MAMBARC": str(tmp_path / "two.yml"),
    }  # fmt: skip
    order = (
        "etc/conda/.condarc", "etc/conda/condarc", "etc/conda/condarc.d/a.yaml", "etc/conda/condarc.d/b.yml",
        "etc/conda/.mambarc", "var/lib/conda/condarc", "mamba/.condarc", "mamba/.mambarc", "xdg/conda/.condarc",
        "home/.config/conda/condarc", "home/.conda/.condarc", "home/.condarc", "home/.mambarc", "env/condarc",
        "env/condarc.d/x.yml", "one.yml", "two.yml",
    )  # fmt: skip
    for name in (*order, "etc/conda/condarc.d/README", "home/condarc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"channels: ['{name}']\nchannel_alias: https://a.example.org/{name}\n")
    found = read(tmp_path, environ)
    assert found.read == tuple(str(tmp_path / name) for name in order)
    assert found.channels == tuple(reversed(order))
    assert found.alias == "https://a.example.org/two.yml"


def test_on_windows_the_places_are_its_own(tmp_path: Path) -> None:
    """ProgramData, the roaming folder of pixi, `%NAME%`, drives, and msys2 among the default channels."""
    environ = {"PROGRAMDATA": str(tmp_path / "pd"), "APPDATA": str(tmp_path / "roaming"), "TEMP": r"D:\temp",
        "LOCALAPPDATA": str(tmp_path / "local"), "CONDA_ENVS_PATH": r"C:\envs;E:\envs"}  # fmt: skip
    write(tmp_path, {"pd/conda/.condarc": "channels: [team]", "pd/conda/.mambarc": "offline: true"})
    write(tmp_path, {"roaming/pixi/config.toml": '[mirrors]\nteam = ["file:///D:/team"]\n'})
    write(
        tmp_path, {"local/miniforge3/.condarc": "ssl_verify: no", "local/miniforge3/conda-meta/history": ""}
    )
    write(
        tmp_path,
        {OWN: "envs_dirs:\n - D:\\Tools\\envs\npkgs_dirs: '%TEMP%\\pkgs'\nchannels: ['D:\\chan nel']\n"},
    )
    found = read(tmp_path, environ, "windows")
    assert (found.channels, found.offline, found.ssl_verify) == ((r"D:\chan nel", "team"), True, "false")
    assert found.envs_dirs == (r"C:\envs", r"E:\envs", r"D:\Tools\envs")
    assert found.pkgs_dirs == (r"D:\temp\pkgs",)
    assert found.default_channels[-1] == f"{REPOSITORY}/msys2"
    assert condarc.urls("team", found) == ("file:///D:/team",)
    assert condarc.urls(found.channels[0], found) == ("file:///D:/chan%20nel",)


def test_variables_come_before_files(tmp_path: Path) -> None:
    """conda's, and mamba's before them."""
    environ = {
        "CONDA_CHANNELS": "b, c", "CONDA_CHANNEL_ALIAS": "https://b.example.org", "CONDA_OFFLINE": "1",
        "CONDA_SSL_VERIFY": "False", "MAMBA_CHANNEL_PRIORITY": "true", "CONDA_ENVS_DIRS": "/x:rel", "OTHER": "x",
    }  # fmt: skip
    found = own(
        tmp_path, "channels: [a, b]\nchannel_alias: https://a.example.org\nenvs_dirs: [/y]\n", environ
    )
    assert found.channels == ("b", "c", "a")
    assert (found.alias, found.offline, found.ssl_verify) == ("https://b.example.org", True, "false")
    assert (found.channel_priority, found.envs_dirs) == ("flexible", ("/x", str(tmp_path / "home/rel"), "/y"))


@pytest.mark.parametrize(
    ("system", "person", "channels", "custom"),
    [
        ("channels: [a]", "channels: [b, a]", ("b", "a"), ()),
        ("channels:\n  - a  #!top\n  - x", "channels: [b]", ("a", "b", "x"), ()),
        ("channels:\n  - a  #! bottom", "channels: [a, b]", ("b", "a"), ()),
        ("channels:  #!final\n  - a", "channels: [b]", ("a",), ()),
        ("channels: [a]  #!final", "channels: [b]", ("a",), ()),
        ("channels: [a]  # final, I think", "channels: [b]", ("b", "a"), ()),
        (
            "custom_channels: {x: oci://1, y: oci://1}",
            "custom_channels: {x: oci://2}",
            (),
            (("x", "oci://2"), ("y", "oci://1")),
        ),
        ("custom_channels:\n  x: oci://1  #!final", "custom_channels: {x: oci://2}", (), (("x", "oci://1"),)),
        ("custom_channels:  #!final\n  x: oci://1", "custom_channels: {z: oci://2}", (), (("x", "oci://1"),)),
    ],
)
def test_lists_and_tables_are_merged_as_conda_does(
    tmp_path: Path, system: str, person: str, channels: tuple[str, ...], custom: tuple[tuple[str, str], ...]
) -> None:
    """With the three marks that an administrator has."""
    found = own(write(tmp_path, {"etc/conda/.condarc": system}), person)
    assert (found.channels, found.custom) == (channels, custom)


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("channel: conda-forge", "channels", ("conda-forge",)),
        ("channels:\n", "channels", ()),
        ("channels: [a, '', null]", "channels", ("a",)),
        ("channels: ['3.10', yes]", "channels", ("3.10", "yes")),
        ("channel_alias: repo.example.org/conda/", "alias", "https://repo.example.org/conda"),
        ("custom_channels: {a: nexus.example.org/x, b: /srv/x}", "custom",
         (("a", "https://nexus.example.org/x"), ("b", "file:///srv/x"))),
        ("verify_ssl: off", "ssl_verify", "false"),
        ("ssl_verify: <system>", "ssl_verify", "<system>"),
        ("channel_priority: disabled", "channel_priority", "disabled"),
        ("channel_priority: false", "channel_priority", "disabled"),
        ("envs_path: /a", "envs_dirs", ("/a",)),
        ("whitelist_channels: [a]\ndenylist_channels: [defaults]", "denied", ("defaults",)),
        ("whitelist_channels: [a]", "allowed", ("a",)),
        ("proxy_servers: {http: 'ada:pw@proxy:3128', https: ''}", "proxies", (("http", "http://proxy:3128"), ("https", ""))),
        ("channels: [~/chan, ./rel]", "channels", ("HOME/chan", "HOME/rel")),
        ("a: &x [c1, c2]\nchannels: *x", "channels", ("c1", "c2")),
        ("\ufeffchannels: [a]", "channels", ("a",)),
        ("channels: ['$MINE', '${MINE}/label/dev', $NOT]", "channels", ("me", "me/label/dev", "$NOT")),
        ("channel_alias: https://${LOGIN}@repo.example.org", "alias", "https://repo.example.org"),
    ],
)  # fmt: skip
def test_every_way_to_write_a_key(tmp_path: Path, text: str, field: str, value: object) -> None:
    """Other names, single values, empty ones, anchors, variables."""
    found = own(tmp_path, text, {"MINE": "me", "LOGIN": "ada:hunter2"})
    shown = json.dumps(getattr(found, field)).replace(str(tmp_path / "home"), "HOME")
    assert shown == json.dumps(value)
    assert (found.ignored, "hunter2" in repr(found)) == ((), False)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("channels: [a\nchannel_alias: b", "FILE is not YAML (line 2, column 14)"),
        ("password: *hunter2", "FILE is not YAML (line 1, column 11)"),
        ("a: !!python/object:os.system hunter2\nb: [", "FILE is not YAML (line 3, column 1)"),
        ("channels: {a: b}\noffline: true", "`channels` in line 1 of FILE does not hold a list"),
        (
            "offline: true\nproxy_servers: http://ada:hunter2@proxy",
            "`proxy_servers` in line 2 of FILE does not hold a table",
        ),
        ("channels: [[a]]", "`channels` in line 1 of FILE does not hold a list"),
        ("channels: &x [*x]", "`channels` in line 1 of FILE does not hold a list"),
        (
            "mirrored_channels: {a: {b: c}}",
            "`mirrored_channels` in line 1 of FILE does not hold a table of lists",
        ),
        ("- a\n- b", "FILE holds no table of settings"),
        ("hunter2", "FILE holds no table of settings"),
        ("a: 1\n---\nb: 2", "FILE is not YAML (line 2, column 1)"),
        ("a: " + "[" * 900 + "]" * 900, "FILE is nested too deeply"),
        ("a: \x00", "FILE is not YAML"),
        ("#" * (2**20 + 1), "FILE cannot be read: it has more than 1048576 characters"),
        ("channel_priority: hunter2", "`channel_priority` is none of strict, flexible and disabled"),
        ("offline: hunter2", "`offline` is neither yes nor no"),
    ],
)
def test_what_is_broken_is_told_and_never_quoted(tmp_path: Path, text: str, sentence: str) -> None:
    """One sentence; the rest of the file, and all other files, count."""
    write(tmp_path, {"etc/conda/condarc": "channels: [ours]"})
    found = own(tmp_path, text)
    assert found.ignored == (sentence.replace("FILE", str(tmp_path / "home/.condarc")),)
    assert found.channels == ("ours",)
    assert found.offline == ("offline: true" in text)
    assert "hunter2" not in repr(found)


def test_broken_toml_and_odd_files_are_told(tmp_path: Path) -> None:
    """A folder where a file should be, what cannot be opened, and what is no TOML."""
    write(tmp_path, {PIXIS: 'mirrors = "hunter2\n', "etc/pixi/config.toml": "mirrors = 3"})
    (tmp_path / "home/.condarc").mkdir()
    (tmp_path / "home/.mambarc").symlink_to(tmp_path / "home/.mambarc")
    found = read(tmp_path)
    assert [sentence.replace(str(tmp_path), "") for sentence in found.ignored] == [
        "`mirrors` of /etc/pixi/config.toml does not hold a table of lists",
        "/home/.pixi/config.toml is not TOML (line 1, column 19)",
        "/home/.condarc cannot be read: it is no file",
        "/home/.mambarc cannot be read: too many levels of symbolic links",
    ]
    assert found.read == ()


# Channels

CORPORATE = Condarc(
    alias="https://nexus.example.org/conda",
    default_channels=("https://nexus.example.org/pkgs/main", "https://nexus.example.org/pkgs/r"),
    custom=(
        ("conda-forge", "https://mirror.example.org/cloud"),
        ("physics", "https://physics.example.org/conda"),
        ("team", "https://nexus.example.org/conda"),
    ),
    multi=(("science", ("conda-forge", "physics", "defaults")),),
)


@pytest.mark.parametrize(
    ("name", "urls"),
    [
        ("bioconda", ("https://nexus.example.org/conda/bioconda",)),
        ("conda-forge", ("https://mirror.example.org/cloud/conda-forge",)),
        ("conda-forge/label/dev", ("https://mirror.example.org/cloud/conda-forge/label/dev",)),
        ("conda-forge/linux-64", ("https://mirror.example.org/cloud/conda-forge",)),
        ("conda-forge[noarch]", ("https://mirror.example.org/cloud/conda-forge",)),
        (f"{ALIAS}/conda-forge/", ("https://mirror.example.org/cloud/conda-forge",)),
        (f"{ALIAS}/t/ab-123/bioconda", ("https://nexus.example.org/conda/bioconda",)),
        ("https://ada:hunter2@other.example.org:8443/x/noarch", ("https://other.example.org:8443/x",)),
        ("physics", ("https://physics.example.org/conda/physics",)),
        ("team", ("https://nexus.example.org/conda/team",)),
        ("defaults", CORPORATE.default_channels),
        (f"{REPOSITORY}/main", (CORPORATE.default_channels[0],)),
        ("science", ("https://mirror.example.org/cloud/conda-forge", "https://physics.example.org/conda/physics",
                     *CORPORATE.default_channels)),
        ("pkgs/pro", ("https://repo.anaconda.com/pkgs/pro",)),
        ("file:///srv/chan", ("file:///srv/chan",)),
        ("/srv/chan/", ("file:///srv/chan",)),
        (r"C:\chan", ("file:///C:/chan",)),
        ("s3://bucket/chan", ("s3://bucket/chan",)),
        ("nodefaults", ()),
        ("local", ()),
        ("", ()),
        ("./here", ()),
        ("../../etc", ()),
        ("a/../../b", ()),
        ("~/here", ()),
        ("a b", ()),
    ],
)  # fmt: skip
def test_a_channel_is_fetched_from_where_the_person_says(name: str, urls: tuple[str, ...]) -> None:
    """By name, by URL, by path; what is no channel is none, and no stranger's."""
    assert condarc.urls(name, CORPORATE) == urls


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("https://nexus.example.org/conda/bioconda/noarch/a-1-0.conda", f"{ALIAS}/bioconda/noarch/a-1-0.conda"),
        ("https://ada:hunter2@NEXUS.example.org:443/conda/bioconda", f"{ALIAS}/bioconda"),
        ("https://mirror.example.org/cloud/conda-forge/linux-64/b-1-0.conda", f"{ALIAS}/conda-forge/linux-64/b-1-0.conda"),
        ("https://nexus.example.org/pkgs/main/linux-64/c-1-0.conda", f"{REPOSITORY}/main/linux-64/c-1-0.conda"),
        ("https://physics.example.org/conda/physics/noarch/d-1-0.conda",
         "https://physics.example.org/conda/physics/noarch/d-1-0.conda"),
        ("https://nexus.example.org/conda/team/noarch/e-1-0.conda", "https://nexus.example.org/conda/team/noarch/e-1-0.conda"),
        ("https://elsewhere.example.org/x/noarch/f-1-0.conda", "https://elsewhere.example.org/x/noarch/f-1-0.conda"),
        (f"{ALIAS}/conda-forge", f"{ALIAS}/conda-forge"),
    ],
)  # fmt: skip
def test_a_lock_names_the_public_place(url: str, canonical: str) -> None:
    """And what was fetched here is found again from there."""
    assert condarc.canonical(url, CORPORATE) == canonical
    assert condarc.canonical(canonical, CORPORATE) == canonical
    if ALIAS not in url:
        assert condarc.bare(url) in condarc.local(canonical, CORPORATE)


def test_a_mirror_in_a_country_is_no_channel_of_its_own(tmp_path: Path) -> None:
    """`custom_channels` with the name of a channel that everybody knows is how conda's documentation mirrors it."""
    found = own(tmp_path, TUNA)
    here = "https://mirrors.tuna.example.org/anaconda"
    assert [condarc.urls(name, found) for name in found.channels] == [
        (f"{here}/pkgs/main", f"{here}/pkgs/r"), (f"{here}/cloud/conda-forge",),
    ]  # fmt: skip
    assert (
        condarc.canonical(f"{here}/cloud/conda-forge/noarch/x.conda", found)
        == f"{ALIAS}/conda-forge/noarch/x.conda"
    )
    assert condarc.canonical(f"{here}/pkgs/r/noarch/x.conda", found) == f"{REPOSITORY}/r/noarch/x.conda"


def test_mirrors_go_before_the_alias_and_may_go_round() -> None:
    """A mirror of the person's own alias; two that mirror each other; one for several channels, which is none."""
    found = Condarc(
        alias="https://nexus.example.org/conda",
        mirrors=(
            ("https://nexus.example.org/conda/conda-forge", ("file:///srv/conda-forge",)),
            ("a", ("https://conda.anaconda.org/b",)),
            ("b", ("https://conda.anaconda.org/a",)),
            ("defaults", ("https://d.example.org/all",)),
            ("https://g.example.org/x", ("https://g.example.org",)),
        ),
    )
    assert condarc.urls("conda-forge", found) == ("file:///srv/conda-forge",)
    assert (
        condarc.canonical("file:///srv/conda-forge/noarch/x.conda", found)
        == f"{ALIAS}/conda-forge/noarch/x.conda"
    )
    for name in "ab":
        once = condarc.canonical(f"{ALIAS}/{name}/x", found)
        assert condarc.canonical(once, found) == once
    assert condarc.urls("defaults", found) == Condarc().default_channels
    assert condarc.canonical("https://g.example.org/y", found) == "https://g.example.org/y"
    assert condarc.urls("https://g.example.org/x/y", found) == ("https://g.example.org/y",)


@given(st.text("ab/:.@t-", max_size=30), st.sampled_from([Condarc(), CORPORATE]))
def test_no_name_is_an_error(name: str, found: Condarc) -> None:
    """And every URL has one meaning, which is its own meaning."""
    for url in (*condarc.urls(name, found), *condarc.urls(f"https://nexus.example.org/{name}", found)):
        once = condarc.canonical(url, found)
        assert condarc.canonical(once, found) == once
        assert condarc.local(once, found)


# Credentials


def credentials(
    top: Path, environ: dict[str, str] | None = None, system: str = "linux"
) -> list[tuple[str, str, str, str]]:
    found = condarc.credentials(environ or {}, top / "home", system=system, root=top)
    assert not [secret for secret in (each.secret for each in found) if secret in repr(found)]
    return [(each.url, each.kind, each.user, each.secret) for each in found]


def test_the_credentials_of_an_institutes_file(tmp_path: Path) -> None:
    """Each with the URLs that it opens."""
    write(tmp_path, {OWN: INSTITUTE})
    assert credentials(tmp_path) == [
        ("https://nexus.example.org/repository/conda-special", "basic", "ada", "hunter2"),
        ("https://physics.example.org/conda/physics", "token", "", "phys-t0k3n"),
        ("https://nexus.example.org/repository/pkgs/main", "token", "", "to-k3n-9"),
        ("https://nexus.example.org/repository/pkgs/r", "token", "", "to-k3n-9"),
        ("https://nexus.example.org/repository/conda", "basic", "ada", "hunter2"),
    ]
    assert condarc.proxies({}, tmp_path / "home", system="linux", root=tmp_path) == dict.fromkeys(
        ("http", "https"), "http://ada:pr0xyp4ss@proxy.example.org:3128"
    )


def test_mirrors_and_several_channels_may_hold_credentials_too(tmp_path: Path) -> None:
    """Wherever a URL may stand, quoted or not, from a variable or not."""
    text = (
        "mirrored_channels:\n  conda-forge: ['https://a:s1@m.example.org/x', 'https://m.example.org/t/s2/y']\n"
        "custom_multichannels:\n  all: ['https://b:s%403@n.example.org:8443']\nchannel_alias: $ALIAS\n"
    )
    write(tmp_path, {OWN: text, PIXIS: '[mirrors]\nx = ["https://c:s/4@o.example.org"]\n'})
    assert credentials(tmp_path, {"ALIAS": "d:s5@alias.example.org"}) == [
        ("https://o.example.org", "basic", "c", "s/4"),
        ("https://m.example.org/x", "basic", "a", "s1"),
        ("https://m.example.org/y", "token", "", "s2"),
        ("https://n.example.org:8443", "basic", "b", "s@3"),
        ("https://alias.example.org", "basic", "d", "s5"),
    ]


@pytest.mark.parametrize(
    ("system", "environ", "folder"),
    [
        ("linux", {}, "home/.config/binstar"),
        ("linux", {}, "home/.local/share/binstar"),
        ("linux", {"XDG_CONFIG_HOME": "TOP/xdg"}, "xdg/binstar"),
        ("linux", {"BINSTAR_CONFIG_DIR": "TOP/own"}, "own/data"),
        ("linux", {}, "home/.continuum/anaconda-client/tokens"),
        ("macos", {}, "home/Library/Application Support/binstar"),
        ("windows", {"LOCALAPPDATA": "TOP/local"}, "local/ContinuumIO/binstar"),
    ],
)
def test_the_tokens_of_anaconda_client(
    tmp_path: Path, system: str, environ: dict[str, str], folder: str
) -> None:
    """A file for each server, whose name is the quoted URL of its API."""
    place = tmp_path / folder
    place.mkdir(parents=True)
    for url, token in (("https://api.anaconda.org", "t0k3n\n"), ("https://nexus.example.org/api", "0th3r")):
        (place / f"{quote_plus(url)}.token").write_text(token)
    for name, text in (
        ("notes.txt", "x"),
        ("empty.token", ""),
        (f"{quote_plus('https://big.example.org')}.token", "x" * 5000),
    ):
        (place / name).write_text(text)
    environ = {name: value.replace("TOP", str(tmp_path)) for name, value in environ.items()}
    expected = [
        ("https://conda.anaconda.org", "token", "", "t0k3n"), ("https://nexus.example.org/conda", "token", "", "0th3r"),
    ]  # fmt: skip
    assert credentials(tmp_path, environ, system) == expected
    write(tmp_path, {OWN: "add_anaconda_token: false"})
    assert credentials(tmp_path, environ, system) == []


def test_the_logins_of_netrc(tmp_path: Path) -> None:
    """For their hosts alone, and after what is configured; a broken one says nothing."""
    text = "machine nexus.example.org login ada password hunter2\ndefault login anonymous password me@example.org\n"
    write(
        tmp_path,
        {
            "home/.netrc": text,
            "other": "machine b.example.org\n  login b\n  password pw\n",
            "broken": "machine",
        },
    )
    assert credentials(tmp_path) == [("https://nexus.example.org", "basic", "ada", "hunter2")]
    assert credentials(tmp_path, {"NETRC": str(tmp_path / "other")}) == [
        ("https://b.example.org", "basic", "b", "pw")
    ]
    assert credentials(tmp_path, {"NETRC": str(tmp_path / "broken")}) == []
    write(tmp_path, {"home/_netrc": text.replace("ada", "win")})
    assert credentials(tmp_path, system="windows")[0][2] == "win"


def test_a_credential_cannot_be_written_down() -> None:
    """Neither shown nor encoded."""
    one = Credential(url="https://example.org:8080/x", kind="basic", user="ada", secret="hunter2")
    assert (one.host, one == Credential(url=one.url, kind="basic", user="ada", secret="hunter2")) == (
        "example.org",
        True,
    )
    assert "hunter2" not in f"{one} {one!r} {[one]}"
    for encode in (msgspec.json.encode, msgspec.to_builtins, json.dumps):
        with pytest.raises(TypeError) as caught:
            encode(one)
        assert "hunter2" not in str(caught.value)
    assert len({one, Credential(url="u", kind="token", secret="x")}) == 2


# Secrets, and whatever text


def told(found: Condarc) -> str:
    return repr(found) + found.to_text()


def test_no_secret_is_told(tmp_path: Path) -> None:
    """Not in the record, not as text, not in JSON, and not in what was ignored; the file may be cut anywhere."""
    for end in range(0, len(INSTITUTE), 7):
        found = own(tmp_path, INSTITUTE[:end])
        assert not [secret for secret in SECRETS if secret in told(found)]
        assert not [part for secret in SECRETS if (part := secret[:5]) in told(found)]


_SECRET = st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S")), min_size=1, max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(_SECRET, st.sampled_from(["channels: ['URL']", "channel_alias: 'URL'", "default_channels: ['URL']",
    "custom_channels: {x: 'URL'}", "custom_multichannels: {x: ['URL']}", "mirrored_channels: {'URL': ['URL']}",
    "proxy_servers: {http: 'URL', 'URL': 'URL'}"]))  # fmt: skip
def test_no_quoted_secret_is_told_wherever_it_stands(tmp_path: Path, secret: str, text: str) -> None:
    """Passwords of any characters, and tokens."""
    secret = f"ZQ{secret}ZQ"
    for url in (
        f"https://ada:{quote(secret, safe='')}@h.example.org/c",
        f"https://h.example.org/t/{quote(secret, safe='')}/c",
    ):
        if "proxy" in text and "/t/" in url:
            continue
        found = own(tmp_path, text.replace("URL", url), {})
        assert (found.ignored, "ZQ" in told(found)) == ((), False)
        home = tmp_path / "home"
        if "proxy" not in text:
            assert {each.secret for each in condarc.credentials({}, home, system="linux", root=tmp_path)} == {
                secret
            }


_WORD = st.sampled_from([
    "channels", "channel_alias", "custom_channels", "proxy_servers", "mirrored_channels", "offline", ":", ": ", "- ", "\n",
    "\n  ", "[", "]", "{", "}", ",", "'", '"', "&a ", "*a", "<<", "|", ">", "#!top", "#!final", " ", "http://a:b@c", "null",
    "!!binary ", "---", "\t", "? ", "%", "@", "`", "\ufeff", "\x85", "é", "=", "true",
])  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(_WORD, max_size=25).map("".join)))
def test_no_text_is_an_error(tmp_path: Path, text: str) -> None:
    """Whatever stands in a file is read, or told."""
    text = text.encode("utf-8", "replace").decode()
    write(tmp_path, {OWN: text, PIXIS: text})
    found = read(tmp_path)
    assert Condarc.from_json(json.loads(found.to_text())) == found
    for name in (*found.channels, *(name for name, _ in found.mirrors)):
        for url in condarc.urls(name, found):
            condarc.canonical(url, found)
    condarc.credentials({}, tmp_path / "home", system="linux", root=tmp_path)
    condarc.proxies({}, tmp_path / "home", system="linux", root=tmp_path)


# Environments are found through it


def conda(path: Path, *metas: str) -> Path:
    """A conda environment as its files tell it."""
    for name in ("python-3.12.4-h1_cpython.json", "history", *metas):
        (path / "conda-meta" / name).parent.mkdir(parents=True, exist_ok=True)
        (path / "conda-meta" / name).write_text("{}")
    return path


def environments(top: Path, environ: dict[str, str]) -> list[Discovered]:
    return sorted(
        Environments().find(environ, home=top / "home", root=top, system="linux"), key=lambda each: each.path
    )


def test_environments_lie_where_any_file_says(tmp_path: Path) -> None:
    """Every installation's own file counts, and so do the system's and variables in them."""
    write(tmp_path, {
        "etc/conda/condarc.d/site.yml": f"envs_dirs: [{tmp_path}/$GROUP/envs]",
        "home/miniforge3/.condarc": f"envs_dirs: [{tmp_path}/one]", "opt/conda/.condarc": f"envs_path: {tmp_path}/two",
        OWN: "envs_dirs: [~/three]",
    })  # fmt: skip
    for name in ("lab/envs/a", "one/b", "two/c", "home/three/d"):
        conda(tmp_path / name)
    assert [each.name for each in environments(tmp_path, {"GROUP": "lab"})] == ["d", "a", "b", "c"]


def test_a_frozen_environment_and_a_base_are_told(tmp_path: Path) -> None:
    """By the marker of CEP 22; by conda itself, its folder for shells, or the name of its folder."""
    envs = tmp_path / "home/miniforge3/envs"
    conda(tmp_path / "home/miniforge3")
    conda(envs / "base")
    conda(envs / "forge-tools")
    conda(envs / "frozen", "frozen")
    conda(envs / "with-conda", "conda-24.11.1-py312_0.json", "frozen")
    conda(envs / "with-tools", "conda-build-24.11.0-py312_0.json", "conda-pack-0.8.json")
    (conda(envs / "with-shells") / "condabin").mkdir()
    assert [(each.name, each.frozen, each.base) for each in environments(tmp_path, {})] == [
        ("base", False, True), ("base", False, False), ("forge-tools", False, False), ("frozen", True, False),
        ("with-conda", True, True), ("with-shells", False, True), ("with-tools", False, False),
    ]  # fmt: skip
