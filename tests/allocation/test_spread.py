"""Rules over cells: what moves where, in order, and that nothing is lost on the way."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest
from allocation.places import cell
from hypothesis import given, settings
from hypothesis import strategies as st
from otel_costattr_collector.allocation.rules import read_rules
from otel_costattr_collector.allocation.shifts import Booked, Cell, lines_of
from otel_costattr_collector.allocation.spread import Step, spread
from otel_costattr_collector.ledger import as_mapping

from otel_costattr.errors import BadInput

ZERO = Decimal(0)
BOOKED = Booked(identity=("test",), cause="allocate:test")
CHAIN = """
[[rule]]
name = "gpu to teams"
pool = "gpu"
target = "team"
weights = { search = 3, chat = 1 }

[[rule]]
name = "search to tenants"
where = ["team=search"]
target = "tenant"
weights = { acme = 1, globex = 2 }
"""


def _totals(cells: list[Cell], dimension: str) -> dict[str, Decimal]:
    found: Counter[str] = Counter()
    for one in cells:
        found[one.at(dimension)] += one.amount_usd  # type: ignore[assignment]
    return {value: Decimal(amount) for value, amount in found.items() if amount}


def _moves(steps: tuple[Step, ...]) -> list[Cell]:
    """What the ledger lines of the steps say."""
    cells = []
    for step in steps:
        for moved in step.shifts:
            for line in lines_of(moved, BOOKED):
                columns = as_mapping(line)
                tags = columns["tags"]
                assert isinstance(tags, dict)
                keys = {name: str(columns[name]) for name in moved.source.values}
                usd, listed = columns["amount_usd"], columns["list_usd"]
                assert isinstance(usd, Decimal)
                assert isinstance(listed, Decimal)
                cells.append(
                    Cell(
                        event_ns=moved.source.event_ns,
                        values=keys,
                        tags=tags,
                        amount_usd=usd,
                        list_usd=listed,
                    )
                )
    return cells


def test_what_one_rule_moves_the_next_moves_on() -> None:
    """12 USD of GPU: 9 to search and 3 to chat; then the 9 with search's own 3 to tenants."""
    cells = [cell("12", cost_pool="gpu"), cell("3", team="search", tenant="initech")]
    steps = spread(cells, read_rules(CHAIN).rules, {})

    after = [*cells, *_moves(steps)]

    # gpu: 12 x 3/4 = 9 to search; 9 + 3 = 12 of search: a third to acme, two thirds to globex.
    assert _totals(after, "team") == {"search": Decimal(12), "chat": Decimal(3)}
    assert _totals(after, "tenant") == {"acme": Decimal(4), "globex": Decimal(8), "": Decimal(3)}


def test_a_cell_keeps_its_own_share() -> None:
    """Of acme's 8 USD by equal weights 4 stay with acme; only 4 are booked as moved."""
    rule = '[[rule]]\nwhere=["tenant=acme"]\ntarget="tenant"\nweights={acme=1, globex=1}\n'
    steps = spread([cell("8", tenant="acme")], read_rules(rule).rules, {})

    assert sorted(one.amount_usd for one in _moves(steps)) == [Decimal(-4), Decimal(4)]
    assert steps[0].shifts[0].left.amount_usd == 4


@pytest.mark.parametrize(
    ("otherwise", "after"),
    [("", {"": Decimal(5)}), ('otherwise = "idle"', {"idle": Decimal(5)})],
)
def test_without_weights_it_stays_or_goes_to_who_is_named(
    otherwise: str, after: dict[str, Decimal]
) -> None:
    """Nobody used it: the cost stays, visibly, or `otherwise` takes it."""
    rules = read_rules(f'[[rule]]\npool="gpu"\ntarget="tenant"\nbasis="calls"\n{otherwise}\n')
    cells = [cell("5", cost_pool="gpu")]
    steps = spread(cells, rules.rules, {})

    assert _totals([*cells, *_moves(steps)], "tenant") == after
    assert [one.amount_usd for one in steps[0].left] == ([] if otherwise else [Decimal(5)])


def test_a_tag_of_several_values_is_split_by_a_rule() -> None:
    """Labels `x, y` share 3 USD evenly, into a tag with one value each."""
    rules = read_rules(
        '[[rule]]\nwhere=["tags.labels!="]\ntarget="tags.label"\nbasis="listed"\n'
        'list="tags.labels"\n'
    )
    cells = [cell("3", tags_labels="x, y"), cell("1", tags_labels="y"), cell("7")]
    after = [*cells, *_moves(spread(cells, rules.rules, {}))]

    assert _totals(after, "tags.label") == {
        "x": Decimal("1.5"),
        "y": Decimal("2.5"),
        "": Decimal(7),
    }


