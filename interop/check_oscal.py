"""OSCAL's tool reads our assessment results, and scores computed elsewhere from the evidence are the same.

`check_oscal.py COCARDE`. Starts a platform of its own with a rack of virtual GPUs, records evidence, takes some back, and
after each step compares the report with `sovereignty_score.py`. Something false must be found too.
"""

import copy
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

from checks import Checks, arguments, fetch
from check_schemathesis import post
from run import HERE, serve, stop, wait
from sovereignty_score import checks as compute_checks
from sovereignty_score import load, own_entities, rate

CRITERIA = HERE.parent / "crates" / "policy" / "criteria"
COMMAND_S_MAX = 120
# Known to the platform alone; taken from its report.
TOLD = ("external-keys", "sbom")
WITHDRAWN = 12


class Platform:
    """The platform as an auditor with a key sees it."""

    def __init__(self, cocarde, base_url, token, folder):
        self.cocarde, self.base_url, self.token, self.folder = cocarde, base_url, token, folder

    def get(self, path):
        return json.loads(fetch(f"{self.base_url}/{path}", self.token))

    def items(self, noun):
        found, token = [], ""
        while token is not None:
            page = self.get(f"api/v1/{noun}?limit=500" + (f"&page_token={token}" if token else ""))
            found += page["items"]
            token = page.get("next_page_token")
        return found

    def world(self):
        names = ("sites", "storages", "entities", "nodes", "evidence")
        found = {name: self.items(name) for name in names}
        found["residency"] = self.get("api/v1/residency?scope=platform")
        found["log"] = self.get("log/status")
        return found

    def run(self, *words):
        command = [self.cocarde, "--server", self.base_url, "--token", self.token, *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_S_MAX)
        if done.returncode != 0:
            sys.exit(f"`{' '.join(words)}` failed: {done.stderr}")
        return done.stdout

    def report(self, form):
        path = self.folder / f"as-{form}.json"
        self.run("audit", "report", "--format", form, "--out", str(path))
        return json.loads(path.read_text()), path


def differences(framework, ours, theirs):
    """Where two results of one framework differ."""
    found = []
    if (ours["level"], ours["score_bp"]) != (theirs.get("level"), theirs.get("score_bp")):
        found.append(f"{ours['level']}, {ours['score_bp']} against {theirs.get('level')}, {theirs.get('score_bp')}")
    for part in theirs["parts"]:
        mine = ours["parts"][part["id"]]
        if mine != (part.get("level"), part["standing"], part["points"], part["points_max"]):
            found.append(f"{part['id']}: {mine} against {part}")
        for one in part["criteria"]:
            if ours["met"][one["id"]] != (one["standing"] == "met"):
                found.append(f"{one['id']}: {ours['met'][one['id']]} against {one['standing']}")
    if set(ours["met"]) != {one["id"] for part in theirs["parts"] for one in part["criteria"]}:
        found.append(f"{framework['id']} has other criteria")
    return found


def recompute(platform, frameworks, vendors, report):
    """The report again: what differs, and the results."""
    world = platform.world()
    found = compute_checks(world, vendors)
    told = {one["check"]: one["met"] for one in report["checks"]}
    wrong = [f"check {name}: {met} against {told[name]}" for name, met in found.items() if told[name] != met]
    found |= {name: told[name] for name in TOLD}
    at, own = report["computed_at"], own_entities(world)
    results = [rate(framework, world["evidence"], at, own, found) for framework in frameworks]
    for framework, ours, theirs in zip(frameworks, results, report["frameworks"], strict=True):
        wrong += differences(framework, ours, theirs)
    return wrong, results


def raised(before, after):
    """What became better from one result to the next."""
    rank = {"not_met": 0, "partly": 1, "met": 2}
    figures = lambda one: {
        "level": one["level"] or 0, "score": one["score_bp"] or 0,
        **{(id, "level"): part[0] or 0 for id, part in one["parts"].items()},
        **{(id, "met"): rank[part[1]] for id, part in one["parts"].items()},
        **{(id, "points"): part[2] for id, part in one["parts"].items()},
    }
    return [key for old, new in zip(before, after) for key, value in figures(new).items() if value > figures(old)[key]]


