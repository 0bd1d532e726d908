"""How the arguments of a subcommand are read: options may stand between arguments that may be left out."""

from __future__ import annotations

import argparse
from typing import Any


class MixedArguments(argparse.ArgumentParser):
    """`predict churn --offline new.csv` is `predict churn new.csv --offline`; examples keep their lines."""

    _is_mixing = False

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"formatter_class": argparse.RawDescriptionHelpFormatter, **settings})

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        # The way that takes them goes by this one itself.
        if self._is_mixing:
            return super().parse_known_args(args, namespace)
        self._is_mixing = True
        return self.parse_known_intermixed_args(args, namespace)
