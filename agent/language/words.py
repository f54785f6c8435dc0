"""What all modules that hear a sentence share: their input, and what its numbers mean."""

from __future__ import annotations

import re

from agent.ports import Input, Ports

SENTENCE = {"sentence": Input("one", rank=0, dtype="int32")}


def sentences_of(inputs: Ports) -> tuple[str, ...]:
    """All sentences that may come in; ValueError where the port gives numbers without saying what they mean."""
    if "sentence" in inputs and inputs["sentence"].labels:
        return inputs["sentence"].labels
    raise ValueError(
        "the input 'sentence' must be the number of a sentence, from a port that lists all of them. "
        "Wire 'body.sentence' of a task that says something, with env.senses.sentence.form=row."
    )


def split(sentence: str) -> list[str]:
    """A sentence's words in small letters, without punctuation."""
    return re.findall(r"\w+", sentence.lower())
