"""adapters publish, pull: adapters on the Hugging Face Hub, in an object store or on a share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.core.settings import quiet_environment
from app.core.terminal import progress_bar, write, write_json

if TYPE_CHECKING:
    from app.sharing.remotes import Place

Json = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]


def register(group: typer.Typer) -> None:
    """Add the commands to the group `adapters`."""
    group.command()(publish)
    group.command()(pull)


def publish(
    name: Annotated[str, typer.Argument(help="An adapter's name; caseloop adapters list shows them.")],
    destination: Annotated[str, typer.Argument(help="A hub id owner/name, or a URL: s3://, gs://, file:// ...")],
    private: Annotated[
        bool, typer.Option("--private/--public", help="Who may see a hub repository that is made for it.")
    ] = True,
    replace: Annotated[bool, typer.Option("--replace", help="Replace another adapter that is there.")] = False,
    as_json: Json = False,
) -> None:
    """Put an adapter where others can pull it from: weights, configuration, calibration, words, model card, manifest.

    Publishing it again changes nothing. Keys come from the environment: HF_TOKEN, AWS_ACCESS_KEY_ID and the like.

    \b
    Example:
      caseloop adapters publish run-0002 my-registry/oncology-adapter
      caseloop adapters publish run-0002 s3://bucket/adapters/run-0002
    """
    place = _place(destination, private=private)
    from app.core.desk import open_desk
    from app.sharing.publishing import publish as put

    with open_desk() as desk, progress_bar("Publishing") as advance:
        done = put(desk, name, place, replace=replace, advance=advance)
    if as_json:
        write_json({"adapter": done.adapter, "place": done.place, "bytes": done.n_bytes, "files": list(done.files)})
    else:
        write(done.sentence)


def pull(
    source: Annotated[str, typer.Argument(help="A hub id owner/name, or a URL: s3://, gs://, file:// ...")],
    name: Annotated[str | None, typer.Option(help="What to call it here. Default: its own name.")] = None,
    base: Annotated[str | None, typer.Option(help="Its base model, where no other adapter has it yet.")] = None,
    as_json: Json = False,
) -> None:
    """Bring in an adapter that was published. It is checked whole before it appears, and does not take over by itself.

    \b
    Example:
      caseloop adapters pull my-registry/oncology-adapter
      caseloop adapters pull s3://bucket/adapters/run-0002 --name theirs
    """
    place = _place(source)
    from pathlib import Path

    from app.core.desk import open_desk
    from app.core.settings import is_hub_id
    from app.sharing.publishing import pull as bring

    if base is not None and not is_hub_id(base):
        base = str(Path(base).expanduser().absolute())
    with open_desk() as desk, progress_bar("Pulling") as advance:
        row = bring(desk, place, name=name, base=base, advance=advance)
    if as_json:
        write_json({"adapter": row.name, "base": row.base, "weights_sha256": row.weights_sha256})
    else:
        write(f"{row.name} is here. To let it take over: caseloop adapters activate {row.name}")


def _place(where: str, *, private: bool = True) -> Place:
    quiet_environment(where)  # before the hub's library is imported: it may be asked only where a hub id was named
    from app.sharing.remotes import open_place

    return open_place(where, private=private)
