"""Doubles for tests: a virtual clock, a simulated world of files around the machine, a recorder of events."""

from doubles.clock import VirtualClock
from doubles.contents import Config, Content
from doubles.driver import VirtualDriver
from doubles.loader import Pace
from doubles.recorder import Recorder
from doubles.world import World

__all__ = ["Config", "Content", "Pace", "Recorder", "VirtualClock", "VirtualDriver", "World"]
