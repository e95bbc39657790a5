"""The types of base FHIR STU3, by the library that knows them: the only module that imports it.

It is no validator of profiles, codes or references (decision 11): those are rows of the table.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, cast, get_args

from fhir.resources.STU3 import get_fhir_model_class
from fhir_core.types import StringType
from fhir_core.utils import is_list_type
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from shared.itk3.element import Element
from shared.itk3.fhir_xml import Resource

# nothing refers to a contained resource
_NOT_READ: Final = frozenset({"contained"})
# documents are decoded elsewhere: a short stand-in saves copying megabytes
_STAND_IN: Final = "AAAA"
_LONG: Final = 1_000
_STRING: Final = TypeAdapter(StringType)
_USUAL: Final = (
    *("Binary", "Bundle", "Composition", "DocumentReference", "Encounter", "HealthcareService", "Location"),
    *("MessageHeader", "OperationOutcome", "Organization", "Patient", "Practitioner", "PractitionerRole", "Task"),
)


def load() -> None:
    """Load the types of what messages usually hold, which takes a tenth of a second that the first one need not wait.

    A daemon does so before it puts what it has in memory out of the garbage collector's sight.
    """
    waiting: list[Any] = [get_fhir_model_class(name) for name in _USUAL]
    loaded: set[Any] = set()
    while waiting:
        model = waiting.pop()
        if model is not None and model not in loaded:
            loaded.add(model)
            waiting += [_model(cast("Any", field.annotation)) for field in _fields(model).values()]


def faults(resource: Element, *left_out: str) -> tuple[str, ...]:
    """Return where a received resource is not of the STU3 types: paths and rules, never values.

    The order of elements does not matter (decision 10). Children named in ``left_out`` are not looked at.
    """
    try:
        model = get_fhir_model_class(resource.name)
    except ValueError:
        return ("there is a resource that FHIR STU3 does not know",)
    unknown: list[str] = []
    content = _content(resource, model, resource.name, unknown, _NOT_READ.union(left_out))
    return (*unknown, *check({"resourceType": resource.name} | content))


def check(resource: Resource) -> tuple[str, ...]:
    """Return where a resource, given in the shape of FHIR JSON, is not of the STU3 types."""
    model = get_fhir_model_class(resource["resourceType"])
    try:
        model.model_validate(resource)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        return tuple(dict.fromkeys(_path(resource["resourceType"], fault["loc"]) for fault in found))
    return ()


def is_string(value: str) -> bool:
    """Say whether ``value`` is a FHIR ``string``."""
    try:
        _STRING.validate_python(value)
    except ValidationError:
        return False
    return True


def _path(start: str, location: tuple[int | str, ...]) -> str:
    return ".".join([start, *(part for part in location if isinstance(part, str) and part.isalnum())])


def _content(element: Element, model: Any, path: str, unknown: list[str], skip: frozenset[str]) -> Resource:
    """Return the children of ``element`` as FHIR JSON, noting in ``unknown`` what the model has no place for."""
    fields = _fields(model)
    content: Resource = {"url": element.url} if element.url is not None and "url" in fields else {}
    # a narrative is shown to nobody here
    skip = skip | _narratives(model)
    for child in element.children:
        field = fields.get(child.name)
        if child.name in skip:
            continue
        if field is None:
            unknown.append(f"{path} has an element that FHIR STU3 does not know")
            continue
        value = _value(child, field, f"{path}.{child.name}", unknown)
        if is_list_type(field):
            content.setdefault(child.name, []).append(value)
        elif child.name in content:
            unknown.append(f"{path}.{child.name} is there twice")
        else:
            content[child.name] = value
    return content


def _value(element: Element, field: FieldInfo, path: str, unknown: list[str]) -> Any:
    model = _model(cast("Any", field.annotation))
    if model is not None:
        return _content(element, model, path, unknown, frozenset())
    value = element.value or ""
    return value if len(value) < _LONG else _STAND_IN


@lru_cache(maxsize=256)
def _narratives(model: Any) -> frozenset[str]:
    """Return the names of the fields of a model that are narratives."""
    kinds = {name: _model(cast("Any", field.annotation)) for name, field in _fields(model).items()}
    return frozenset(name for name, kind in kinds.items() if kind is not None and kind.__name__ == "Narrative")


@lru_cache(maxsize=256)
def _fields(model: Any) -> dict[str, FieldInfo]:
    """Return the fields of a model by their names in FHIR."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


@lru_cache(maxsize=1024)
def _model(annotation: Any) -> Any:
    """Return the model of a complex type, None for a primitive one."""
    if hasattr(annotation, "get_model_klass"):
        return annotation.get_model_klass()
    return next(filter(None, map(_model, get_args(annotation))), None)
