"""Semantic Kernel and the Microsoft Agent Framework."""

from __future__ import annotations

from typing import Final

from otel_costattr.usage.reader import Dialect

SEMANTIC_KERNEL: Final = Dialect(
    name="semantic_kernel",
    scopes=("semantic_kernel*", "Microsoft.SemanticKernel*"),
    page="Semantic Kernel, Python and .NET",
)

AGENT_FRAMEWORK: Final = Dialect(
    name="agent_framework",
    scopes=("agent_framework*", "Microsoft.Agents*", "Experimental.Microsoft.Agents*"),
    page="Microsoft Agent Framework; invoke_agent repeats the sums",
)
