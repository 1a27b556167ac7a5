"""Cedar's Python binding gives the platform's policy decisions again, over generated questions.

Base layer and schema are read from the sources, the questions are drawn from a seed, and the platform
answers them through `policies/test`. The binding shares Cedar's core with the platform: what is compared
is how questions are put to it, how texts are layered, and which policies are said to decide.
"""

import json
import pathlib
import random
import urllib.request

from checks import Checks, arguments

import cedarpy

N_QUESTIONS = 10_000
AT_ONCE = 250
COUNTRIES = ["FR", "DE", "SE", "US", "CH"]
CLASSES = ["public", "internal", "confidential", "restricted"]
CATEGORIES = ["customer", "derived", "account", "provider"]
ACTIONS = ["place", "move", "serve"]
SOURCES = pathlib.Path(__file__).resolve().parent.parent / "crates" / "policy" / "src"

DRAFT = """
@id("restricted-at-home")
permit (principal, action, resource)
when { context.class == Class::"restricted" && resource.country == "FR" };
@id("french-law")
forbid (principal in Organisation::"org_bank", action, resource)
unless { resource.operator_jurisdiction == "FR" && resource.ownership_met };
@id("customer-store")
forbid (principal, action == Action::"move", resource)
when { context.category == Category::"customer" && !["FR", "DE"].contains(resource.country) };
@id("account-process")
forbid (principal, action in [Action::"place", Action::"serve"], resource)
when { context.category == Category::"account" && !["FR"].contains(resource.country) };
@id("certified")
forbid (principal == Project::"prj_secret", action, resource)
unless { resource.certifications.contains("SecNumCloud 3.2") };
"""


def drawn(number, draw):
    """One question as the platform takes it."""
    case = {
        "name": f"q{number}",
        "action": draw.choice(ACTIONS),
        "class": draw.choice(CLASSES),
        "category": draw.choice(CATEGORIES),
        "organisation": draw.choice(["org_bank", "org_rail"]),
        "project": draw.choice(["prj_open", "prj_secret"]),
        "site": {
            "name": f"hall{draw.randrange(40)}",
            "country": draw.choice(COUNTRIES),
            "operator": "Exemple SA",
            "operator_country": draw.choice(COUNTRIES),
            "operator_jurisdiction": draw.choice([*COUNTRIES, "ZZ"]),
            "owner_jurisdiction": draw.choice(COUNTRIES),
            "ownership_met": draw.random() < 0.5,
            "certifications": draw.choice([[], ["SecNumCloud 3.2"], ["HDS", "SecNumCloud 3.2"]]),
        },
    }
    if draw.random() < 0.3:
        case["residency"] = draw.sample(COUNTRIES, draw.randrange(3))
    return case


def entity(kind, name):
    return {"__entity": {"type": kind, "id": name}}


def request(case):
    """The same question as Cedar takes it, with its entities."""
    site, resource = case["site"], f"site:{case['site']['name']}"
    context = {"class": entity("Class", case["class"]), "category": entity("Category", case["category"])}
    if "residency" in case:
        context["residency"] = case["residency"]
    asked = {
        "principal": f'Project::"{case["project"]}"',
        "action": f'Action::"{case["action"]}"',
        "resource": f'Site::"{resource}"',
        "context": context,
    }
    attributes = {
        "name": site["name"], "country": site["country"], "operator": site["operator"],
        "operator_country": site["operator_country"], "certifications": site["certifications"],
        "operator_entity": "", "operator_jurisdiction": site["operator_jurisdiction"],
        "owner_entity": "", "owner_jurisdiction": site["owner_jurisdiction"],
        "ownership_met": site["ownership_met"],
    }
    organisation = {"type": "Organisation", "id": case["organisation"]}
    entities = [
        {"uid": organisation, "attrs": {}, "parents": []},
        {"uid": {"type": "Project", "id": case["project"]}, "attrs": {}, "parents": [organisation]},
        {"uid": {"type": "Site", "id": resource}, "attrs": attributes, "parents": []},
    ]
    return asked, entities


def ours(base_url, key, cases):
    """The platform's answers, in parts."""
    answers = []
    for start in range(0, len(cases), AT_ONCE):
        body = {"text": DRAFT, "cases": cases[start:start + AT_ONCE]}
        asked = urllib.request.Request(
            f"{base_url}/api/v1/policies/test", json.dumps(body).encode(),
            {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(asked, timeout=120) as answer:
            answers += json.load(answer)["results"]
    return answers


def theirs(case, policies, schema, names):
    """Cedar's answer and its deciding policies by our names."""
    asked, entities = request(case)
    result = cedarpy.is_authorized(asked, policies, entities, schema)
    reasons = sorted(names[int(reason.removeprefix("policy"))] for reason in result.diagnostics.reasons)
    errors = list(result.diagnostics.errors)
    return result.allowed, reasons, errors


def main():
    base_url, key = arguments("check_cedar.py BASE_URL API_KEY")
    checks = Checks("cedar")
    base, schema = (SOURCES / "base.cedar").read_text(), (SOURCES / "schema.cedarschema").read_text()
    own = [line.split('"')[1] for line in DRAFT.splitlines() if line.startswith("@id")]
    names = ["cocarde.base/open-classes", "cocarde.base/residency"] + [f"draft/{name}" for name in own]
    draw = random.Random(20261125)
    cases = [drawn(number, draw) for number in range(N_QUESTIONS)]
    answers = ours(base_url, key, cases)
    checks.that(len(answers) == N_QUESTIONS, "every question is answered", str(len(answers)))
    different, errors, allowed, deciding = [], 0, 0, set()
    for case, answer in zip(cases, answers):
        found = theirs(case, base + DRAFT, schema, names)
        errors += len(found[2])
        if (answer["allowed"], answer["determining"]) != found[:2]:
            different.append((case, answer, found))
        allowed += answer["allowed"]
        deciding.update(answer["determining"])
    checks.that(not different, "answers and deciding policies agree", str(different[:1])[:600] if different else f"{N_QUESTIONS} questions")
    checks.that(errors == 0, "nothing could not be evaluated", str(errors))
    checks.that(0 < allowed < N_QUESTIONS, "both answers occur", f"{allowed} yes")
    checks.that(deciding == set(names), "every policy decides somewhere", str(sorted(set(names) - deciding)))
    changed = dict(cases[0], **{"class": "restricted", "residency": []})
    wrong = theirs(changed, base + DRAFT, schema, names)
    checks.that(wrong[0] is False, "a question with an empty residency list is refused")
    checks.end()


if __name__ == "__main__":
    main()
