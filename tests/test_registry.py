"""Parts that are chosen by name."""

from __future__ import annotations

import functools

import pytest

from tf_image_segmentation.errors import DataError
from tf_image_segmentation.registry import Part, Registry
from tf_image_segmentation.structs import Fraction


@pytest.fixture
def registry():
    registry = Registry("sauce")
    yield registry
    del Registry.all["sauce"]


def salt(dish, amount, kind: str = "sea", share: Fraction = 0.5):
    return dish, amount, kind, share


def test_a_second_definition_of_a_module_replaces_the_first(registry):
    registry.add("salt", 1, "notebook")
    registry.add("salt", 2, "notebook")
    assert registry["salt"] == 2


def test_a_decorator_registers_under_a_name_and_changes_nothing(registry):
    assert registry.register(salt) is salt
    assert registry.register(name="coarse")(salt) is salt
    partial = registry.register(name="rock", make=lambda part: part)(functools.partial(salt, 1))
    assert list(registry) == ["coarse", "rock", "salt"]
    assert registry["salt"] is registry["coarse"] is salt and registry["rock"] is partial
    assert registry.module_of("rock") == __name__


def test_a_name_of_another_module_is_refused(registry):
    registry.add("salt", 1, "kitchen")
    with pytest.raises(DataError, match=r"a sauce named 'salt' exists already \(from kitchen\)"):
        registry.add("salt", 2, "garden")
    assert registry["salt"] == 1


def test_an_unknown_name_lists_the_names(registry):
    registry.add("salt", 1, "kitchen")
    with pytest.raises(DataError, match=r"unknown sauce 'pepper'; choose from \['salt'\].*plugins"):
        registry["pepper"]


def test_parts_of_a_module_are_forgotten(registry):
    registry.add("salt", 1, "kitchen")
    registry.add("pepper", 1, "garden")
    assert registry.names_from("garden") == ["pepper"]
    registry.remove_from("garden")
    assert list(registry) == ["salt"]


def test_bound_arguments_are_passed_on(registry):
    registry.add("salt", salt, "kitchen")
    bound = registry.bind(Part("salt", {"amount": 3}), "dish")
    assert bound("soup") == ("soup", 3, "sea", 0.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"amount": 3, "color": 1}, "takes no color; it takes amount, kind, share"),
        ({"amount": 3, "share": 2}, r"'salt': share: expected float <= 1\.0, got 2"),
        ({"amount": 3, "share": "much"}, "share: expected float, got str"),
        ({}, "'salt' needs amount"),
        ({"amount": 3, "kind": 5}, "sauce 'salt': kind: expected str, got int"),
        ({"amount": 3, "dish": 1}, "takes no dish"),
    ],
)
def test_wrong_arguments_are_named(registry, arguments, message):
    registry.add("salt", salt, "kitchen")
    with pytest.raises(DataError, match=message):
        registry.bind(Part("salt", arguments), "dish")


def test_a_part_is_a_name_or_a_table():
    assert Part.parse("dice", "loss") == Part("dice")
    part = Part.parse({"name": "dice", "weight": 2}, "loss")
    assert part == Part("dice", {"weight": 2})
    assert Part.parse(part.to_json(), "loss") == part
    assert Part.parse(part, "loss") is part
    for wrong in (3, {"weight": 2}, {"name": 5}, None):
        with pytest.raises(DataError, match="a loss must be a name or a table with a name"):
            Part.parse(wrong, "loss")
