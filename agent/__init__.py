"""The brain: modules, wires, and the circuit they make. Knows nothing of MuJoCo, of training, or of files."""

from agent.build import build
from agent.circuit import Circuit
from agent.config import option
from agent.errors import ConfigError, WiringError
from agent.module import Module
from agent.ports import Input, Port, Ports
from agent.registry import kinds, register

__all__ = [
    "Circuit",
    "ConfigError",
    "Input",
    "Module",
    "Port",
    "Ports",
    "WiringError",
    "build",
    "kinds",
    "option",
    "register",
]
