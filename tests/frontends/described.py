"""What a stock client sends and receives, held against the AsyncAPI document."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs

Document = dict[str, Any]


@dataclass
class Channel:
    """A namespace as the document describes it, and what of that has been seen."""

    document: Document
    namespace: str
    seen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        channels = self.document["channels"].items()
        [self._key] = [key for key, channel in channels if channel["address"] == self.namespace]
        self._operations = {
            (operation["action"], self._message(reference)["name"]): operation
            for operation in self.document["operations"].values()
            if operation["channel"]["$ref"] == f"#/channels/{self._key}"
            for reference in operation["messages"]
        }

    def received(self, event: str, payload: Any) -> None:
        """The client has received this."""
        operation = self._operations.get(("send", event), self._operations["send", "*"])
        assert ("send", event) in self._operations or event.startswith("own:"), f"{event} is not in the document"
        self._take(operation["messages"], payload)

    def asked(self, event: str, argument: Any, answer: Any) -> None:
        """The client has sent this, and got this answer."""
        operation = self._operations["receive", event]
        if not (isinstance(answer, dict) and answer.get("success") is False):
            self._take(operation["messages"], argument)
        self._take(operation["reply"]["messages"], answer)

    @property
    def variants(self) -> set[str]:
        """All that the document describes here: messages, each form of those that have several, and their fields."""
        messages = self.document["channels"][self._key]["messages"]
        forms = [form for key in messages for form in self._forms(key)]
        fields = {f"{name}.{field}" for name, schema in forms for field in self._resolved(schema).get("properties", ())}
        return {name for name, _ in forms} | fields

    def _take(self, references: list[dict[str, str]], payload: Any) -> None:
        keys = [reference["$ref"].rpartition("/")[2] for reference in references]
        forms = [form for key in keys for form in self._forms(key)]
        fitting = [name for name, schema in forms if self._validator(schema).is_valid(payload)]
        if not fitting:
            faults = [
                f"{name}: {error}" for name, schema in forms for error in self._validator(schema).iter_errors(payload)
            ]
            raise AssertionError("\n".join(map(str, [payload, *faults])))
        fields = payload if isinstance(payload, dict) else ()
        self.seen.update(fitting, (f"{name}.{field}" for name in fitting for field in fields))

    def _forms(self, key: str) -> Iterator[tuple[str, Any]]:
        payload = self.document["components"]["messages"][key]["payload"]
        forms = payload.get("anyOf", [payload])
        for number, form in enumerate(forms):
            yield (key if len(forms) == 1 else f"{key} {form.get('$ref', number)}"), form

    def _resolved(self, schema: Any) -> Any:
        name = schema.get("$ref", "").rpartition("/")[2]
        return self.document["components"]["schemas"][name] if name else schema

    def _message(self, reference: dict[str, str]) -> Any:
        return self.document["components"]["messages"][reference["$ref"].rpartition("/")[2]]

    def _validator(self, schema: Any) -> Any:
        whole = {**schema, "components": {"schemas": self.document["components"]["schemas"]}}
        return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