DIMENSIONS = ("tenant", "feature", "team", "plan")
VALUES = st.sampled_from(["", "a", "b", "c"])
CELLS = st.lists(
    st.builds(
        cell,
        st.decimals(-(10**6), 10**6, places=12),
        listed=st.decimals(-(10**6), 10**6, places=12),
        **dict.fromkeys(DIMENSIONS, VALUES),
        cost_pool=st.sampled_from(["", "gpu"]),
        tags_labels=st.sampled_from(["x", "x,y"]),
    ),
    min_size=1,
    max_size=8,
)
TARGETS = st.sampled_from((*DIMENSIONS, "tags.label"))
SOURCES = st.sampled_from(['pool="gpu"', 'where=["plan=a"]', 'where=["tenant=", "team!=b"]'])


@st.composite
def rule_files(draw: st.DrawFn) -> str:
    """Write a file of one to four rules, in any order."""
    rules = []
    for number in range(draw(st.integers(1, 4))):
        weights = draw(st.dictionaries(st.sampled_from("abcd"), st.integers(1, 9), min_size=1))
        table = ", ".join(f"{name} = {weight}" for name, weight in weights.items())
        rules.append(
            f'[[rule]]\nname="r{number}"\n{draw(SOURCES)}\ntarget="{draw(TARGETS)}"\n'
            f"weights={{ {table} }}\n"
        )
    return "".join(rules)


@settings(deadline=None)
@given(CELLS, rule_files())
def test_every_sum_is_the_same_before_and_after(cells: list[Cell], rules: str) -> None:
    """Whatever the rules and their order: the lines sum to zero, for every other dimension too."""
    steps = spread(cells, read_rules(rules).rules, {})
    moves = _moves(steps)
    targets = {step.rule.target for step in steps}

    assert sum((one.amount_usd for one in moves), ZERO) == 0
    assert sum((one.list_usd for one in moves), ZERO) == 0
    for dimension in {*DIMENSIONS, "cost_pool", "tags.labels"} - targets:
        assert _totals(moves, dimension) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[rule", "cannot be read as TOML"),
        ("", "there is no"),
        ('name="a b"\n[[rule]]', "name: use"),
        ('grain="hour"', "grain = 'hour'"),
        ("colour=1", "the file says colour"),
        ("rule=[1]", "rule 1 is no table"),
        ('[[rule]]\nname="a:b"', "rule 1: name"),
        ('[[rule]]\ntarget="tenant"', "say what it moves"),
        ('[[rule]]\npool="p"\ntarget="tenant"', "basis = None"),
        ('[[rule]]\npool="p"\ntarget="entry"\nbasis="calls"', "'entry' cannot be allocated"),
        ('[[rule]]\npool="p"\ntarget="colour"\nbasis="calls"', "unknown dimension"),
        ('[[rule]]\npool="p"\ntarget="tenant"\nbasis="weights"', "go together"),
        ('[[rule]]\npool="p"\ntarget="tenant"\nbasis="listed"', "go together"),
        ('[[rule]]\npool="p"\ntarget="tenant"\nvalue="x"\nweights={a=1}', "not both"),
        ('[[rule]]\npool="p"\ntarget="tenant"\nweights=3', "use a table"),
        ('[[rule]]\npool="p"\ntarget="tenant"\nweights={a="1"}', "use a number"),
        ('[[rule]]\npool="p"\ntarget="tenant"\nweights={a=-1}', "from 0 to 1e18"),
        ('[[rule]]\npool=3\ntarget="tenant"\nbasis="even"', "pool: use a text"),
        ('[[rule]]\nwhere="x"\ntarget="tenant"\nbasis="even"', "where: use a list"),
        ('[[rule]]\npool="p"\nby="x"\ntarget="tenant"\nbasis="even"', "it says by"),
        (
            'unite=["tenant"]\n[[rule]]\npool="p"\ntarget="tenant"\nbasis="even"',
            "needs tenant: do not unite it",
        ),
        (
            2 * '[[rule]]\nname="a"\npool="p"\ntarget="tenant"\nbasis="even"\n',
            "same name",
        ),
    ],
)
def test_a_file_that_is_not_understood_is_refused(text: str, message: str) -> None:
    """The message says what is wrong, and where."""
    with pytest.raises(BadInput, match=r"^rules\.toml: ") as refusal:
        read_rules(text, source="rules.toml")

    assert message in str(refusal.value)