def everything(value):
    """All objects of a document."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from everything(one)


def dangling(document):
    """References that lead nowhere, and ids that are there twice."""
    objects = list(everything(document))
    ids = [one["uuid"] for one in objects if "uuid" in one]
    links = {one["href"][1:] for one in objects if str(one.get("href", "")).startswith("#")}
    links |= {one[key] for one in objects for key in ("observation-uuid", "risk-uuid") if key in one}
    return sorted(links - set(ids)) + sorted({one for one in ids if ids.count(one) > 1})


def trestle(folder, document, name):
    """Whether OSCAL's tool takes the document: read, import and validate."""
    tool = str(pathlib.Path(sys.executable).parent / "trestle")
    run = lambda *words: subprocess.run([tool, *words], cwd=folder, capture_output=True, text=True, timeout=COMMAND_S_MAX)
    if not (folder / ".trestle").exists():
        run("init", "--local").check_returncode()
    source = folder.parent / f"{name}.json"
    source.write_text(json.dumps(document))
    taken = run("import", "-f", str(source), "-o", name)
    if taken.returncode != 0:
        return False, taken.stdout + taken.stderr
    valid = run("validate", "-t", "assessment-results", "-n", name)
    return valid.returncode == 0, valid.stdout + valid.stderr


def oscal_differs(document, frameworks, results):
    """Where the findings and figures of the document are not those that were computed here."""
    found = []
    for framework, ours, result in zip(frameworks, results, document["assessment-results"]["results"], strict=True):
        props = {one["name"]: one["value"] for one in result["props"] if "class" not in one}
        for name, value in (("level", ours["level"]), ("score-hundredths-of-percent", ours["score_bp"])):
            if value is not None and props.get(name) != str(value):
                found.append(f"{framework['id']} {name}: {value} against {props.get(name)}")
        states = {one["target"]["target-id"]: one["target"]["status"]["state"] for one in result["findings"]}
        if states != {id: "satisfied" if met else "not-satisfied" for id, met in ours["met"].items()}:
            found.append(f"{framework['id']}: findings differ")
        controls = {one["control-id"] for one in result["reviewed-controls"]["control-selections"][0]["include-controls"]}
        if controls != set(ours["met"]) or len(result["observations"]) != len(ours["met"]):
            found.append(f"{framework['id']}: other controls or observations")
    return found


def register(platform):
    """A town that runs and owns everything, and somebody who certifies."""
    base_url, token = platform.base_url, platform.token
    for name, seat in (("town", "FR"), ("assessor", "DE")):
        facts = {"legal_name": name, "seat": seat, "form": "public_body"}
        post(base_url, token, "entities", {"name": name, "facts": facts})
    site = platform.items("sites")[0]["name"]
    platform.run("site", "entities", site, "--operator", "town", "--owner", "town")


def record(platform, frameworks):
    """Evidence for each criterion that takes any; some of it does not count."""
    document = platform.folder / "document"
    document.write_text("what was found")
    for number, criterion in enumerate(one for f in frameworks for part in f["parts"] for one in part["criteria"]):
        if "computed" in criterion:
            continue
        kind = criterion.get("needs", "declared")
        # Every ninth certificate is the operator's own and counts for nothing.
        issuer = "town" if kind == "certificate" and number % 9 == 0 else "assessor"
        words = ["--kind", kind, "--issuer", issuer, "--document", str(document)]
        platform.run("evidence", "record", criterion["id"], *words)
    words = ["--kind", "declared", "--issuer", "assessor", "--document", str(document)]
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3))
    platform.run("evidence", "record", "csf.sov-8.seal-2.2", *words, "--valid-until", soon)


