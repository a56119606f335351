"""Where packages may come from: the policy's indexes and channels, never a notebook's own."""

from __future__ import annotations

from urllib.parse import urlsplit

from packaging.utils import canonicalize_name

from kernel_iso.errors import ImpossibleError, SpecError
from kernel_iso.model import Index, Plan, Policy
from kernel_iso.model.conda_specs import conda_channel
from kernel_iso.model.policies import PYPI
from kernel_iso.planning.rules import Case, attempt, decided, listed, without_credentials
from kernel_iso.planning.torches import is_tag

_PORTS = {"http": 80, "https": 443}
_CONDA_HOST = "https://conda.anaconda.org/"


def comparable(url: str) -> str:
    """A URL's meaning: without credentials, default port, fragment, trailing slash, and the case of the host.

    >>> comparable("HTTPS://ada:secret@Example.org:443/simple/#top")
    'https://example.org/simple'
    """
    try:
        parts = urlsplit(url.strip())
        port = f":{parts.port}" if parts.port and parts.port != _PORTS.get(parts.scheme) else ""
    except ValueError:
        # A malformed host or port: such a URL equals only itself.
        return without_credentials(url)
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path.rstrip('/')}{query}"


def indexes(plan: Plan, case: Case) -> Plan:
    """Use the policy's indexes in the policy's order; what a notebook names must be one of them, by its URL.

    An index of torch's builds (`Policy.torch_index`) is one of them too, and serves only what is bound to it.

    A package stays bound to the index it names, under the policy's name for it. An explicit index to which
    nothing is bound is left out: it serves nothing. Raises `ImpossibleError` (`index-not-allowed`) and
    `SpecError` (`unknown-index`) where a package is bound to an index that is nowhere declared.
    """
    spec, policy = case.spec, case.policy
    # Names are compared as package names are, for that is how a notebook's are normalised when it is read.
    names = {canonicalize_name(index.name): index.name for index in policy.indexes}
    allowed = {canonicalize_name(index.name): _allowed(index, case) for index in spec.indexes}
    names |= {name: index.name for name, index in allowed.items()}
    for package, name in spec.pins:
        if canonicalize_name(name) not in names:
            raise SpecError(
                "unknown-index",
                attempt(spec),
                f"`{package}` is bound to the index `{name}`, which is not declared; "
                f"the policy has {listed(index.name for index in policy.indexes) or 'none'}",
                "bind it to one of these, or let the index be added to the policy",
            )
    pins = tuple((canonicalize_name(package), names[canonicalize_name(name)]) for package, name in spec.pins)
    bound = {name for _, name in pins}
    candidates = dict.fromkeys((*policy.indexes, *allowed.values()))
    used = tuple(index for index in candidates if not index.explicit or index.name in bound)
    return decided(
        plan,
        "indexes",
        _reason(used, pins, policy),
        indexes=used,
        pins=pins,
        trusted_hosts=policy.trusted_hosts,
    )


def torch_index(tag: str, policy: Policy) -> Index:
    """The index of torch's builds with a tag: the policy's own, where it has one at that URL."""
    url = f"{policy.torch_index.rstrip('/')}/{tag}"
    for ours in policy.indexes:
        if comparable(ours.url) == comparable(url):
            return ours
    taken = {canonicalize_name(each.name) for each in policy.indexes}
    name = f"pytorch-{tag}"
    return Index(name=f"{name}-builds" if canonicalize_name(name) in taken else name, url=url, explicit=True)


def torch_tag(url: str, policy: Policy) -> str:
    """The tag whose builds the index at a URL serves, "" where it is none of `Policy.torch_index`.

    >>> torch_tag("https://download.pytorch.org/whl/cu126/", Policy())
    'cu126'
    """
    base, _, tag = comparable(url).rpartition("/")
    ours = not no_torch_index(policy) and base == comparable(policy.torch_index)
    return tag if ours and is_tag(tag) else ""


