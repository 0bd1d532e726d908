"""The subcommands that keep servers running: up, down, ps. What they need is imported when used."""

from __future__ import annotations

import argparse

from tasks.command.subcommand import JSON, Subcommand, argument


def up(options: argparse.Namespace) -> int:
    """`modelwright up`."""
    from tasks.command.up import up

    return up(options)


def down(options: argparse.Namespace) -> int:
    """`modelwright down`."""
    from tasks.command.up import down

    return down(options)


def ps(options: argparse.Namespace) -> int:
    """`modelwright ps`."""
    from tasks.command.up import ps

    return ps(options)


COMMANDS = {
    "up": Subcommand(
        run=up,
        help="run Prefect's and MLflow's servers and what is scheduled",
        detail=", and start again what dies",
        arguments=(
            argument("--detach", action="store_true", help="leave them behind, once all are ready"),
            argument(
                "--host",
                default="127.0.0.1",
                metavar="ADDRESS",
                help="let others than this machine in, with a password that is made at first use (127.0.0.1: nobody)",
            ),
        ),
        examples=("modelwright up", "modelwright up --detach --host 0.0.0.0"),
    ),
    "down": Subcommand(
        run=down, help="stop what `modelwright up` has started, and what is left of it", examples=("modelwright down",)
    ),
    "ps": Subcommand(
        run=ps,
        help="show what is up: state, process, memory and address of each",
        arguments=(JSON,),
        examples=("modelwright ps",),
    ),
}
