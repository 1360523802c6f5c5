"""What a plugin says of its options with a pydantic model, and the check of what a user gives."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from cellmap_data.config import list_faults
from cellmap_data.plugins.binding import Author, path_of
from cellmap_data.plugins.refusals import nearest, refusal
from cellmap_data.plugins.requirements import declared

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

__all__ = ["model_of", "required_by", "validated"]


def model_of(source: Any, author: Author) -> type[BaseModel] | None:
    """The ``options_model`` of a plugin, or of the module that it is written in; None if neither has one.

    Raises
    ------
    PluginRegistrationError
        When it is no model of pydantic 2 with named fields.
    """
    model = declared(source, "options_model")
    if model is None:
        return None
    from pydantic import BaseModel, RootModel  # only for plugins that use it: it takes its time

    if isinstance(model, type) and issubclass(model, BaseModel) and not issubclass(model, RootModel):
        return model
    raise refusal(
        author,
        "has an options_model that is none",
        expected="a class derived from pydantic.BaseModel, version 2, with a field for each option",
        got=path_of(model) if isinstance(model, type) else repr(model),
        hint="derive it from pydantic.BaseModel, or leave options_model out",
    )


def required_by(model: type[BaseModel]) -> tuple[str, ...]:
    """The options without a default, as a user types them."""
    return tuple(_typed(model, name) for name, field in model.model_fields.items() if field.is_required())


def validated(model: type[BaseModel], options: Mapping[str, Any], author: Author) -> dict[str, Any]:
    """All options of a plugin: what is given, as the types of the model, and the defaults of the rest.

    What the model does not know is refused, unless it says ``extra="allow"``.

    Raises
    ------
    PluginRegistrationError
        With everything that is wrong, or when a validator of the model fails itself.
    """
    from pydantic import ValidationError

    try:
        valid = _strict(model).model_validate(dict(options))
    except ValidationError as error:
        raise refusal(
            author,
            "cannot be made with the options it is given",
            expected=f"the options of {path_of(model)}: {', '.join(_names(model)) or 'none'}",
            got=list_faults(_faults(error.errors(include_url=False), model)),
            hint=f"correct what is given: {{{author.plugin!r}: {{option: value}}}}",
        ) from None
    except Exception as error:
        raise refusal(
            author,
            "has an options_model that fails",
            expected="validators that return, or raise ValueError",
            got=f"{type(error).__name__}: {error}",
            hint=f"correct {path_of(model)}",
        ) from error
    return {name: getattr(valid, name) for name in model.model_fields} | (valid.model_extra or {})


def _strict(model: type[BaseModel]) -> type[BaseModel]:
    """The model, refusing what it would drop: a misspelt option must not train with the default."""
    if model.model_config.get("extra", "ignore") != "ignore":
        return model
    from pydantic import ConfigDict

    class Strict(model):  # type: ignore[valid-type,misc]  # a base that is a variable
        model_config = ConfigDict(extra="forbid")

    return Strict


def _faults(errors: Iterable[ErrorDetails], model: type[BaseModel]) -> Iterator[str]:
    """One line for each error: the option, its value, what was expected."""
    for error in errors:
        option = ".".join(map(str, error["loc"])) or "together"
        given = f"{option} = {reprlib.repr(error['input'])}"
        if error["type"] == "missing":
            yield f"{option} is not given: expected a value, there is no default"
        elif error["type"] == "extra_forbidden":
            hint = f", {nearest(option, _names(model))}" if len(error["loc"]) == 1 else ""
            yield f"{given}: there is no such option{hint}"
        elif error["type"] in ("value_error", "assertion_error"):  # the words of the plugin's author
            yield f"{given}: {error['ctx']['error']}"
        else:
            yield f"{given}: expected {error['msg'].removeprefix('Input should be ')}"


def _names(model: type[BaseModel]) -> list[str]:
    return [_typed(model, name) for name in model.model_fields]


def _typed(model: type[BaseModel], name: str) -> str:
    alias = model.model_fields[name].validation_alias
    return alias if isinstance(alias, str) else name
