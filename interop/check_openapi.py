"""An independent validator accepts the API's description, and would refuse a broken one."""

import copy
import json
import pathlib

from checks import Checks, arguments

from openapi_spec_validator import validate
from jsonschema.exceptions import ValidationError


def main():
    (path,) = arguments("check_openapi.py FILE")
    checks = Checks("openapi")
    document = json.loads(pathlib.Path(path).read_text())
    operations = sum(
        method in ("get", "put", "post", "delete", "patch")
        for item in document["paths"].values() for method in item
    )
    checks.that(document["openapi"].startswith("3.1"), "the description is OpenAPI 3.1", document["openapi"])
    checks.that(operations >= 10, "it describes the API", f"{operations} operations")
    try:
        validate(document)
        checks.that(True, "openapi-spec-validator accepts it")
    except ValidationError as error:
        checks.that(False, "openapi-spec-validator accepts it", str(error)[:400])
    broken = copy.deepcopy(document)
    del broken["info"]["title"]
    checks.raises(ValidationError, lambda: validate(broken), "and refuses it without a title")
    checks.end()


if __name__ == "__main__":
    main()
