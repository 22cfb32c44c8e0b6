"""Type checking of expressions."""

from __future__ import annotations

import pytest

from satisfice.domain.expressions.expression import Expression
from satisfice.domain.expressions.operations import FUNCTIONS
from satisfice.domain.expressions.syntax import ExpressionError
from satisfice.domain.expressions.type_check import check_condition
from satisfice.domain.expressions.types import NUMBER
from satisfice.domain.space.domains import kind_of
from satisfice.domain.space.space import Choice, Float, Int

NAMES = {
    "channels": kind_of(Int(1, 8)),
    "lr": kind_of(Float(0.0, 1.0)),
    "predicted.macs": NUMBER,
    "optimizer": kind_of(Choice(("sgd", "adamw"))),
    "schedule": kind_of(Choice(("cosine", "step"))),
    "workers": kind_of(Choice(("auto", 1, 2))),
    "nesterov": kind_of(Choice((True, False))),
}


@pytest.mark.parametrize(
    "text",
    [
        "channels % 2 == 0",
        "1 < channels <= 8 and predicted.macs < 1e6",
        "nesterov",
        "not nesterov or lr < 0.1",
        "nesterov == 1",
        "(lr < 0.1) + (channels > 4) + nesterov <= 1",
        "optimizer == 'sgd' if nesterov else lr < 0.1",
        "optimizer in ['sgd', 'adamw']",
        "optimizer not in ('sgd',)",
        "(optimizer, channels) in [('sgd', 2), ('adamw', 4)]",
        "'adam' in optimizer",
        "optimizer == ('sgd' if lr < 0.1 else 'adamw')",
        "workers == 'auto'",
        "workers in ['auto', 1]",
        "workers == 'auto' or workers < 2",
        "workers != 'auto' and workers < 2",
        "not (workers in ['auto']) and workers < 2",
        "not (workers == 'auto' or lr < 0.1) and workers * 2 > 1",
        "channels > (1 if workers == 'auto' else workers)",
        "max([channels, lr]) < 3 and min(channels, lr, 2) > 0",
        "isclose(lr, log(channels, 2)) or round(lr, 2) == 0.1 or round(lr) == 1",
        "channels in []",
    ],
)
def test_what_makes_sense_is_accepted(text: str) -> None:
    check_condition(Expression(text), NAMES)


