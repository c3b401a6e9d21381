"""The web process: FastAPI owns the address, the headers, saving, exports and health; Gradio shows the screens.

Run with `python -m app.web.application --home HOME --host HOST --port PORT`. It never imports torch, and it meets the
other processes in the store only.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from app.core.errors import BAD_INPUT, sentence_of
from app.core.settings import DEFAULT_HOST, DEFAULT_PORT, Settings, quiet_environment
from app.core.templates import Pieces
from app.web.gradio_stubs import skip_stubs

if TYPE_CHECKING:
    from fastapi import FastAPI

    from app.core.desk import Desk
    from db.store.store import Store

FILES = Path(__file__).parents[1] / "screens"
ICON = Path(__file__).parents[1] / "screens" / "theme" / "icon.svg"
STYLES = (
    "theme/desk.css",
    "theme/desk_screens.css",
    "queue/queue.css",
    "export/export.css",
    "charts/figures.css",
    "review/tour.css",
    "theme/phone.css",
)
# The first says how the page looks, before Gradio looks at the browser; the last imports all others.
FIRST_SCRIPT, LAST_SCRIPT = "theme/appearance.js", "page.js"
_HTML = Pieces("web/head.html")
_TYPES = {".svg": "image/svg+xml", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


def create_app(store: Store, settings: Settings, *, host: str = DEFAULT_HOST) -> FastAPI:
    """The desk as an ASGI application.

    Args:
        store: an open store; whoever opened it closes it.
        settings: where things are.
        host: the address that it listens on, a name by which browsers may reach it.
    """
    quiet_environment()  # both before Gradio is imported, which happens here
    skip_stubs()
    from fastapi import FastAPI, Request
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse, RedirectResponse

    from app.access.guard import MOUNT, Guard
    from app.access.login import People
    from app.core.desk import Desk
    from app.core.proxies import Proxies
    from app.processes.supervisor import is_private
    from app.screens.theme.theme import field_colours
    from data.task import load_task

    desk = Desk(settings, load_task(), store)
    app = FastAPI(title="caseloop", docs_url=None, redoc_url=None, openapi_url=None)
    _include_routes(app, desk)
    files = _files(field_colours(desk.task))
    _serve_files(app, files)

    @app.exception_handler(RequestValidationError)
    def refuse_malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        # FastAPI's own answer would repeat what was sent, which may be note text.
        places = sorted({".".join(str(part) for part in problem["loc"]) for problem in error.errors()})
        return JSONResponse({"detail": f"Expected another request; found a problem in {', '.join(places)}."}, 422)

    @app.get("/")
    def redirect_to_desk() -> RedirectResponse:
        return RedirectResponse(f"{MOUNT}/", 307)

    _mount(app, desk)
    app.add_middleware(
        Guard,
        people=People(store, is_private=is_private(host, settings.public_url)),
        hosts=_hosts(settings, host),
        head=_head(files),
        files=[_address(name, files) for name in files],
        first=_early_markup(files),
        is_secure=settings.is_secure,
        proxies=Proxies(settings.believed),
    )
    return app


def _include_routes(app: FastAPI, desk: Desk) -> None:
    from app.access import change_password, login
    from app.access.passwords import Door
    from app.screens import status
    from app.screens.export import downloads
    from app.screens.queue import bulk, samples, uploads
    from app.screens.queue.correcting import routes as correcting
    from app.screens.review.note import history, note
    from app.screens.review.people import claims
    from app.screens.review.relatives import copies
    from app.screens.review.saving import saves

    screens = (note, history, claims, saves, downloads, uploads, status, bulk, samples, correcting, copies)
    for screen in screens:
        app.include_router(screen.routes(desk))
    door = Door()
    for way_in in (login, change_password):
        app.include_router(way_in.routes(desk, door, is_secure=desk.settings.is_secure))


def _mount(app: FastAPI, desk: Desk) -> None:
    """Put the screens into the application, with everything of Gradio's switched off that the desk does not use."""
    import gradio as gr

    from app.access.guard import MOUNT, current_reviewer
    from app.screens.page import build_desk
    from app.screens.theme.theme import build_theme

    page = build_desk(desk)
    gr.mount_gradio_app(
        app,
        page,
        path=MOUNT,
        auth_dependency=current_reviewer,
        theme=build_theme(),
        show_error=False,  # an exception's text may quote a note
        max_file_size="1kb",
        enable_monitoring=False,
        mcp_server=False,
        run_history=False,
        footer_links=[],
        ssr_mode=False,
        pwa=False,
        allowed_paths=[],
        root_path=None,
    )
    # A page that was not launched takes any file that is named to it. The guard lets no name through; this is a second
    # wall.
    page.has_launched = True


