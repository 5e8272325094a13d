"""pygeoapi's example process, unchanged but for two seconds before it: what is in work can then be seen."""

import time

from pygeoapi.process.hello_world import HelloWorldProcessor


class SlowGreeting(HelloWorldProcessor):
    def execute(self, *given, **named):
        time.sleep(2)
        return super().execute(*given, **named)
