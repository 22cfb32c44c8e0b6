"""The size and the operations of a model, counted before it is trained."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from satisfice.domain.errors import StudyCodeError
from satisfice.domain.rules.predicted import (
    ACTIVATIONS,
    COUNTED,
    LARGEST,
    MACS,
    OPERATIONS,
    PARAMETERS,
    SIZE,
)
from satisfice.domain.space.space import Params

if TYPE_CHECKING:
    import torch


def predict(
    problem: Any,
    params: Params,
    example_shape: tuple[int, ...] | None = None,
    names: Collection[str] = COUNTED,
) -> dict[str, float]:
    """Count the weights and operations of the model that a configuration would build.

    The model is built on PyTorch's meta device, which has shapes but no memory, so that a model
    that is far too large costs no more than a small one. The first count of MACs in a process takes
    seconds, because it imports much of PyTorch; counting only weights does not.

    Args:
        problem: The study's code, with `build(params)` and, optionally, `example_input(params)`.
        params: The configuration.
        example_shape: The shape of a training example, for a problem without `example_input`.
        names: The names to return.

    Returns:
        `predicted.parameters`, the number of weights; `predicted.size_bytes`, the bytes of weights
        and buffers; and for one inference on one example: `predicted.macs`, the
        multiply-accumulates; `operations`, the number of operations; `activation_bytes`, the bytes
        of their outputs; `largest_bytes`, the inputs and outputs of the largest of them.

    Raises:
        StudyCodeError: There is no `build`, or the model cannot be built or run on the meta device.
    """
    if getattr(problem, "build", None) is None:
        raise StudyCodeError(
            "the rules use predicted.*, but problem.py does not define build(params)",
            "build the model in build(params), and call that in train()",
        )
    model = _build(problem, params)
    said: dict[str, float] = {}
    if not {PARAMETERS, SIZE}.issuperset(names) or _is_lazy(model):
        example = _example(problem, params, example_shape)
        try:
            said |= count_work(model, example)
        except Exception as fault:
            raise StudyCodeError(
                f"the model cannot be run on an example of shape {tuple(example.shape)}: {fault}",
                "define example_input(params), which returns the input for one example",
            ) from fault
    said |= {PARAMETERS: float(count_parameters(model)), SIZE: float(count_bytes(model))}
    return {name: said[name] for name in names}


def _build(problem: Any, params: Params) -> torch.nn.Module:
    import torch

    try:
        with torch.device("meta"):
            model: torch.nn.Module = problem.build(dict(params))
    except Exception as fault:
        raise StudyCodeError(
            f"build(params) failed on PyTorch's meta device: {type(fault).__name__}: {fault}",
            "predictions have shapes but no values, so build() must not read values of tensors",
        ) from fault
    return model


def _is_lazy(model: torch.nn.Module) -> bool:
    """Tell whether some weights have no shape until the model has run once."""
    from torch.nn.parameter import is_lazy

    return any(is_lazy(weight) for weight in model.parameters())


def _example(problem: Any, params: Params, shape: tuple[int, ...] | None) -> torch.Tensor:
    import torch

    own = getattr(problem, "example_input", None)
    if own is None and shape is None:
        raise StudyCodeError(
            "there is neither an example_input(params) nor a training example",
            "define example_input(params), which returns the input for one example",
        )
    try:
        with torch.device("meta"):
            example: torch.Tensor = own(dict(params)) if own else torch.empty((1, *(shape or ())))
        return example[:1].to("meta")
    except Exception as fault:
        raise StudyCodeError(
            f"example_input(params) failed: {type(fault).__name__}: {fault}",
            "it must return a tensor: the input for one example, as a batch of one",
        ) from fault


def count_parameters(model: torch.nn.Module) -> int:
    """Count the weights of a model; shared ones once."""
    return sum(weight.numel() for weight in model.parameters())


def count_bytes(model: torch.nn.Module) -> int:
    """Count the bytes of a model's weights and of its persistent buffers."""
    kept = {id(one): one for one in model.state_dict(keep_vars=True).values()}  # shared ones once
    return sum(int(one.nbytes) for one in kept.values())


def count_macs(model: torch.nn.Module, example: torch.Tensor) -> int:
    """Count the multiply-accumulates of one inference; see `count_work`."""
    return int(count_work(model, example)[MACS])


def count_work(model: torch.nn.Module, example: torch.Tensor) -> dict[str, float]:
    """Count the operations of one inference: multiply-accumulates, number and bytes.

    Multiply-accumulates are those of matrix products, convolutions and attention, as PyTorch's own
    counter defines them: two of its FLOPs each.

    Args:
        model: The model.
        example: Its input, on the same device.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    counter, tally = FlopCounterMode(display=False), _tally(model)
    with evaluating(model), torch.no_grad(), _without_fused_kernels(), counter, tally:
        model(example)
    return {MACS: float(int(counter.get_total_flops()) // 2), **tally.said}


def _tally(model: torch.nn.Module) -> Any:
    """Return a PyTorch dispatch mode that counts the operations and their bytes."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    def places(tensors: Iterable[Any]) -> set[int]:
        return {one.untyped_storage()._cdata for one in tensors}

    own = set() if _is_lazy(model) else places([*model.parameters(), *model.buffers()])

    class Tally(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __init__(self) -> None:
            super().__init__()  # type: ignore[no-untyped-call]
            self.said = {OPERATIONS: 0.0, ACTIVATIONS: 0.0, LARGEST: 0.0}

        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            result = func(*args, **(kwargs or {}))
            given = [one for one in args if isinstance(one, torch.Tensor)]
            results = result if isinstance(result, tuple | list) else [result]
            known = places(given)
            made = [one for one in results if isinstance(one, torch.Tensor)]
            made = [one for one in made if not places([one]) <= known]
            if made:  # a view or an in-place result takes no memory
                size = sum(one.nbytes for one in made)
                moved = size + sum(one.nbytes for one in given if not places([one]) <= own)
                self.said[OPERATIONS] += 1
                self.said[ACTIVATIONS] += size
                self.said[LARGEST] = max(self.said[LARGEST], moved)
            return result

    return Tally()


@contextmanager
def evaluating(model: torch.nn.Module) -> Iterator[None]:
    """Put a model into evaluation mode, and restore the mode of each module afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def _without_fused_kernels() -> Iterator[None]:
    """Run attention and recurrent layers as plain products.

    PyTorch's counter does not know their fused CPU kernels, and counts nothing for a transformer
    layer or an LSTM that uses one.
    """
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    fast, fused = torch.backends.mha.get_fastpath_enabled(), torch.backends.mkldnn.enabled
    torch.backends.mha.set_fastpath_enabled(False)
    torch.backends.mkldnn.enabled = False  # type: ignore[assignment]
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        torch.backends.mkldnn.enabled = fused
