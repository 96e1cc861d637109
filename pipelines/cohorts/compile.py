"""A cohort definition becomes one SQL query, and its judged rows become attrition lines."""

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from pipelines.cohorts.definition import KEYS, Arms, CohortDefinition, Rule

UNKNOWN_ARM = "arm_unknown"
LEFT_OUT = "Left out: "


@dataclass(frozen=True)
class Step:
    """One line of the flow diagram: the number that the query gives it, and its words."""

    number: int
    rule_id: str
    rule: str
    reference: str


def steps_of(definition: CohortDefinition) -> list[Step]:
    """Every step in order: rules, index tumor, rules on the index tumor, known arm."""
    lines = [(rule.id, words_of(rule), rule.reference) for rule in definition.rules_before_index]
    index = definition.index_tumor
    lines.append(("index_tumor", index.words, index.reference))
    lines += [(rule.id, words_of(rule), rule.reference) for rule in definition.rules_after_index]
    lines.append(("arm_known", definition.arms.reference_words, definition.arms.words))
    return [Step(number, *line) for number, line in enumerate(lines, start=1)]


def words_of(rule: Rule) -> str:
    """The rule in words, marked where it takes people out."""
    return rule.words if rule.kind == "include" else f"{LEFT_OUT}{rule.words}"


def compile_query(definition: CohortDefinition) -> str:
    """One ``select`` over the relation ``tumor``.

    Its rows are all tumors of the submission, ordered by source file and record, with ``arm_role``
    (exposed, arm_2 …, reference, arm_unknown), ``left_at_step`` (null for members), ``left_because``
    (``not_met``, ``unknown``, null for members) and a column for each rule (true: stays by this rule).
    """
    after = definition.rules_after_index
    index_step = len(definition.rules_before_index) + 1
    numbered = definition.numbered_rules
    keys = {f"order_{n:02d}": key for n, key in enumerate(definition.index_tumor.sort_keys, start=1)}
    order = [f"{name} {'desc' if key.descending else 'asc'} nulls last" for name, key in keys.items()]
    judged = [
        *KEYS,
        *(f"{key.expression} as {name}" for name, key in keys.items()),
        f"{arm_role(definition.arms)} as arm_role",
        *(f"{outcome(rule)} as step_{number:02d}" for number, rule in numbered),
    ]
    rules = [f"step_{number:02d} as {rule.id}" for number, rule in numbered]
    return f"""-- {definition.name}: {definition.title}
-- Grain: one row per tumor of the submission, with the first step that left it out.
with judged as (
    select
{listed(judged, 8)}
    from tumor
),

eligible as (
    select
        *,
        {first_failing([number for number, _ in numbered if number < index_step])}
            as left_before_index
    from judged
),

ranked as (
    select
        *,
        row_number() over (
            partition by coalesce(patient_id, tumor_id), left_before_index is null
            order by
{listed([*order, "source_record", "source_file"], 16)}
        ) as tumor_rank
    from eligible
),

left_out as (
    select
        *,
        case
            when left_before_index is not null then left_before_index
            when tumor_rank > 1 then {index_step}
{later_steps(after, index_step)}
            when arm_role = '{UNKNOWN_ARM}' then {index_step + len(after) + 1}
        end as left_at_step
    from ranked
)

select
{listed([*KEYS, "arm_role", "left_at_step"], 4)},
    case left_at_step
{reasons(definition)}
    end as left_because,
{listed(rules, 4)}
from left_out
order by
    source_file,
    source_record
"""


def listed(lines: Iterable[str], indent: int) -> str:
    """Expressions of a query, one a line."""
    return ",\n".join(f"{' ' * indent}{line}" for line in lines)


def arm_role(arms: Arms) -> str:
    """SQL for the arm that a tumor is in."""
    cases = "\n".join(f"            when ({arm.when}) then '{role}'" for role, arm in arms.by_role.items())
    return f"case\n{cases}\n            else '{UNKNOWN_ARM}'\n        end"


def outcome(rule: Rule) -> str:
    """SQL that is true where the tumor stays, false where it goes, null where nobody can tell."""
    sql = f"({rule.condition})" if rule.kind == "include" else f"(not ({rule.condition}))"
    return f"cast({sql} as boolean)"


def first_failing(numbers: list[int]) -> str:
    """SQL for the number of the first step whose outcome is not true."""
    cases = "\n".join(f"            when step_{number:02d} is not true then {number}" for number in numbers)
    return f"case\n{cases}\n        end"


def later_steps(after: tuple[Rule, ...], index_step: int) -> str:
    """Cases of the rules that are judged on the index tumor."""
    return "\n".join(
        f"            when step_{number:02d} is not true then {number}"
        for number in range(index_step + 1, index_step + 1 + len(after))
    )


def reasons(definition: CohortDefinition) -> str:
    """Cases that tell a rule not met from a rule whose outcome is unknown."""
    cases = [
        f"        when {number} then if(step_{number:02d} is null, 'unknown', 'not_met')"
        for number, _ in definition.numbered_rules
    ]
    steps = steps_of(definition)
    index_step = len(definition.rules_before_index) + 1
    cases.insert(index_step - 1, f"        when {index_step} then 'not_met'")
    cases.append(f"        when {steps[-1].number} then 'unknown'")
    return "\n".join(cases)


def attrition(judged: pl.DataFrame, definition: CohortDefinition) -> pl.DataFrame:
    """Attrition lines from the rows of the compiled query.

    Parameters
    ----------
    judged : pl.DataFrame
        Columns ``arm_role``, ``left_at_step``, ``left_because`` of :func:`compile_query`.
    definition : CohortDefinition
        Its words.

    Returns
    -------
    pl.DataFrame
        One row per step, the first being all tumors received: the columns of the interface, the
        excluded split in not met and unknown, and the counts of each arm (``n_before_<role>`` and so on,
        with the roles exposed, arm_2 …, reference, arm_unknown).
    """
    roles = (*definition.arms.by_role, UNKNOWN_ARM)
    counted = judged.group_by("arm_role", "left_at_step", "left_because").len()
    cells = {(role, step, because): n for role, step, because, n in counted.iter_rows()}
    remaining = {role: sum(n for key, n in cells.items() if key[0] == role) for role in roles}
    rows = [line(Step(0, "received", "Tumors in the submission", "registry/tumor"), remaining, {}, 0)]
    for step in steps_of(definition):
        gone = {
            role: cells.get((role, step.number, "not_met"), 0) + cells.get((role, step.number, "unknown"), 0)
            for role in roles
        }
        unknown = sum(cells.get((role, step.number, "unknown"), 0) for role in roles)
        rows.append(line(step, remaining, gone, unknown))
        remaining = {role: remaining[role] - gone[role] for role in roles}
    return pl.DataFrame(rows)


def line(step: Step, before: dict[str, int], gone: dict[str, int], unknown: int) -> dict[str, int | str]:
    """One attrition line; ``gone`` is empty for the first."""
    n_before, n_gone = sum(before.values()), sum(gone.values())
    row: dict[str, int | str] = {
        "step": step.number,
        "rule_id": step.rule_id,
        "rule": step.rule,
        "reference": step.reference,
        "n_before": n_before,
        "n_excluded": n_gone,
        "n_after": n_before - n_gone,
        "n_excluded_not_met": n_gone - unknown,
        "n_excluded_unknown": unknown,
    }
    for role, n_role in before.items():
        row[f"n_before_{role}"] = n_role
        row[f"n_excluded_{role}"] = gone.get(role, 0)
        row[f"n_after_{role}"] = n_role - gone.get(role, 0)
    return row