def no_torch_index(policy: Policy) -> str:
    """Why the indexes of torch's builds are not used, or ""."""
    if not policy.torch_index:
        return f"no index of torch's builds is set ({policy.source_of('torch_index')})"
    public = any(comparable(index.url) == comparable(PYPI.url) for index in policy.indexes)
    default = policy.torch_index == Policy().torch_index and policy.source_of("torch_index") == "default"
    if default and not public:
        # Who closes the public index has not opened another one.
        names = listed(index.name for index in policy.indexes) or "no index"
        return f"packages come from {names} ({policy.source_of('indexes')}), and no `torch-index` is set beside it"
    return ""


def _allowed(index: Index, case: Case) -> Index:
    """The policy's index at the same URL."""
    for ours in case.policy.indexes:
        if comparable(ours.url) == comparable(index.url):
            return ours
    if tag := torch_tag(index.url, case.policy):
        return torch_index(tag, case.policy)
    shown = comparable(index.url).split("?")[0]
    known = listed(f"{ours.name} ({comparable(ours.url)})" for ours in case.policy.indexes)
    raise ImpossibleError(
        "index-not-allowed",
        attempt(case.spec),
        f"the index `{index.name}` at {shown} is not in the policy, which has {known or 'none'}",
        f'remove it, or add {{name = "{index.name}", url = "{shown}"}} to `indexes` in the policy; '
        "`kernel-iso policy` shows which file, and who may",
    )


def _reason(used: tuple[Index, ...], pins: tuple[tuple[str, str], ...], policy: Policy) -> str:
    where = policy.source_of("indexes")
    text = f"packages come from {listed(index.name for index in used) or 'no index'} ({where})"
    if pins:
        text += f"; {listed(f'{package} only from {name}' for package, name in pins)}"
    if policy.trusted_hosts:
        text += f"; TLS is not verified for {listed(policy.trusted_hosts)}"
    return text


def channels(plan: Plan, case: Case) -> Plan:
    """Use the channels that are asked for, which must be the policy's, or else the policy's own.

    Channels matter only where conda installs. `nodefaults` is no channel: it means "not conda's
    default ones". Raises `ImpossibleError` (`channel-not-allowed`).
    """
    spec, policy = case.spec, case.policy
    if plan.backend != "conda":
        text = f"the channels {listed(spec.channels)} are not used: no conda packages are asked for"
        return decided(plan, "channels", text if spec.channels else "")
    allowed = {channel_meaning(name): name for name in policy.channels}
    wanted = tuple(name for name in spec.channels if name != "nodefaults")
    named = tuple(channel for item in spec.conda if (channel := conda_channel(item)))
    for name in (*wanted, *named):
        if channel_meaning(name) not in allowed:
            raise ImpossibleError(
                "channel-not-allowed",
                attempt(spec),
                f"the channel `{channel_meaning(name)}` is not in the policy, "
                f"which has {listed(allowed.values()) or 'none'}",
                f'remove it, or add "{channel_meaning(name)}" to `channels` in the policy; '
                "`kernel-iso policy` shows which file, and who may",
            )
    asked = tuple(allowed[channel_meaning(name)] for name in wanted) or policy.channels
    # A package that names its channel brings it along, behind the others.
    used = tuple(dict.fromkeys((*asked, *(allowed[channel_meaning(name)] for name in named))))
    where = "" if wanted else f" ({policy.source_of('channels')})"
    text = f"conda packages come from {listed(used) or 'no channel'}{where}"
    return decided(plan, "channels", text, channels=used)


def channel_meaning(name: str) -> str:
    """A channel's meaning: `conda-forge` is the same as its URL.

    >>> channel_meaning("https://conda.anaconda.org/conda-forge/")
    'conda-forge'
    """
    return comparable(name).removeprefix(_CONDA_HOST) if "://" in name else name.strip().rstrip("/")
