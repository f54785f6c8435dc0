"""Mistakes in a brain's config, and the whole message that each must give."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

Brain = dict[str, Any]

GOOD: Brain = {
    "body": {"retina": [2, 32, 4], "touch": [8], "proprio": [6], "reward": [], "action": [3]},
    "action": [3],
    "modules": {
        "retina": {"kind": "retina_conv"},
        "soma": {"kind": "body_encoder", "width": 32},
        "v1": {"kind": "lif", "size": 64},
        "motor": {"kind": "gaussian_motor"},
    },
    "wires": [
        "body.retina -> retina.image",
        "retina.code -> v1.current",
        "body.touch -> soma.senses",
        "v1.rate -> motor.drive",
        "soma.code -> motor.drive",
        "body.action -> motor.previous",
        "motor.action -> body.action",
    ],
}


def with_option(module: str, **options: Any) -> Brain:
    brain = copy.deepcopy(GOOD)
    brain["modules"].setdefault(module, {}).update(options)
    return brain


def with_module(name: Any, options: Any, *wires: str) -> Brain:
    brain = copy.deepcopy(GOOD)
    brain["modules"][name] = options
    brain["wires"] += wires
    return brain


def with_wire(*wires: Any, without: str = "") -> Brain:
    brain = copy.deepcopy(GOOD)
    brain["wires"] = [w for w in brain["wires"] if w != without] + list(wires)
    return brain


def but(change: Callable[[Brain], Any]) -> Brain:
    brain = copy.deepcopy(GOOD)
    change(brain)
    return brain


FUSION = {"kind": "fusion_attention"}

CASES: dict[str, tuple[Any, str]] = {
    # Sections
    "not a mapping": (["modules"], "agent: expected a mapping with 'modules' and 'wires', got ['modules']."),
    "section": (
        but(lambda b: b.update(wirse=[])),
        "agent: no section 'wirse'. Did you mean 'wires'?",
    ),
    "modules not a mapping": (
        {**GOOD, "modules": ["v1"]},
        "agent.modules: expected a mapping from names to modules, got ['v1'].",
    ),
    "wires not a list": ({**GOOD, "wires": "a.b -> c.d"}, "agent.wires: expected a list of wires, got 'a.b -> c.d'."),
    "no modules": (
        {**GOOD, "modules": {}, "wires": ["body.action -> body.action"]},
        "agent.modules: no module there. Name at least one, such as 'motor: {kind: gaussian_motor}'.",
    ),
    "senses unknown": (
        but(lambda b: b.pop("action")),
        "agent.action: the action is not known. Pass action=..., or give its shape: 'action: [3]'.",
    ),
    "sense shape": (
        but(lambda b: b["body"].update(smell="strong")),
        "agent.body.smell: expected a shape such as [32], got 'strong'.",
    ),
    "sense shape zero": (
        but(lambda b: b["body"].update(smell=[0])),
        "agent.body.smell: expected a shape such as [32], got [0].",
    ),
    # Modules and options
    "kind typo": (
        with_option("v1", kind="lief"),
        "agent.modules.v1.kind: no kind 'lief'. Did you mean 'lif'? 'scrubjay modules' lists them all.",
    ),
    "kind in capitals": (
        with_option("v1", kind="LIF"),
        "agent.modules.v1.kind: no kind 'LIF'. Did you mean 'lif'? 'scrubjay modules' lists them all.",
    ),
    "kind is a list": (
        with_option("v1", kind=["lif"]),
        "agent.modules.v1.kind: no kind \"['lif']\". Did you mean 'lif'? 'scrubjay modules' lists them all.",
    ),
    "no kind": (
        with_module("world", {"size": 3}),
        "agent.modules.world: expected a mapping with a 'kind', got {'size': 3}. 'scrubjay modules' lists the kinds.",
    ),
    "module not a mapping": (
        with_module("world", "lif"),
        "agent.modules.world: expected a mapping with a 'kind', got 'lif'. 'scrubjay modules' lists the kinds.",
    ),
    "module called body": (
        with_module("body", {"kind": "lif"}),
        "agent.modules.body: a module cannot be called 'body'. Use letters, digits and '_'; 'body' is taken.",
    ),
    "module name": (
        with_module("v-1", {"kind": "lif"}),
        "agent.modules.v-1: a module cannot be called 'v-1'. Use letters, digits and '_'; 'body' is taken.",
    ),
    "option typo": (with_option("v1", sise=3), "agent.modules.v1: no option 'sise'. Did you mean 'size'?"),
    "option type": (
        with_option("v1", size="many"),
        "agent.modules.v1.size: expected a whole number, got 'many' (neurons).",
    ),
    "option fraction": (
        with_option("v1", size=3.5),
        "agent.modules.v1.size: expected a whole number, got 3.5 (neurons).",
    ),
    "option truth": (
        with_option("v1", size=True),
        "agent.modules.v1.size: expected a whole number, got True (neurons).",
    ),
    "option range": (
        with_option("v1", size=0),
        "agent.modules.v1.size: 0 is out of range; it must be at least 1 (neurons).",
    ),
    "option both bounds": (
        with_option("v1", ticks=1000),
        "agent.modules.v1.ticks: 1000 is out of range; it must be at least 1 and at most 100 (ticks per decision).",
    ),
    "option not finite": (
        with_option("v1", tau_mem=float("nan")),
        "agent.modules.v1.tau_mem: nan is not finite (membrane time constant).",
    ),
    "wrong unit": (
        with_option("v1", tau_mem="20 mV"),
        "agent.modules.v1.tau_mem: expected a number in s, got '20 mV' (membrane time constant).",
    ),
    "quantity cannot be read": (
        with_option("v1", tau_mem="1.2.3 ms"),
        "agent.modules.v1.tau_mem: expected a number in s, got '1.2.3 ms' (membrane time constant).",
    ),
    "options that do not go together": (
        with_option("v1", rate=100),
        "agent.modules.v1: rate (100.0 Hz) is too high for ticks of 20 ms. Use more ticks.",
    ),
    "required option": (
        with_module("gone", {"kind": "none"}),
        "agent.modules.gone: option 'like' is missing (the module that is missing: its kind and options).",
    ),
    "mistake inside like": (
        with_option("retina", kind="none", like={"kind": "retina_conf"}),
        (
            "agent.modules.retina.like.kind: no kind 'retina_conf'. Did you mean 'retina_conv'? "
            "'scrubjay modules' lists them all."
        ),
    ),
    "heads": (
        with_module("join", {**FUSION, "heads": 3}),
        "agent.modules.join: features (64) must be a multiple of heads (3).",
    ),
    "patch": (
        with_option("retina", kind="retina_transformer", patch=5),
        "agent.modules.retina: patch (5) must divide the number of rays (32).",
    ),
    "kernel": (
        with_option("retina", kernel=30),
        "agent.modules.retina: the image has 32 rays, too few for kernel 30 and stride 2.",
    ),
    # Wires
    "wire syntax": (
        with_wire("v1.rate => motor.drive"),
        (
            "wire 'v1.rate => motor.drive' cannot be read. "
            "Write 'module.port -> module.port', or add '@ delay=1' at its end."
        ),
    ),
    "wire delay": (
        with_wire("v1.rate -> v1.current @ delay=soon"),
        (
            "wire 'v1.rate -> v1.current @ delay=soon' cannot be read. "
            "Write 'module.port -> module.port', or add '@ delay=1' at its end."
        ),
    ),
    "wire not text": (
        with_wire({"v1.rate": "motor.drive"}),
        (
            "wire {'v1.rate': 'motor.drive'} cannot be read. "
            "Write 'module.port -> module.port', or add '@ delay=1' at its end."
        ),
    ),
    "wire twice": (
        with_wire("retina.code  ->  v1.current"),
        "wire 'retina.code -> v1.current' stands there twice. Remove one.",
    ),
    "source module": (
        with_wire("retna.code -> motor.drive"),
        "wire 'retna.code -> motor.drive': no module 'retna'. Did you mean 'retina'?",
    ),
    "target module": (
        with_wire("retina.code -> moter.drive"),
        "wire 'retina.code -> moter.drive': no module 'moter'. Did you mean 'motor'?",
    ),
    "module of no likeness": (
        with_wire("hippocampus.recall -> motor.drive"),
        (
            "wire 'hippocampus.recall -> motor.drive': no module 'hippocampus'. "
            "Choose from: body, motor, retina, soma, v1."
        ),
    ),
    "output port": (
        with_wire("retina.core -> motor.drive"),
        "wire 'retina.core -> motor.drive': 'retina' has no output 'core'. Did you mean 'code'?",
    ),
    "input port": (
        with_wire("retina.code -> motor.drives"),
        "wire 'retina.code -> motor.drives': 'motor' has no input 'drives'. Did you mean 'drive'?",
    ),
    "sense": (
        with_wire("body.tuoch -> soma.senses"),
        "wire 'body.tuoch -> soma.senses': no sense 'tuoch'. Did you mean 'touch'?",
    ),
    "the body takes an action only": (
        with_wire("motor.action -> body.actoin"),
        "wire 'motor.action -> body.actoin': 'body' has no input 'actoin'. Did you mean 'action'?",
    ),
    "unwired input": (
        with_wire(without="retina.code -> v1.current"),
        "nothing is wired into 'v1.current', which it needs. Add a wire '... -> v1.current'.",
    ),
    "nothing moves the body": (
        with_wire(without="motor.action -> body.action"),
        "nothing moves the body. Add a wire such as 'motor.action -> body.action'.",
    ),
    "two move the body": (
        with_wire("body.action -> body.action"),
        (
            "'body.action' takes one wire, but 'motor.action' and 'body.action' both write to it. "
            "Remove one, or join them in a fusion module."
        ),
    ),
    "two writers": (
        with_wire("body.proprio -> motor.previous"),
        (
            "'motor.previous' takes one wire, but 'body.action' and 'body.proprio' both write to it. "
            "Remove one, or join them in a fusion module."
        ),
    ),
    "delayed action": (
        with_wire("motor.action -> body.action @ delay=1", without="motor.action -> body.action"),
        (
            "wire 'motor.action -> body.action @ delay=1': the action cannot be delayed. "
            "Delay what goes into 'motor' instead."
        ),
    ),
    "loop": (
        with_wire("v1.rate -> soma.senses", "soma.code -> v1.current"),
        'these wires form a loop with no delay: soma -> v1 -> soma. Give one of them "@ delay=1".',
    ),
    "loop onto itself": (
        with_wire("v1.rate -> v1.current"),
        'these wires form a loop with no delay: v1 -> v1. Give one of them "@ delay=1".',
    ),
    # Shapes
    "rank": (
        with_wire("body.retina -> soma.senses"),
        (
            "wire 'body.retina -> soma.senses': 'soma.senses' takes an array of 1 axis, but 'body.retina' sends "
            "image[2, 32, 4]. Put a module between them that turns it."
        ),
    ),
    "dtype": (
        with_module(
            "memory",
            {"kind": "episodic_memory"},
            "soma.code -> memory.key",
            "soma.code -> memory.value",
            "memory.recalled -> motor.drive",
        ),
        (
            "wire 'memory.recalled -> motor.drive': 'motor.drive' takes float32, but 'memory.recalled' sends int32. "
            "Wire another port."
        ),
    ),
    "size of the action": (
        with_wire("soma.code -> body.action", without="motor.action -> body.action"),
        (
            "wire 'soma.code -> body.action': the body takes an action of shape [3] and float32, but 'soma.code' sends "
            "[32] and float32. Wire a module's action of that size."
        ),
    ),
    "a loop that nothing gives a shape": (
        with_module(
            "memory",
            {"kind": "episodic_memory"},
            "soma.code -> memory.key",
            "memory.recall -> memory.value @ delay=1",
        ),
        (
            "wire 'memory.recall -> memory.value @ delay=1': the shape of 'memory.recall' depends on itself. "
            "Wire something of a known shape into the loop."
        ),
    ),
    "a loop that grows": (
        with_module(
            "memory",
            {"kind": "episodic_memory"},
            "soma.code -> memory.key",
            "soma.code -> memory.value",
            "memory.recall -> memory.value @ delay=1",
        ),
        "agent.modules.memory: its outputs grow on every turn of a loop. Put a module of a fixed size into the loop.",
    ),
}
"""By what is wrong: a brain, and the whole message."""
