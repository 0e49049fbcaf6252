"""Entry point of the `dialtone` program."""


def main() -> None:
    raise SystemExit("being written")
