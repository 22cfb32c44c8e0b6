"""The addresses of Prefect's and MLflow's servers, and the settings that Prefect runs with here."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request

from satisfice.tasks.files.home import home

PREFECT_PORT = 4200
MLFLOW_PORT = 5000
# Without it MLflow's pages hide models and show the views for language models instead.
_VIEW = "workflowType=machine_learning"
NOTE = "pages.json"  # in the home: the addresses that `satisfice ui` serves


def settle_prefect() -> None:
    """Point Prefect at our home and at a running server, unless the user has set them.

    Call it before prefect is imported: that is when prefect reads its settings.
    """
    defaults = {
        "PREFECT_HOME": str(home() / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # the console is ours
        "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
        # 20 s by default: too short for a first start on a busy machine.
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
        "DO_NOT_TRACK": "1",
        # By default the server writes each of a task's three states in a separate transaction.
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",  # seconds
    }
    address = running_prefect()
    if address is not None:
        defaults["PREFECT_API_URL"] = address
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


def running_prefect() -> str | None:
    """Return the address of the Prefect server that `satisfice ui` started, if it answers."""
    return noted("prefect")


def on_mlflow_pages(run: str) -> str:
    """Return a run's address on MLflow's pages, which `satisfice ui` serves for a database.

    Args:
        run: The run's address as tracking returns it (`.../#/experiments/1/runs/abc`), or empty.
    """
    if not run:
        return ""
    address, _, place = run.partition("/#")
    pages = os.environ.get("SATISFICE_MLFLOW_PAGES")  # if browsers need another address
    if not pages and address.startswith(("http://", "https://")):
        pages = address
    if not pages:
        pages = noted("mlflow") or f"http://127.0.0.1:{MLFLOW_PORT}"
    return f"{pages.rstrip('/')}/#{place}?{_VIEW}"


def noted(server: str) -> str | None:
    """Return the address of a server that `satisfice ui` started, if it answers.

    Args:
        server: `prefect` (the address of its API) or `mlflow`.
    """
    try:
        address = str(json.loads((home() / NOTE).read_text())[server])
    except (OSError, ValueError, KeyError):
        return None
    return address if answers(f"{address}/health", timeout=1.0) else None


def reaches_prefect() -> bool:
    """Tell whether Prefect's address answers at all, with whatever status.

    Prefect's own client retries for a minute before it gives up.
    """
    address = os.environ.get("PREFECT_API_URL")
    if address is None:
        return True  # prefect's profile may name a server
    try:
        urllib.request.urlopen(f"{address}/health", timeout=5.0).close()  # noqa: S310 - as stated
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def answers(address: str, timeout: float) -> bool:
    """Tell whether an address answers with status 200 within `timeout` seconds."""
    try:
        with urllib.request.urlopen(address, timeout=timeout) as answer:  # noqa: S310 - loopback
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
