"""Which packages an interpreter has, and which of them give the modules that are asked for.

Run as `python -I distributions.py` with a JSON list of dotted module names on stdin, in somebody's kernel: standard
library only, Python 3.8 or newer, nothing of the packages themselves is imported. Prints one JSON object:

    {"version": "3.11.2", "stdlib": [names], "installed": {name: version}, "local": [names that lie in a folder],
     "found": {module: [names]}, "conda": {module: [name, version]}}

`conda` is about what only conda knows who gives it, by conda's names.
"""

import json
import os
import re
import site
import sys
from importlib import metadata


def main():
    asked = json.load(sys.stdin)
    search_path()
    installed, local, tops = {}, [], {}
    for distribution in metadata.distributions():
        name = canonical(distribution.metadata["Name"] or "")
        if not name or name in installed:  # the first on the path is the one that is imported
            continue
        installed[name] = distribution.version
        if in_a_folder(distribution):
            local.append(name)
        for top in top_levels(distribution):
            tops.setdefault(top, []).append((name, distribution))
    found = {}
    for module in asked:
        givers = tops.get(module.split(".")[0], [])
        found[module] = sorted(set(name for name, _ in closest(module, givers)))
    stdlib = sorted(getattr(sys, "stdlib_module_names", sys.builtin_module_names))
    version = ".".join(str(number) for number in sys.version_info[:3])
    json.dump(
        {
            "version": version,
            "stdlib": stdlib,
            "installed": installed,
            "local": sorted(local),
            "found": found,
            "conda": of_conda([module for module in asked if not found[module]]),
        },
        sys.stdout,
    )


def search_path():
    """What the kernel itself would see: -I leaves the person's own site-packages out."""
    user = site.getusersitepackages()
    if sys.prefix == sys.base_prefix and os.path.isdir(user):
        sys.path.append(user)


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def of_conda(modules):
    """The conda packages that give these modules: some say nothing of their files where Python looks."""
    folder, found = os.path.join(sys.prefix, "conda-meta"), {}
    wanted = {module.split(".")[0] for module in modules}
    for name in sorted(os.listdir(folder)) if wanted and os.path.isdir(folder) else ():
        if not name.endswith(".json"):
            continue
        try:
            with open(os.path.join(folder, name), encoding="utf-8") as stream:
                data = json.load(stream)
            tops = {top(file) for file in data.get("files", ())} & wanted
            found.update((module, [data["name"], data["version"]]) for module in tops)
        except (OSError, ValueError, KeyError, AttributeError, TypeError):
            continue
    return {module: found[module.split(".")[0]] for module in modules if module.split(".")[0] in found}


def top(file):
    """The name by which `import` knows a file of a package, "" for one that it does not see."""
    before, _, inside = file.partition("site-packages/")
    first, _, rest = inside.partition("/")
    if not inside or before.count("/") > 2:
        return ""
    return first if rest else first.split(".")[0]


def in_a_folder(distribution):
    """True for what was installed from a folder or a repository: no index has it (PEP 610)."""
    if (distribution.read_text("INSTALLER") or "").strip() == "conda":
        return False  # it names the folder in which somebody built the package
    try:
        text = distribution.read_text("direct_url.json")
        return bool(text) and "archive_info" not in json.loads(text)
    except (OSError, ValueError):
        return False


def top_levels(distribution):
    """The names that `import` knows it by."""
    text = distribution.read_text("top_level.txt")
    names = set((text or "").split())
    for file in distribution.files or ():
        first, rest = file.parts[0], file.parts[1:]
        if first == ".." or first.endswith((".dist-info", ".egg-info", ".data")):
            continue
        if rest:
            names.add(first)
        elif file.suffix in (".py", ".so", ".pyd"):
            names.add(first.split(".")[0])
    return set(name for name in names if name.isidentifier())


def closest(module, givers):
    """Those of several that share a name (`google`) which have the most of a dotted name."""
    parts = module.split(".")
    for length in range(len(parts), 1, -1):
        if len(givers) < 2:
            break
        start = "/".join(parts[:length])
        having = [
            (name, distribution)
            for name, distribution in givers
            if any(
                str(file).replace(os.sep, "/").startswith((start + "/", start + "."))
                for file in distribution.files or ()
            )
        ]
        if having:
            return having
    return givers


if __name__ == "__main__":
    main()
