"""An application that runs whisper without having torch among its own requirements: python transcribe.py talk.mp3

The first start makes the environment (some gigabytes where there is a GPU); later ones take milliseconds.
"""

from __future__ import annotations

import sys

from platformdirs import user_data_path

from kernel_iso import IsolatedEnvironment


def whisper() -> IsolatedEnvironment:
    """The environment of the whisper command, as this version of the application wants it."""
    env = IsolatedEnvironment(
        user_data_path("transcribe") / "whisper", progress=lambda event: show(event.text)
    )
    env.pip_install("torch", accelerator="auto")
    env.pip_install("openai-whisper", allow_build=["openai-whisper"])
    return env


def show(text: str) -> None:
    """One line of progress."""
    print(f"\r{text[:78]:<78}", end="", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(whisper().run(["whisper", *sys.argv[1:]]).returncode)
