"""Stands in for a module of the vendor's package."""

from pathlib import Path


class ToolCallResult:
    def __init__(self, data=None, is_final=True):
        self.data, self.is_final = data, is_final


class ToolCall:
    def __init__(self, id=None, name=None, arguments=None, result=None):  # noqa: A002 - theirs
        self.id, self.name, self.arguments, self.result = id, name, arguments, result


class LLMResponse:
    def __init__(self, context_id, text=None, tool_call=None):
        self.context_id, self.text, self.tool_call = context_id, text, tool_call


def write(name):
    Path(name).touch()


class Contexts:
    """A database, in the folder where one stands."""

    async def add_histories(self, context_id, messages, _):
        assert [message["role"] for message in messages] == ["user", "assistant"]
        write(f"{context_id}.db")


class LLMService:
    def __init__(self, **options):
        self.options, self.context_manager = options, Contexts()

    async def chat_stream(self, context_id, user_id, text, files):
        messages = await self.compose_messages(context_id, text, files, None)
        told = ""
        async for chunk in self.get_llm_stream_response(context_id, user_id, messages, None):
            if chunk.tool_call is not None:
                yield chunk
                continue
            for part in filter(None, chunk.text.split("|")):
                told += part
                yield LLMResponse(context_id, part)
        await self.update_context(context_id, messages, told)
