"""Ways to answer questions beside the program that asks them."""

from typing import Any

Message = dict[str, Any]
"""What a worker and the program that started it send each other, or a part of it: JSON, by name."""
