"""Macros for dates that registries write as text: intervals leave staging, dates never do.

A NAACCR date is ``YYYY``, ``YYYYMM`` or ``YYYYMMDD``; older writers put 99 for an unknown part. A day is never
guessed: days exist between complete dates only, and months between dates that both have their month.
"""

DAYS_IN_MONTH = 30.4375
"""365.25 / 12."""

DATE_MACROS = (
    # The digits that are known: 2015, 201506 or 20150617; '' where there is no date in the text.
    r"""create or replace macro date_digits(text_value) as
            regexp_extract(
                trim(text_value),
                '^((?:18|19|20)\d\d(?:(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])?)?)(?:99)*$',
                1
            )""",
    # A day that the calendar does not have is no date.
    """create or replace macro date_of(text_value) as
           case
               when length(date_digits(text_value)) = 8 then try_strptime(date_digits(text_value), '%Y%m%d')::date
           end""",
    """create or replace macro month_of(text_value) as
           case
               when length(date_digits(text_value)) = 6 or date_of(text_value) is not null
                   then 12 * left(date_digits(text_value), 4)::integer
                       + substr(date_digits(text_value), 5, 2)::integer
           end""",
    "create or replace macro year_of(text_value) as try_cast(left(date_digits(text_value), 4) as integer)",
    # Days only between two complete dates; days_apart is negative where the second is the earlier one, and then there
    # are no days between: a treatment before the diagnosis is a wrong date, and not an early treatment.
    """create or replace macro days_apart(from_text, to_text) as
           date_diff('day', date_of(from_text), date_of(to_text))::integer""",
    """create or replace macro days_between(from_text, to_text) as
           case when days_apart(from_text, to_text) >= 0 then days_apart(from_text, to_text) end""",
    # NAACCR date flags to version 22: 11 nothing to date; 10, 12 and 15 a date that nobody knows or that is to come.
    """create or replace macro days_between_status(from_text, to_text, flag_text) as
           case
               when to_text is null then null
               when days_between(from_text, to_text) is not null then 'recorded'
               when days_apart(from_text, to_text) < 0 then 'unknown'
               when trim(to_text) = '' and trim(flag_text) = '11' then 'not_applicable'
               when trim(to_text) = '' and trim(flag_text) in ('10', '12', '15') then 'unknown'
               when trim(to_text) = '' then 'blank'
               when date_digits(to_text) <> '' and (date_of(to_text) is not null or length(date_digits(to_text)) < 8)
                   then 'partial_date'
               else 'unknown'
           end""",
    # Exact where both dates are complete (to a millionth of a month, so that a difference of two of them is zero where
    # they are equal); whole calendar months where a day is missing.
    f"""create or replace macro months_apart(from_text, to_text) as
            coalesce(
                round(days_apart(from_text, to_text) / {DAYS_IN_MONTH}, 6),
                (month_of(to_text) - month_of(from_text))::double
            )""",
    """create or replace macro months_between(from_text, to_text) as
           case when months_apart(from_text, to_text) >= 0 then months_apart(from_text, to_text)::double end""",
    """create or replace macro months_between_status(from_text, to_text) as
           case
               when to_text is null then null
               when trim(to_text) = '' then 'blank'
               when months_apart(from_text, to_text) < 0 then 'negative_interval'
               when days_between(from_text, to_text) is not null then 'recorded'
               when months_apart(from_text, to_text) is not null then 'month_precision'
               when length(date_digits(from_text)) = 4 and date_digits(to_text) <> '' then 'partial_date'
               when length(date_digits(to_text)) = 4 and date_digits(from_text) <> '' then 'partial_date'
               else 'unknown'
           end""",
)