@pytest.mark.parametrize(
    ("text", "meant", "told", "hint"),
    [
        (
            "channels % 2",
            "channels % 2",
            "channels % 2 is a number, expected a condition",
            "compare it, as in channels % 2 == 0",
        ),
        (
            "optimizer",
            "optimizer",
            "optimizer is a word, expected a condition",
            "compare it, as in optimizer == 'sgd'",
        ),
        ("[1]", "[1]", "[1] is a list, expected a condition", "compare it with something"),
        (
            "not channels % 2",
            "channels % 2",
            "channels % 2 is a number, expected a condition",
            "compare it, as in channels % 2 == 0",
        ),
        (
            "optimizer == 'sgd' or 'adamw'",
            "'adamw'",
            "'adamw' is a word, expected a condition",
            "did you mean optimizer in ['sgd', 'adamw']?",
        ),
        (
            "channels == 1 or 2",
            "2",
            "2 is a number, expected a condition",
            "did you mean channels in [1, 2]?",
        ),
        (
            "optimizer < 3",
            "optimizer",
            "optimizer is a word, expected a number",
            "words have no order: list the ones you mean, with in [...]",
        ),
        (
            "optimizer * 2 < 3",
            "optimizer",
            "optimizer is a word, expected a number",
            "arithmetic is for numbers",
        ),
        (
            "'a' + 'b' == optimizer",
            "'a'",
            "'a' is a word, expected a number",
            "arithmetic is for numbers",
        ),
        (
            "-[lr] == lr",
            "[lr]",
            "[lr] is a list, expected a number",
            "arithmetic is for numbers",
        ),
        (
            "workers < 2",
            "workers",
            "workers may be a word, expected a number",
            "handle the words first: workers == 'auto' or ...",
        ),
        (
            "workers != 'auto' or workers < 2",
            "workers",
            "workers is a word, expected a number",
            "words have no order: list the ones you mean, with in [...]",
        ),
        ("lr == 'sgd'", "'sgd'", "lr is a number and 'sgd' is a word: they are never equal", ""),
        (
            "nesterov == 'true'",
            "'true'",
            "nesterov is a truth value and 'true' is a word: they are never equal",
            "a truth value is written True or False",
        ),
        (
            "optimizer in ['sdg']",
            "'sdg'",
            "'sdg' is not one of the choices of optimizer",
            "did you mean 'sgd'? The choices are: 'sgd', 'adamw'",
        ),
        (
            "optimizer != 'lion'",
            "'lion'",
            "'lion' is not one of the choices of optimizer",
            "The choices are: 'sgd', 'adamw'",
        ),
        (
            "'adamv' == optimizer",
            "'adamv'",
            "'adamv' is not one of the choices of optimizer",
            "did you mean 'adamw'? The choices are: 'sgd', 'adamw'",
        ),
        (
            "workers == 'auto' or workers == 'atuo'",
            "'atuo'",
            "'atuo' is not one of the choices of workers",
            "did you mean 'auto'? The choices are: 'auto', 1, 2",
        ),
        (
            "(optimizer, channels) in [('sgd', 2), ('adam', 4)]",
            "'adam'",
            "'adam' is not one of the choices of optimizer",
            "did you mean 'adamw'? The choices are: 'sgd', 'adamw'",
        ),
        (
            "optimizer == schedule",
            "schedule",
            "optimizer and schedule have no choice in common: they are never equal",
            "",
        ),
        (
            "optimizer in 'sdg'",
            "'sdg'",
            "optimizer is never a part of 'sdg'",
            "did you mean 'sgd'? The choices are: 'sgd', 'adamw'",
        ),
        (
            "channels in 4",
            "4",
            "4 is a number, expected a list",
            "a list is written [1, 2, 4]",
        ),
        (
            "lr in optimizer",
            "lr",
            "lr is a number, expected a word",
            "optimizer is a word, and in looks for a part",
        ),
        ("log2(lr, 2) < 3", "log2(lr, 2)", "log2() is given 2 values, expected 1", ""),
        ("round() < 3", "round()", "round() is given no values, expected 1 or 2", ""),
        ("min() < 3", "min()", "min() is given no values, expected 2 or more", ""),
        (
            "max(lr) < 3",
            "lr",
            "max() is given one value, expected two or more, or a list of them",
            "",
        ),
        (
            "max(['a', lr]) < 3",
            "['a', lr]",
            "an item of ['a', lr] may be a word, expected a number",
            "max() is for numbers",
        ),
        (
            "sqrt(optimizer) < 3",
            "optimizer",
            "optimizer is a word, expected a number",
            "sqrt() is for numbers",
        ),
    ],
)
def test_what_makes_no_sense_is_pointed_at(text: str, meant: str, told: str, hint: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        check_condition(Expression(text), NAMES)
    error = caught.value
    assert (error.text[error.column :][: error.width], error.message, error.hint) == (
        meant,
        told,
        hint,
    )


def test_a_long_part_is_not_repeated() -> None:
    with pytest.raises(ExpressionError, match=r"^this is a number, expected a condition"):
        check_condition(Expression("channels + " * 6 + "lr"), NAMES)


@pytest.mark.parametrize("count", range(5))
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_takes_as_many_values_as_it_can_be_called_with(name: str, count: int) -> None:
    call = Expression(f"{name}({', '.join(['lr'] * count)}) == 0")
    try:
        call.evaluate({"lr": 2})
    except TypeError:
        with pytest.raises(ExpressionError, match="is given"):
            check_condition(call, NAMES)
    else:
        check_condition(call, NAMES)
