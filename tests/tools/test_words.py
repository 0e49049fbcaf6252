"""Options of several words on the command line."""

from typing import Annotated

import pytest
import typer
from dialtone.words import Grammar, WordsCommand, expand
from hypothesis import given
from hypothesis import strategies as st

GRAMMAR = Grammar(frozenset({"--to"}), frozenset({"-o", "--output", "--repair"}), 1)


@pytest.mark.parametrize(
    ("line", "expanded"),
    [
        ("photo.png --to ann bob -o x.wav", "photo.png --to ann --to bob -o x.wav"),
        ("--to ann photo.png -o x.wav", "--to ann photo.png -o x.wav"),
        ("--to ann bob photo.png -o x.wav", "--to ann --to bob photo.png -o x.wav"),
        ("-o x.wav --to ann bob photo.png", "-o x.wav --to ann --to bob photo.png"),
        ("--to ann bob -- photo.png", "--to ann --to bob -- photo.png"),
        ("--to ann bob -- -o", "--to ann --to bob -- -o"),
        ("--to ann --sign bob --to carl photo.png", "--to ann --sign bob --to carl --to photo.png"),
        ("--to ann --to bob photo.png", "--to ann --to bob photo.png"),
        ("--to ann bob --to carl", "--to ann bob --to carl"),
        ("--to=ann photo.png", "--to=ann photo.png"),
        ("-o --to photo.png --to ann", "-o --to photo.png --to ann"),
        ("-ox.wav --to ann -", "-ox.wav --to ann -"),
        ("- --to ann bob --json", "- --to ann --to bob --json"),
        ("-vo x.wav --to ann p.png", "-vo x.wav --to ann p.png"),
        ("--repair 20 --to ann p.png", "--repair 20 --to ann p.png"),
        ("--repair=20 --to ann p.png", "--repair=20 --to ann p.png"),
        ("--to photo.png", "--to photo.png"),
        ("photo.png --to", "photo.png --to"),
        ("photo.png --to --sign", "photo.png --to --sign"),
        ("", ""),
    ],
)
def test_words_find_their_option(line, expanded):
    assert expand(line.split(), GRAMMAR) == expanded.split()


WORDS = ("ann", "bob", "x.wav", "-", "--", "--to", "-o", "-ox", "--json", "--to=a", "-v")


@given(st.lists(st.sampled_from(WORDS)))
def test_no_word_is_lost_and_their_order_stays(words):
    expanded = expand(words, GRAMMAR)
    assert [w for w in expanded if w != "--to"] == [w for w in words if w != "--to"]
    assert expand(expanded, GRAMMAR).count("--to") >= expanded.count("--to")


def command(seen: dict[str, object]) -> typer.Typer:
    app = typer.Typer(add_completion=False)

    @app.command(cls=WordsCommand)
    def send(
        file: Annotated[str, typer.Argument()],
        to: Annotated[list[str] | None, typer.Option("--to")] = None,
        output: Annotated[str, typer.Option("-o", "--output")] = "",
        sign: Annotated[bool, typer.Option("--sign")] = False,
        loud: Annotated[bool, typer.Option("-v")] = False,
    ) -> None:
        seen.update(file=file, to=list(to or ()), output=output, sign=sign, loud=loud)

    return app


@pytest.mark.parametrize(
    ("line", "to", "sign"),
    [
        ("p.png --to ann bob --sign -o x.wav", ["ann", "bob"], True),
        ("--to ann p.png -o x.wav", ["ann"], False),
        ("--sign --to ann bob -o x.wav p.png", ["ann", "bob"], True),
        ("--to ann --to bob p.png -o x.wav", ["ann", "bob"], False),
        ("-vo x.wav --to ann p.png", ["ann"], False),
    ],
)
def test_a_command_knows_its_own_options(line, to, sign):
    seen: dict[str, object] = {}
    command(seen)(args=line.split(), standalone_mode=False)
    assert seen == {
        "file": "p.png", "to": to, "output": "x.wav", "sign": sign, "loud": "-v" in line,
    }  # fmt: skip


@pytest.mark.parametrize("line", ["--to p.png", "p.png --to", "--to ann -o x.wav"])
def test_what_is_missing_is_missed(line, capsys):
    with pytest.raises(SystemExit) as left:
        command({})(args=line.split())
    assert left.value.code == 2
