"""Attention in a form that `torch.vmap` can vectorise over networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode


class PlainAttention(TorchFunctionMode):
    """Within it attention is computed step by step: of the ways to compute it only this one can be stacked. Torch's own
    kernels go through the networks one by one on a CPU, and under `torch.vmap` fail on their masks on a GPU.

    It holds for the thread that it was entered in; `torch.nn.attention.sdpa_kernel` switches the whole process, and
    does not switch it back if two threads overlap.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        """Calls a function of torch."""
        named: Mapping[str, Any] = kwargs or {}
        if func is not F.scaled_dot_product_attention:
            return func(*args, **named)
        mask = named.get("attn_mask")
        if mask is not None:
            named = {**named, "attn_mask": torch.zeros_like(mask, dtype=args[0].dtype).masked_fill(~mask, -torch.inf)}
        return torch.ops.aten._scaled_dot_product_attention_math(*args, **named)[0]
