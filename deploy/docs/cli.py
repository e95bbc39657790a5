"""Writes ``docs/cli.md`` from the commands of both daemons: ``make docs``."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import click

from federated_sender.__main__ import main as sender
from registered_receiver.__main__ import main as receiver
from shared.cli import EXIT_CONFIGURATION

PAGE: Final = Path(__file__).parents[2] / "docs" / "cli.md"
_EVERYWHERE: Final = frozenset({"--env-file", "--help"})
_INTRODUCTION: Final = f"""\
# Commands

Written by `make docs` from the code. Change that, not this page. Every command prints the same with `--help`.

Settings come from the environment. `--env-file FILE`, before or behind the command's name, reads them from a file
first; the environment beats it. `deploy/env/` describes each setting. With systemd, `deploy/systemd/practice` gives a
command the settings and the user of the service; in containers, `docker compose exec` does.

| exit status | |
|---|---|
| 0 | Done. |
| 1 | What was asked for failed; stderr says why. |
| 2 | Wrong usage: no such command or option, or an argument is missing. |
| {EXIT_CONFIGURATION} | The settings cannot be used; every fault is named at once. |

Answers go to stdout, log lines and errors to stderr. With `--json` stdout is one JSON document and nothing else. A
command that acts is noted with the operating system's user who ran it; `audit` lists that.

## Completion in the shell

The Tab key completes commands and options once the shell has read the program's own script. For bash, in `~/.bashrc`:

```
eval "$(_FEDERATED_SENDER_COMPLETE=bash_source federated-sender)"
eval "$(_REGISTERED_RECEIVER_COMPLETE=bash_source registered-receiver)"
```

`zsh_source` and `fish_source` in the same place print it for zsh and fish. The commands must be on the `PATH`:
`/opt/federated-consultation/bin` with systemd.
"""


def page() -> str:
    """Return the whole page."""
    return "\n".join((_INTRODUCTION, *_group(sender), *_group(receiver)))


def commands(root: click.Group) -> Iterator[tuple[str, click.Command]]:
    """Give every command below ``root`` with its words, groups included, by name."""
    name = str(root.name)
    for word, command in sorted(root.commands.items()):
        yield f"{name} {word}", command
        if isinstance(command, click.Group):
            for below, each in sorted(command.commands.items()):
                yield f"{name} {word} {below}", each


def _group(root: click.Group) -> Iterator[str]:
    yield f"## `{root.name}`\n"
    yield _text(root.help)
    for words, command in commands(root):
        yield _command(words, command)


def _command(words: str, command: click.Command) -> str:
    context = click.Context(command, info_name=words)
    usage = " ".join((words, *command.collect_usage_pieces(context)))
    parts = [f"### `{words}`\n", f"```\n{usage}\n```\n", _text(command.help)]
    rows = list(_options(command.params, context))
    if rows:
        parts += ["| option | |", "|---|---|", *rows, ""]
    return "\n".join(parts)


def _options(params: Iterable[click.Parameter], context: click.Context) -> Iterator[str]:
    for param in params:
        if not isinstance(param, click.Option) or _EVERYWHERE.intersection(param.opts):
            continue
        record = param.get_help_record(context)
        if record is not None:
            # a bar would end the cell
            name, text = (" ".join(part.replace("|", "\\|").split()) for part in record)
            yield f"| `{name}` | {text} |"


def _text(help_text: str | None) -> str:
    """Return a docstring of click as Markdown: a paragraph behind a backspace keeps its lines."""
    paragraphs = inspect.cleandoc(help_text or "").split("\n\n")
    return "\n".join(
        f"```\n{each.removeprefix(mark)}\n```\n" if each.startswith(mark := "\b\n") else f"{each}\n"
        for each in paragraphs
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
