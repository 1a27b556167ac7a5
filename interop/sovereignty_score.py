"""Sovereignty scores from the files of criteria, evidence and what the API says: an independent computation.

It shares no code with the platform: whoever doubts a report reads this page and runs it. Fractions are exact.
"""

import re
from datetime import datetime
from fractions import Fraction

import yaml

UNION = set(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()
)
FILES = ("eu-csf-1.2.1.yaml", "cada-com-2026-502.yaml", "secnumcloud-3.2.yaml")
KINDS = ("declared", "measured", "certificate")
PURPOSES = {"artefacts", "log", "accounts", "keys"}


def load(folder):
    """The frameworks and the vendors."""
    read = lambda name: yaml.safe_load((folder / name).read_text())
    return [read(name) for name in FILES], read("vendors.yaml")


def is_foreign(vendors, model):
    """Whether a model is of a vendor outside the Union, or of one that nobody knows."""
    words = [word for word in re.split(r"[\W_]+", model.lower()) if word]
    named = [one for one in vendors if any(word.startswith(name) for word in words for name in one["names"])]
    return not named or any(one["control"] not in UNION for one in named)


def own_entities(world):
    """Whoever runs or owns a site or a place of storage."""
    storages = [one for one in world["storages"] if not one.get("retired_at")]
    return {one.get(role) for one in world["sites"] + storages for role in ("operator_entity", "owner_entity")} - {None}


def checks(world, vendors):
    """What the platform should have found of itself, from its lists."""
    sites, entities = world["sites"], {one["id"]: one for one in world["entities"]}
    storages = [one for one in world["storages"] if not one.get("retired_at")]
    own = [entities[id] for id in own_entities(world)]
    named = bool(sites) and all(site.get("operator_entity") and site.get("owner_entity") for site in sites)
    operators = [entities[site["operator_entity"]] for site in sites if site.get("operator_entity")]
    seats = lambda one: {one["facts"]["seat"], one["facts"].get("administration") or one["facts"]["seat"]}
    rules = {(rule["category"], rule["operation"]): set(rule["countries"]) for rule in world["residency"]["effective"]}
    wanted = {(c, o) for c in ("customer", "derived", "account", "provider") for o in ("store", "process")}
    complete = all(one.get(field) for one in sites + storages for field in ("operator_entity", "owner_entity", "country", "jurisdiction"))
    log = world["log"]
    return {
        "establishment": named and all(seats(one) <= UNION for one in own),
        "ownership": named and all(one["ownership"] == "met" for one in operators),
        "control": named and all(one.get("jurisdiction") in UNION for one in own),
        "locations": bool(sites) and all(site["country"] in UNION for site in sites),
        "residency": all(rules.get(key) is not None and rules[key] <= UNION for key in wanted),
        "inventory": bool(sites) and complete and PURPOSES <= {one["purpose"] for one in storages},
        "witnesses": log["quorum"] >= 2 and log.get("final_size") is not None,
        "log-copies": any(one["purpose"] == "replica" for one in storages),
        "figures": bool(sites) and all(site["pue_milli"] > 1000 and site["carbon_source"].strip() for site in sites),
        "accelerators": not any(node["gpus"] and is_foreign(vendors["accelerators"], node.get("gpu_model") or "") for node in world["nodes"]),
        "processors": not any(is_foreign(vendors["processors"], (node.get("facts") or {}).get("cpu_model", "")) for node in world["nodes"]),
    }


def is_valid(piece, at):
    """Whether evidence counts at a time."""
    until = piece.get("valid_until")
    return not piece.get("withdrawn_at") and (until is None or moment(at) < moment(until))


def moment(text):
    """A time of the API, whose fractions have any number of digits."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def is_met(criterion, evidence, own, found):
    """One criterion: a check, or evidence (valid) of a kind that is enough and no fact against it."""
    if criterion.get("computed") == "built-in":
        return True
    if "computed" in criterion:
        return found[criterion["computed"]]
    if not all(found[check] for check in criterion.get("broken_by", ())):
        return False

    def rank(piece):
        kind = piece["kind"]
        return KINDS.index("declared" if kind == "certificate" and piece["issuer"] in own else kind)

    needs = KINDS.index(criterion.get("needs", "declared"))
    return any(
        one["criterion"] == criterion["id"] and rank(one) >= needs for one in evidence
    )


def level_of(answers):
    """The highest level of which, and below which, everything is met."""
    return max(
        (level for level in range(5) if all(met for criterion, met in answers if criterion["level"] <= level)), default=0
    )


def rate(framework, evidence, at, own, found):
    """Level, score in hundredths of a percent, and for each part its level or how much of it is met."""
    evidence = [piece for piece in evidence if is_valid(piece, at)]
    parts, total = {}, Fraction(0)
    everything = []
    for part in framework["parts"]:
        answers = [(one, is_met(one, evidence, own, found)) for one in part["criteria"]]
        everything += answers
        n_met = sum(met for _, met in answers)
        standing = "met" if n_met == len(answers) else "partly" if n_met else "not_met"
        level = level_of(answers) if framework["scale"] == "seal" else None
        points = sum(one.get("points", 1) for one, met in answers if met)
        most = sum(one.get("points", 1) for one, _ in answers)
        total += Fraction(points, most) * part.get("weight", 0)
        parts[part["id"]] = (level, standing, points, most)
    levels = [level for level, *_ in parts.values()]
    level = {"seal": lambda: min(levels), "levels": lambda: level_of(everything), "checklist": lambda: None}[framework["scale"]]()
    score = int(total * 100) if framework["scale"] == "seal" else None
    return {"level": level, "score_bp": score, "parts": parts, "met": {one["id"]: met for one, met in everything}}
