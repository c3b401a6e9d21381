"""The command line. Results go to stdout; sentences and progress bars to stderr.

Exit codes: 0 done; 1 the answer is no (refusals with `--strict`, an adapter that did not pass the gate); 2 what was
given or found cannot be used, with one sentence that says what to do; 3 a fault of the program; 130 interrupted.

Nothing heavy is imported here: a command imports what it needs when it runs, so that `--help` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated

import typer
from typer.exceptions import Abort, TyperException

from app.cli import adapters, demo, evidence, notes, people, samples
from app.cli import export as exporting
from app.cli import maintenance as upkeep
from app.cli import serve as desk
from app.cli import training as learning
from app.cli.correcting import deleting, imports
from app.core.errors import BAD_INPUT, INTERRUPTED, exit_code_of, sentence_of
from app.core.settings import quiet_environment
from app.core.terminal import say, write

app = typer.Typer(
    name="caseloop",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        write(f"caseloop {version('caseloop')}")
        raise typer.Exit


@app.callback()
def options(
    _is_asked: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """A review desk for cancer case reports with a language model in the loop. Start it with: caseloop serve"""


for register in (
    desk.register,
    demo.register,
    notes.register,
    imports.register,
    deleting.register,
    samples.register,
    exporting.register,
    learning.register,
    evidence.register,
    adapters.register,
    people.register,
    upkeep.register,
):
    register(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line, without the program's name; the exit code comes back."""
    quiet_environment()
    os.umask(0o077)  # whatever is written holds notes
    try:
        code = app(list(sys.argv[1:] if arguments is None else arguments), prog_name="caseloop", standalone_mode=False)
    except TyperException as error:
        return _refuse(error)
    except (KeyboardInterrupt, Abort):
        code = INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe had enough
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if os.environ.get("CASELOOP_DEBUG") == "1":
            raise
        say(sentence_of(error))
        return exit_code_of(error)
    if code == INTERRUPTED:  # which Typer makes of Ctrl-C by itself
        say("Interrupted: everything done before is kept.")
    return code if isinstance(code, int) else 0


def _refuse(error: TyperException) -> int:
    message = " ".join(error.format_message().split())
    context = getattr(error, "ctx", None)
    if not message or type(error).__name__ == "NoArgsIsHelpError":
        say(error.format_message())
        return BAD_INPUT
    path = context.command_path if context is not None else "caseloop"
    say(f"{message.rstrip('.')}. See: {path} --help")
    return BAD_INPUT


if __name__ == "__main__":
    raise SystemExit(main())
