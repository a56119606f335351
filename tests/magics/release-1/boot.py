"""Start ipykernel in this prefix as `python -m ipykernel_launcher` would: `python boot.py -f CONNECTION`.

Runs in the prefix's own interpreter, any CPython from 3.9, by its path; nothing of it is importable
afterwards. It holds a shared lock on the file `in-use` beside it for the life of the process, so that no
clean-up takes the prefix away. `launch.json` beside it, written by the engine, may name the folder of the
kernel's own packages (`companions`, last on `sys.path`, or before the prefix's packages with
`companions_first`) and the folders of the project's own code (`own_paths`, right after the notebook's
folder). With a command line (`cli`) in it, cells have `%iso`: `magics.py` beside this file is read when it is first used.
"""

import json
import os
import sys
import time


def hold(path):
    """Take the shared lock on `path` until the process ends; exit where the prefix is being removed."""
    try:
        # Read-only where it is there already: a store that cannot be written still serves what is ready.
        handle = os.open(path, os.O_RDONLY if os.path.exists(path) else os.O_RDWR | os.O_CREAT, 0o644)
    except OSError:
        return
    # Windows has no shared lock, and needs none: it refuses to move a file that is open.
    if os.name == "nt":
        return
    import fcntl

    for _ in range(100):  # one second: a clean-up takes it for a moment only to look
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            time.sleep(0.01)
        except OSError:
            return  # a file system without locks: the store's own record of use must do
    sys.exit("kernel-iso: this environment is being removed; restart the kernel to make it again")


def launch_settings(path):
    """What the engine wrote in `launch.json`; nothing where there is none."""
    try:
        with open(path, encoding="utf-8") as stream:
            return json.load(stream)
    except FileNotFoundError:
        return {}


def first_packages_folder():
    """Where in `sys.path` the installed packages begin."""
    for index, entry in enumerate(sys.path):
        if os.path.basename(entry) in ("site-packages", "dist-packages"):
            return index
    return len(sys.path)


def add_companions(folder, first):
    """Put the folder of the kernel's own packages on `sys.path`."""
    if os.name == "nt":
        import site

        site.addsitedir(folder)  # pywin32, which ipykernel needs there, is found through a .pth file
        sys.path.remove(folder)
    sys.path.insert(first_packages_folder() if first else len(sys.path), folder)


def add_own_paths(folders):
    """Put the project's own code right after the notebook's folder, which IPython adds when it starts.

    Until then neither is on `sys.path`: a `tornado.py` in the project must not become ipykernel's.
    """
    from IPython.core.shellapp import InteractiveShellApp

    stock = InteractiveShellApp.init_path

    def init_path(self):
        InteractiveShellApp.init_path = stock
        stock(self)
        index = sys.path.index("") + 1 if "" in sys.path else first_packages_folder()
        sys.path[index:index] = [folder for folder in folders if folder not in sys.path]

    InteractiveShellApp.init_path = init_path


def read(path, **names):
    """A file of ours as a module that nothing can import: it is not in `sys.modules`, and no bytecode is written."""
    from types import ModuleType

    module = ModuleType(os.path.basename(path)[:-3])
    vars(module).update(names, __file__=path)
    with open(path, encoding="utf-8") as stream:
        exec(compile(stream.read(), path, "exec"), vars(module))
    return module


def add_magics(folder):
    """Give the shell `%iso` and `%%iso` when it is made; what they do is read when the first cell uses them."""
    from IPython.core.shellapp import InteractiveShellApp

    stock, found = InteractiveShellApp.init_extensions, []

    def magics():
        if not found:
            found.append(read(os.path.join(folder, "magics.py"), folder=folder, hold=hold, read=read))
        return found[0]

    def iso(line, cell=None):
        """`%iso` shows the state of this notebook's environment, `%iso help` what can be done about it."""
        try:
            ours = magics()
        except Exception as error:
            print("kernel-iso cannot load %%iso: %r\nthe kernel works without it" % error, file=sys.stderr)
            return None
        return ours.magic(line, cell)

    def complete(shell, event):
        return magics().complete(event)

    def init_extensions(self):
        InteractiveShellApp.init_extensions = stock
        stock(self)
        try:
            self.shell.register_magic_function(iso, "line_cell", "iso")
            for word in ("%iso", "%%iso"):
                self.shell.set_hook("complete_command", complete, str_key=word)
        except Exception as error:
            print("kernel-iso cannot add %%iso: %r\nthe kernel works without it" % error, file=sys.stderr)

    InteractiveShellApp.init_extensions = init_extensions


def main():
    """Become the kernel."""
    folder = os.path.dirname(os.path.abspath(__file__))
    if sys.path and os.path.abspath(sys.path[0]) == folder:
        del sys.path[0]  # python puts a script's folder there, -m does not; PYTHONSAFEPATH neither
    for entry in (__file__, folder):
        sys.path_importer_cache.pop(entry, None)
    hold(os.path.join(folder, "in-use"))
    settings = launch_settings(os.path.join(folder, "launch.json"))
    if settings.get("companions"):
        add_companions(settings["companions"], settings.get("companions_first", False))

    from importlib.util import find_spec

    if find_spec("ipykernel_launcher") is None:
        sys.exit(
            "kernel-iso cannot start a kernel: ipykernel is not importable in " + sys.prefix + "\n"
            "hint:    kernel-iso realise --fresh   makes this environment again"
        )
    if settings.get("own_paths"):
        add_own_paths(settings["own_paths"])
    if settings.get("cli"):
        add_magics(folder)

    from runpy import run_module

    # What -m does: it sets sys.argv[0], and the launcher finds itself to be __main__.
    run_module("ipykernel_launcher", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
