"""docs/api.md describes the endpoint as it is, and its examples are accepted."""

import inspect
import re

import pytest

from tests.demo import endpoint_schema


def test_the_document_has_the_endpoints_table() -> None:
    assert endpoint_schema.written() == endpoint_schema.table(), "run python -m tests.demo.endpoint_schema"


def test_every_parameter_has_a_meaning_and_gradios_default_is_the_functions() -> None:
    description, function = endpoint_schema.endpoint()
    parameters = inspect.signature(function).parameters
    assert (
        [one["parameter_name"] for one in description["parameters"]]
        == list(parameters)
        == list(endpoint_schema.EXAMPLES)
    )
    for row in endpoint_schema.written().splitlines()[2:]:
        assert re.fullmatch(r"\| `\w+` \| [^|]+ \| [^|]+ \| `.+` \| .{10,} \|", row), row
    for one in description["parameters"]:
        default = parameters[one["parameter_name"]].default
        if default is not inspect.Parameter.empty:
            assert one["parameter_has_default"]
            assert one["parameter_default"] == default


@pytest.mark.parametrize("language", ["python", "js"])
def test_examples_of_clients_name_parameters_that_exist(language: str) -> None:
    text = endpoint_schema.DOCUMENT.read_text(encoding="utf-8").partition("## HTTP")[2]
    (example,) = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    assert "/segment" in example
    named = set(re.findall(r"\b(\w+)=" if language == "python" else r"^  (\w+):", example, re.MULTILINE))
    assert {"photo", "seen", "unseen", "method"} <= named - {"api_name"} <= set(endpoint_schema.EXAMPLES)