def _hosts(settings: Settings, host: str) -> list[str]:
    """The names by which browsers may reach the desk."""
    from app.access.guard import LOOPBACK

    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not listened on
        own = [socket.gethostname(), socket.getfqdn()]
    else:
        own = [f"[{host}]" if ":" in host else host]
    return [*LOOPBACK, *own, *([settings.public_host] if settings.public_host else [])]


def _files(colours: str) -> dict[str, bytes]:
    """The desk's own files, by name, as they are served: the icon, all styles in one, and each script."""
    scripts = sorted(path.relative_to(FILES).as_posix() for path in FILES.rglob("*.js"))
    styles = [colours.encode(), *((FILES / name).read_bytes() for name in STYLES)]
    return {
        "icon.svg": ICON.read_bytes(),
        "desk.css": b"\n".join(styles),
        **{name: (FILES / name).read_bytes() for name in scripts},
    }


def _serve_files(app: FastAPI, files: dict[str, bytes]) -> None:
    from fastapi.responses import Response

    @app.get("/desk/{name:path}")
    async def file(name: str) -> Response:
        if name not in files:
            return Response(status_code=404)
        # The address holds a fingerprint of the content, so that the guard lets browsers keep it.
        return Response(files[name], media_type=_TYPES[Path(name).suffix])


def _address(name: str, files: dict[str, bytes]) -> str:
    return f"/desk/{name}?{hashlib.sha256(files[name]).hexdigest()[:12]}"


def _head(files: dict[str, bytes]) -> str:
    """Markup that loads the icon, the styles and the scripts; Gradio would add it only after its own first paint."""
    modules = [_address(name, files) for name in files if name.endswith(".js")]
    return str(
        _HTML.head(_address("icon.svg", files), _address("desk.css", files), modules, _address(LAST_SCRIPT, files))
    )


def _early_markup(files: dict[str, bytes]) -> str:
    """Markup that comes before all other scripts of the page."""
    modules = {f"/desk/{name}": _address(name, files) for name in files if name.endswith(".js")}
    return str(_HTML.first(modules, _address(FIRST_SCRIPT, files)))


def serve(host: str, port: int) -> None:
    """Serve the desk of `$CASELOOP_HOME` until the process is told to stop.

    Raises:
        SettingsError: the home cannot be used.
        StoreError: the store cannot be opened.
        InputError: others could reach the desk and nobody can sign in.
    """
    import uvicorn

    from app.core.desk import open_desk
    from app.processes.supervisor import check_host
    from app.web.connections import Connection, allow_files
    from db.people.acting import needs_sign_in

    Connection.most = allow_files()
    with open_desk("web", may_begin=True) as desk:
        with desk.store.reading() as session:
            check_host(host, has_sign_in=needs_sign_in(session), public_url=desk.settings.public_url)
        uvicorn.run(
            create_app(desk.store, desk.settings, host=host),
            host=host,
            port=port,
            log_config=None,  # into the desk's own log
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=3,
            http=Connection,
        )


def main(arguments: list[str] | None = None) -> int:
    """The entry point; the exit code is 2 where what was asked for cannot be done."""
    parser = argparse.ArgumentParser(prog="python -m app.web.application", description="Serve the review desk.")
    parser.add_argument("--home", help="the directory with the store; default: $CASELOOP_HOME or ./var")
    parser.add_argument("--host", default=DEFAULT_HOST)
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    chosen = parser.parse_args(arguments)
    if chosen.home:
        os.environ["CASELOOP_HOME"] = chosen.home
    quiet_environment()
    try:
        serve(chosen.host, chosen.port)
    except (ValueError, RuntimeError, OSError) as error:
        sys.stderr.write(f"{sentence_of(error)}\n")
        return BAD_INPUT
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
