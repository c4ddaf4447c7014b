"""The chapters of the tour, in order. Each runs the commands it prints; nothing here does a command's work itself."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mlops_runtime.cli.tour.material import Material, own_material, synthetic_material
from mlops_runtime.cli.tour.report import write_report
from mlops_runtime.cli.tour.server import running_server
from mlops_runtime.cli.tour.shell import Shell
from mlops_runtime.cli.tour.traffic import Traffic, send, wait_for_version
from mlops_runtime.core.errors import ConfigError
from mlops_runtime.core.settings import settings
from mlops_runtime.governance.audit import verify
from mlops_runtime.registry import Bundle, Registry
from mlops_runtime.serving.client import Client

__all__ = ["Outcome", "play"]

_CHAPTERS = 8
_REFUSED = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the tour left: its folder and report, and the facts it showed."""

    folder: str
    report: str
    champion: dict[str, Any]
    challenger: dict[str, Any]
    canary: dict[str, int]
    drifted: list[str]
    history: list[dict[str, Any]]
    audit_entries: int
    audit_root: str
    commands: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def play(folder: Path, *, data: Path | None, target: str | None, seed: int) -> Outcome:
    """Play the whole tour in a new `folder` with a registry of its own.

    Raises ConfigError when it exists or cannot be made.
    """
    if folder.exists():
        raise ConfigError(f"{folder}: exists already — choose another --folder or remove it first")
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be made ({error.strerror}) — choose another --folder") from error
    os.environ["MLRT_HOME"] = str((folder / "home").resolve())
    settings.cache_clear()
    shell = Shell(_CHAPTERS)
    material = _prepare(shell, folder, data, target, seed)
    bundles = _train(shell, folder, material, seed)
    _register(shell, material, bundles)
    reference = f"{material.name}@production"
    shell.chapter("Serve", "A server on a free loopback port follows the alias; real requests go through it.")
    shell.show("serve", reference, "--http", "127.0.0.1:0")
    with running_server(reference, folder / "server.log") as url, Client(url) as client:
        shell.say(f"ready at {url}")
        usual = send(client, material.name, material.usual)
        shell.say(usual.describe())
        canary = _canary(shell, client, material)
        drifted = _drift(shell, client, folder, material)
        _rollback(shell, client, material, drifted)
    outcome = _close(shell, folder, material, bundles, canary, drifted)
    shell.say(f"\nReport: {outcome.report}\nFolder: {outcome.folder} (remove it when you have seen enough)")
    return outcome


def _prepare(shell: Shell, folder: Path, data: Path | None, target: str | None, seed: int) -> Material:
    shell.chapter("Data", "A seeded insurance-claims file, or your own; types, missing values and ranges are inferred.")
    if data is not None and target is not None:
        material = own_material(folder, data, target)
    else:
        material = synthetic_material(folder, seed=seed)
    shell.run("data", "inspect", str(material.file))
    return material


def _train(shell: Shell, folder: Path, material: Material, seed: int) -> tuple[Path, Path]:
    shell.chapter(
        "Train",
        "Two models; each bundle holds the feature program, the model, the gates and the baseline, hashed and signed.",
    )
    champion, challenger = folder / "champion", folder / "challenger"
    for path, model in ((champion, "gbdt"), (challenger, "linear")):
        options = ("--target", material.target, *material.train_options, "--model", model, "--seed", str(seed))
        shell.run("train", str(material.file), *options, "--name", material.name, "-o", str(path), allow=(0, _REFUSED))
    return champion, challenger


def _register(shell: Shell, material: Material, bundles: tuple[Path, Path]) -> None:
    shell.chapter("Register", "Bundles become versions; an alias says which one is in production, and remembers.")
    for path in bundles:
        shell.run("registry", "push", str(path), "--name", material.name)
    shell.run("registry", "alias", material.name, "production", "1")
    shell.run("registry", "list")


def _canary(shell: Shell, client: Client, material: Material) -> Traffic:
    shell.chapter("Canary", "One request in four goes to the second model; then it is promoted.")
    shell.run("deploy", "canary", f"{material.name}@2", "--weight", "0.25")
    wait_for_version(client, material.name, material.usual, "2", alone=False)
    traffic = send(client, material.name, material.usual)
    shell.say(traffic.describe())
    shell.run("deploy", "promote", material.name)
    wait_for_version(client, material.name, material.usual, "2", alone=True)
    return traffic


def _drift(shell: Shell, client: Client, folder: Path, material: Material) -> list[str]:
    shell.chapter("Drift", f"The world changes: {material.planted}. Every request is counted by the same kernels.")
    shell.say(send(client, material.name, material.shifted).describe())
    live = client.get(f"/v1/models/{material.name}/versions/2/drift")
    drifted = sorted(name for name, column in live["columns"].items() if column["drifted"])
    shell.say(f"the server's own monitor flags: {', '.join(drifted) or 'nothing'}")
    shell.run("drift", str(material.usual_file), str(material.shifted_file), "--html", str(folder / "drift.html"))
    return drifted


def _rollback(shell: Shell, client: Client, material: Material, drifted: list[str]) -> None:
    shell.chapter("Roll back", "One command, one transaction; the running server follows within a second.")
    reason = f"drift in {', '.join(drifted)}" if drifted else "end of the demo"
    shell.run("deploy", "rollback", material.name, "--reason", reason)
    wait_for_version(client, material.name, material.usual, "1", alone=True)
    shell.say("version 1 answers again; no request failed")
    shell.run("registry", "history", material.name, "production")


def _close(
    shell: Shell, folder: Path, material: Material, bundles: tuple[Path, Path], canary: Traffic, drifted: list[str]
) -> Outcome:
    shell.chapter("Audit", "Every change is a leaf of a Merkle tree; the whole log is recomputed and compared.")
    shell.run("audit", "verify")
    shell.run("audit", "prove", "0")
    proof = verify()
    opened = (Bundle.open(bundles[0]), Bundle.open(bundles[1]))
    outcome = Outcome(
        folder=str(folder),
        report=str(folder / "report.html"),
        champion=_facts(opened[0]),
        challenger=_facts(opened[1]),
        canary=canary.versions,
        drifted=drifted,
        history=[entry.to_dict() for entry in Registry().history(material.name, "production")],
        audit_entries=proof.size,
        audit_root=proof.root,
        commands=shell.commands,
    )
    write_report(Path(outcome.report), outcome.to_dict(), opened, planted=material.planted)
    return outcome


def _facts(bundle: Bundle) -> dict[str, Any]:
    return {
        "model": bundle.manifest.model_kind,
        "digest": bundle.digest,
        "metrics": bundle.read_json("metrics.json")["metrics"],
    }
