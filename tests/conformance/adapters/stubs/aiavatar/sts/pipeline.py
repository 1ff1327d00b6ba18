"""Stands in for a module of the vendor's package: hearing, thinking and speaking, in turn."""

from pathlib import Path


class STSPipeline:
    def __init__(self, *, vad, stt, llm, tts, performance_recorder, **options):
        self.vad, self.stt, self.llm, self.tts, self.options = vad, stt, llm, tts, options
        self.recorder = performance_recorder
        self._process = None
        Path("voices").mkdir(exist_ok=True)

    def told(self):
        """What it was made with, and the files beside it."""
        files = [file.name for file in Path().iterdir()]
        return {**self.options, **self.vad.told(), "files": files}

    def process_llm_chunk(self, process):
        self._process = process
        return process

    async def invoke(self, send, *, text=None, context="c", files=None):
        heard = await self.stt.transcribe(b"") if text is None else text
        try:
            async for chunk in self.llm.chat_stream(context, "u", heard, files):
                send(await self._told(chunk))
        except Exception as error:  # noqa: BLE001 - it is told like any other
            send({"error": f"{type(error).__name__}: {error}"})
        self.recorder.record(None)
        self.recorder.close()

    async def _told(self, chunk):
        if (call := chunk.tool_call) is not None:
            result = vars(call.result) if call.result is not None else None
            return {**vars(call), "result": result}
        about = await self._process(chunk)
        words = chunk.text.rpartition("]")[2]
        sound = await self.tts.synthesize(words, {"styled_text": chunk.text}, about["language"])
        return {"text": chunk.text, **about, "sound": max(0, len(sound) - 44)}
