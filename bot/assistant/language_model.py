"""Optional language models that write a text to a prompt: any OpenAI-compatible endpoint, or a local folder for transformers."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx

MAX_BYTES = 200_000


class ModelError(RuntimeError):
    """No text came back: away, slow, refused, or nonsense. The message holds no text of residents."""


@dataclass(frozen=True, slots=True)
class Written:
    """`tokens`: prompt and answer together, as the model counts them; where it does not, one a character."""

    text: str
    tokens: int


class LanguageModel(Protocol):
    """Writes to a prompt, as JSON of `schema` where the model can be held to one. Raises ModelError."""

    async def write(self, prompt: str, schema: dict[str, Any], max_tokens: int) -> Written: ...

    async def close(self) -> None: ...


class Endpoint:
    """vLLM, Ollama, llama.cpp and whatever else speaks `/chat/completions` below `url` (`http://host:8000/v1`)."""

    def __init__(self, url: str, model: str, key: str, timeout_s: float, http: httpx.AsyncClient | None = None) -> None:
        self._url = f"{url.rstrip('/')}/chat/completions"
        self._model = model
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = http or httpx.AsyncClient(timeout=timeout_s)
        self._knows_schemas = True

    async def write(self, prompt: str, schema: dict[str, Any], max_tokens: int) -> Written:
        body: dict[str, Any] = {
            "model": self._model, "messages": [{"role": "user", "content": prompt}], "temperature": 0, "max_tokens": max_tokens,
        }  # fmt: skip
        held = {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}}
        status, raw = await self._post(body | held if self._knows_schemas else body)
        if self._knows_schemas and status in (400, 422):  # an older server: its answer is checked all the same
            self._knows_schemas = False
            status, raw = await self._post(body)
        if status != httpx.codes.OK:
            raise ModelError(f"the endpoint answered {status}")
        try:
            answer = json.loads(raw)
            text = answer["choices"][0]["message"]["content"]
            used = (answer.get("usage") or {}).get("total_tokens")
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
            raise ModelError(f"the endpoint's answer cannot be read ({type(error).__name__})") from error
        if not isinstance(text, str):
            raise ModelError("the endpoint's answer holds no text")
        return Written(text, used if isinstance(used, int) and used > 0 else len(prompt) + len(text))

    async def close(self) -> None:
        await self._http.aclose()

    async def _post(self, body: dict[str, Any]) -> tuple[int, bytes]:
        raw = b""
        try:
            async with self._http.stream("POST", self._url, json=body, headers=self._headers) as answer:
                async for part in answer.aiter_bytes():
                    raw += part
                    if len(raw) > MAX_BYTES:
                        raise ModelError("the endpoint's answer does not end")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ModelError(f"the endpoint cannot be reached ({type(error).__name__})") from error
        return answer.status_code, raw


class LocalModel:
    """A transformers text-generation model in a folder; loaded with the first question, one answer at a time, off the loop.

    In a thread of its own: answers that wait for a slow model must not hold the threads that look into the policy base, and what
    nobody waits for any more is not begun.
    """

    def __init__(self, folder: Path, timeout_s: float) -> None:
        self._folder = folder
        self._timeout_s = timeout_s
        self._thread = ThreadPoolExecutor(1, "language-model")
        self._loaded: tuple[Any, Any] | None = None

    async def write(self, prompt: str, schema: dict[str, Any], max_tokens: int) -> Written:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._write, prompt, max_tokens)
        except (OSError, ValueError, RuntimeError, ImportError, IndexError) as error:
            raise ModelError(f"the model in {self._folder} cannot answer ({type(error).__name__})") from error

    async def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._loaded = None

    def _write(self, prompt: str, max_tokens: int) -> Written:
        import torch

        with torch.inference_mode():
            tokenizer, model = self._loaded = self._loaded or self._load()
            messages = [{"role": "user", "content": prompt}]
            asked = (
                tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True) if tokenizer.chat_template else prompt
            )
            ids = tokenizer(asked, return_tensors="pt")["input_ids"]
            out = model.generate(ids, max_new_tokens=max_tokens, do_sample=False, max_time=self._timeout_s)
            return Written(tokenizer.decode(out[0][ids.shape[1] :], skip_special_tokens=True), int(out.shape[1]))

    def _load(self) -> tuple[Any, Any]:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(self._folder, local_files_only=True, trust_remote_code=False)
        model: Any = AutoModelForCausalLM.from_pretrained(
            self._folder, local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype="auto"
        )
        return tokenizer, model.eval()
