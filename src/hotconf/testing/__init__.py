"""Doubles for tests: a virtual clock, a simulated world of files around the machine, a recorder of events."""

from hotconf.testing.clock import VirtualClock
from hotconf.testing.contents import Config, Content
from hotconf.testing.driver import VirtualDriver
from hotconf.testing.loader import Pace
from hotconf.testing.recorder import Recorder
from hotconf.testing.world import World

__all__ = ["Config", "Content", "Pace", "Recorder", "VirtualClock", "VirtualDriver", "World"]
