"""What the person or the administrator allows."""

from __future__ import annotations

from kernel_iso.model.records import Record
from kernel_iso.model.specs import Index

PYPI = Index(name="pypi", url="https://pypi.org/simple")


class Policy(Record, frozen=True, kw_only=True):
    """What is allowed, and the defaults. Layers (admin, user, environment) are merged by `kernel_iso.policy`.

    `store`, `cache`: absolute folders; `cache` is also `on` (the backend's own place) or `off`.
    `backends` in order of preference. `python`: the default specifier ("" is the engine's own minor version).
    `packages` are what a notebook that declares nothing gets, `companions` what every kernel gets beside what
    was asked (pip, so that `!pip` in a cell means the notebook's own prefix). `indexes` in order (the first that has a
    package serves it). `torch_index` is the base of the indexes of torch's builds, one for each tag (`<base>/cu126`);
    "" is none, and the default one is used only beside PyPI. `trusted_hosts` are hosts without verified TLS, from
    the administrator only. `platforms` are lock targets ("" is this one).
    `channels` are those that conda packages may come from, in order of priority; `link_scripts` says whether such packages
    may run scripts as they are installed: `never`, or `approved` for what was approved on this machine.
    `source_builds` is `never`, `asked` or `allowed`. `exclude_newer` is a date or an age ("3 days").
    `keep_days` and `disk_budget_gb` (GB = 10^9 bytes; 0 is no limit) rule the clean-up. `trusted_folders` are
    folders whose notebooks need no approval. `env_allowed` are the names (with `*`) of variables that a notebook may set.
    `unknown` says what a kernel does that cannot find its notebook: `refuse` or `bare`.
    `lock_on_save` lays a new lock in a notebook that declares something when it is saved in a page.
    `frontends` says whether a page may load the widget front ends of an approved environment: `ask` or `never`.
    `python_fetch` lets uv download a Python. `launcher` names the Jupyter provisioner that launches.
    `kernels` says what Jupyter lists beside *Isolated Python* and the stock kernels: `all`, `named` (named environments
    only) or `own` (nothing more). Of the environments found on the machine those are listed whose name, path or
    tool one of `kernel_filter` (patterns with `*`) matches, at most `kernel_limit` (0 is no limit), the last used first.
    `kernel_folders` are more folders in which to look for environments.
    `locked` are the keys that lower layers may not change, `sources` pairs of (key, where it was set).
    """

    store: str = ""
    cache: str = "on"
    backends: tuple[str, ...] = ("uv", "virtualenv", "conda")
    python: str = ""
    packages: tuple[str, ...] = ()
    companions: tuple[str, ...] = ("ipykernel", "ipywidgets", "pip")
    indexes: tuple[Index, ...] = (PYPI,)
    torch_index: str = "https://download.pytorch.org/whl"
    trusted_hosts: tuple[str, ...] = ()
    channels: tuple[str, ...] = ("conda-forge",)
    link_scripts: str = "never"
    platforms: tuple[str, ...] = ()
    source_builds: str = "never"
    system_site_packages: bool = False
    exclude_newer: str = ""
    offline: bool = False
    keep_days: int = 30
    disk_budget_gb: float = 0
    trusted_folders: tuple[str, ...] = ()
    env_allowed: tuple[str, ...] = (
        "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_*", "CUDA_VISIBLE_DEVICES",
        "CUDA_DEVICE_ORDER", "HIP_VISIBLE_DEVICES", "PYTORCH_*", "TORCH_*", "XLA_*", "JAX_*", "TF_*", "HF_*",
        "TOKENIZERS_*", "TRANSFORMERS_*", "MPLBACKEND", "TZ", "LANG", "LC_*", "PYTHONHASHSEED", "WANDB_*",
        "MLFLOW_*", "RAY_*", "NUMBA_*", "DJANGO_SETTINGS_MODULE",
    )  # fmt: skip
    audit_log: str = ""
    unknown: str = "refuse"
    lock_on_save: bool = True
    frontends: str = "ask"
    python_fetch: bool = True
    launcher: str = "local-provisioner"
    kernels: str = "all"
    kernel_filter: tuple[str, ...] = ("*",)
    kernel_folders: tuple[str, ...] = ()
    kernel_limit: int = 40
    locked: tuple[str, ...] = ()
    sources: tuple[tuple[str, str], ...] = ()

    def source_of(self, key: str) -> str:
        """Where the value of `key` came from: a file, a variable, or `default`."""
        return dict(self.sources).get(key, "default")
