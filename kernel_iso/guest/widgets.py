"""What `%iso` shows while it works and what it offers afterwards: widgets where there are some, tidy text elsewhere.

`ipywidgets` is imported only when there is something to show with it. A display holds both: a client that knows no
widgets shows the text. Read by `magics.py`; any CPython from 3.9.
"""

import os
import time

DELAY = 0.3
"""Seconds after which progress is shown: what is done at once shows none."""

EVERY = 0.2
"""Seconds between two changes of what is shown."""

VIEW = "application/vnd.jupyter.widget-view+json"


def library():
    """`ipywidgets`, or None where it is not installed or there is nobody to send widgets to."""
    from importlib.util import find_spec

    from IPython import get_ipython

    if getattr(get_ipython(), "kernel", None) is None or find_spec("ipywidgets") is None:
        return None
    try:
        import ipywidgets
    except Exception:  # a broken one is none
        return None
    return ipywidgets


def bundle(widget, text):
    """The display of a widget, with a text for clients that know none."""
    return {"text/plain": text, VIEW: {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}}


class Progress:
    """One line, and a bar where widgets work, in the cell's output; afterwards what was done and how long it took."""

    def __init__(self):
        self.started = self.drawn = time.monotonic()
        self.text, self.shown, self.count = "", "", (None, None)
        self.display, self.bar = None, None
        self.closed = False

    def hear(self, text, done, total):
        """The present step, and how much of it is done."""
        self.text = text or self.text
        self.count = (done, total)

    def tick(self):
        """Draw what is new, not too often."""
        now = time.monotonic()
        if self.closed or not self.text or now - self.started < DELAY or now - self.drawn < EVERY:
            return
        self.drawn = now
        if self.display is None:
            self._appear()
        if self.bar is not None and self.count[1]:
            self.bar.max, self.bar.value = self.count[1], self.count[0] or 0
        line = self._line()
        if line != self.shown:
            self._draw(line)

    def _line(self):
        done, total = self.count
        return "%s%s" % (self.text, "  %s of %s" % (done or 0, total) if total else "")

    def _appear(self):
        from IPython.display import display

        self.shown, ipywidgets = self._line(), library()
        data = {"text/plain": self.shown}
        if ipywidgets is not None:
            self.bar = ipywidgets.FloatProgress(min=0, max=1, layout={"width": "98%"})
            self.bar.description, self.bar.style.description_width = self.shown, "70%"
            data = bundle(self.bar, self.shown)
        self.display = "kernel-iso-%s-%s" % (os.getpid(), id(self))
        display(data, raw=True, display_id=self.display)

    def _draw(self, line):
        """Another line. A widget is changed in place: to display it again would make it flicker."""
        from IPython.display import update_display

        self.shown = line
        if self.bar is not None:
            self.bar.description = line
        else:
            update_display({"text/plain": line}, display_id=self.display, raw=True)

    def close(self):
        """Leave one line of text: no saved notebook keeps a bar that nobody can draw any more."""
        if self.closed:
            return
        self.closed = True
        if self.display is None:
            return
        from IPython.display import update_display

        took = "%s  (%.0f s)" % (self.text, time.monotonic() - self.started)
        update_display({"text/plain": took}, display_id=self.display, raw=True)
        if self.bar is not None:
            self.bar.close()


def offers(rows, magic):
    """Buttons for what the engine offers: a line to run, or the restart. The text says the same without widgets."""
    ipywidgets = library() if rows else None
    if ipywidgets is None:
        return
    from IPython.display import display

    output = ipywidgets.Output()
    buttons = [_button(ipywidgets, output, row, magic) for row in rows]
    box = ipywidgets.VBox([ipywidgets.HBox(buttons), output])
    display(bundle(box, ""), raw=True)


def _button(ipywidgets, output, row, magic, line=None):
    """A button that runs its line, once at a time, and shows in `output` what comes of it."""
    button = ipywidgets.Button(description=row.get("label", ""), layout={"width": "auto"})

    def clicked(_):
        if row.get("restart"):
            restart()
            return
        button.disabled = True
        output.clear_output(wait=True)
        with output:  # it shows an error itself
            magic(line() if line else row.get("line", ""))
        button.disabled = False

    button.on_click(clicked)
    return button


def restart():
    """End this kernel as a restart does: whoever watches over it starts it again."""
    from IPython import get_ipython

    get_ipython().kernel.do_shutdown(restart=True)


def panel(about, magic):
    """A small panel: the state, a field for words, a button for each row of `buttons`. False where widgets do not work."""
    ipywidgets = library()
    if ipywidgets is None:
        return False
    from IPython.display import display

    field = ipywidgets.Text(placeholder=about.get("placeholder", ""), layout={"width": "60%"})
    status, output = ipywidgets.Output(), ipywidgets.Output()

    def refresh():
        status.clear_output(wait=True)
        with status:
            magic(about.get("state", ""))

    def run(line):
        magic(line)
        refresh()

    def made(row):
        def line():
            return row["line"] + (" " + field.value if row.get("words") else "")

        return _button(ipywidgets, output, row, run, line)

    buttons = [made(row) for row in about.get("buttons") or ()]
    box = ipywidgets.VBox([status, ipywidgets.HBox([field, *buttons]), output])
    display(bundle(box, about.get("text", "")), raw=True)
    refresh()
    return True
