"""Stands in for a module of the vendor's package."""

from .base import LLMResponse, LLMService, ToolCall

__all__ = ["LLMResponse", "LLMService", "ToolCall"]