def scores(checks, platform, frameworks, vendors):
    """Reports of a platform that shows nothing, everything, and less and less."""
    report, _ = platform.report("json")
    wrong, fresh = recompute(platform, frameworks, vendors, report)
    checks.that(not wrong, "a platform that has shown nothing is rated the same", "; ".join(wrong))
    register(platform)
    record(platform, frameworks)
    report, _ = platform.report("json")
    wrong, full = recompute(platform, frameworks, vendors, report)
    csf = full[0]
    figures = f"SEAL-{csf['level']}, {csf['score_bp'] / 100:.2f} %, CADA level {full[1]['level']}"
    checks.that(not wrong, "with evidence for everything too", "; ".join(wrong) or figures)
    checks.that(csf["score_bp"] > fresh[0]["score_bp"] + 4000, "and evidence had counted")
    down = {one["id"]: one for part in report["frameworks"][0]["parts"] for one in part["criteria"]}
    checks.that(csf["parts"]["SOV-6"][0] == 3, "all but hardware of technology is shown")
    for part in ("SOV-5", "SOV-6"):
        id = f"csf.{part.lower()}.seal-4.1"
        named = any("NVIDIA H200" in thing and "vm-0" in thing for thing in down[id].get("things", ()))
        shown = bool(down[id].get("evidence"))
        checks.that(csf["parts"][part][0] < 4 and named and shown, f"the rack keeps {part} below SEAL-4 and is named")
    wait("evidence expires", COMMAND_S_MAX, lambda: any(one["state"] == "expired" for one in platform.items("evidence")))
    world = platform.world()
    chance = random.Random(1)
    pieces = [one["id"] for one in world["evidence"] if one["state"] == "valid"]
    before, better, unequal = full, [], []
    for id in chance.sample(pieces, WITHDRAWN):
        platform.run("evidence", "withdraw", id)
        report, _ = platform.report("json")
        wrong, after = recompute(platform, frameworks, vendors, report)
        better += raised(before, after)
        unequal += wrong
        before = after
    states = {one["state"] for one in platform.items("evidence")}
    checks.that(states == {"valid", "expired", "withdrawn"}, "evidence was valid, expired and withdrawn")
    checks.that(not unequal, f"the same after each of {WITHDRAWN} withdrawals", "; ".join(unequal))
    checks.that(not better and before != full, "and none of them raised anything", str(better) if better else "")
    lie = copy.deepcopy(report)
    lie["frameworks"][0]["parts"][4]["level"] = 4
    checks.that(bool(recompute(platform, frameworks, vendors, lie)[0]), "a level that is not had is found")
    return before


def documents(checks, platform, frameworks, results):
    """The OSCAL file as others read it."""
    document, path = platform.report("oscal")
    from trestle.oscal.assessment_results import AssessmentResults

    read = AssessmentResults.oscal_read(path)
    n_findings = sum(len(result.findings) for result in read.results)
    checks.that(n_findings == sum(len(one["met"]) for one in results), "trestle reads all findings", str(n_findings))
    workspace = platform.folder / "trestle"
    workspace.mkdir()
    taken, said = trestle(workspace, document, "sovereignty")
    checks.that(taken, "trestle imports and validates it", "" if taken else said[-2000:])
    checks.that(not dangling(document), "each reference leads somewhere and each id is there once")
    wrong = oscal_differs(document, frameworks, results)
    checks.that(not wrong, "findings and figures are those computed here", "; ".join(wrong))
    _, saved = platform.report("json")
    again = [platform.run("audit", "report", "--from", str(saved), "--format", "oscal") for _ in range(2)]
    checks.that(again[0] == again[1], "the same report is the same file")

    twice = copy.deepcopy(document)
    observations = twice["assessment-results"]["results"][0]["observations"]
    observations[1]["uuid"] = observations[0]["uuid"]
    checks.that(not trestle(workspace, twice, "twice")[0], "an id that is there twice is found by trestle")
    checks.that(bool(dangling(twice)), "and here")
    broken = copy.deepcopy(document)
    del broken["assessment-results"]["import-ap"]
    checks.that(not trestle(workspace, broken, "broken")[0], "a missing field is found by trestle")
    false = copy.deepcopy(document)
    finding = next(one for one in everything(false) if one.get("state") == "not-satisfied")
    finding["state"] = "satisfied"
    checks.that(bool(oscal_differs(false, frameworks, results)), "a finding that is not so is found")


def page(checks, platform):
    """The page stands alone."""
    path = platform.folder / "report.html"
    platform.run("audit", "report", "--format", "html", "--out", str(path))
    text = path.read_text()
    alone = not re.search(r"<(script|link|img|iframe)|(src|href)=|@import|url\(", text)
    checks.that(alone and "NVIDIA H200" in text, "the page loads nothing and names the rack")


def main():
    (cocarde,) = arguments("check_oscal.py COCARDE")
    checks = Checks("oscal")
    os.umask(0o077)
    frameworks, vendors = load(CRITERIA)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        log_path = folder / "up.log"
        rack = ("--virtual-nodes", "4", "--virtual-gpus", "8", "--virtual-gpu-model", "NVIDIA H200")
        with open(log_path, "w") as log:
            process, base_url = serve(cocarde, folder / "data", log, words=rack)
            try:
                token = re.search(r"cck_[\w-]+", log_path.read_text()).group()
                platform = Platform(cocarde, base_url, token, folder)
                results = scores(checks, platform, frameworks, vendors)
                documents(checks, platform, frameworks, results)
                page(checks, platform)
                checks.that(process.poll() is None, "the platform still runs")
            finally:
                stop(process)
    checks.end()


if __name__ == "__main__":
    main()
