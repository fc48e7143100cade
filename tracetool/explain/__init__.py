"""One event in words: what it is, what the device made of it, and why it matters."""

from tracetool.explain.explain import Explanation, explain, explain_device

__all__ = ["Explanation", "explain", "explain_device"]
