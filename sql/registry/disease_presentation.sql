-- One row per record: how metastasis came, and the clock that starts at it.
--
-- de_novo: metastatic at the diagnosis of this primary.
-- metachronous: stage 0-III, then a first recurrence that is distant (type 40, 51-60, 62) with its date.
-- distant_after_in_situ (type 46) is its own value, and no cohort takes it unless it says so.
-- The item holds the first recurrence and is not updated: a locoregional first recurrence (04-36) is
-- undetermined_after_locoregional, not "no metastasis". Never disease-free (70) in stage 0-III is persistent disease:
-- undetermined, as are blank, 88, 99, a distant recurrence without its date, and a stage that nobody knows.
-- 00 says no recurrence up to the last contact: in a NAACCR record without follow-up it says nothing: undetermined.
-- SEER and the NCDB PUF do not release recurrence: outside stage IV they are not_released. So is a NAACCR submission that
-- leaves the item empty in every record: the item is in the layout, and this registry does not fill it.
-- Dates in whole months put an interval up to a month below zero: that is zero. A recurrence dated earlier than that is
-- not a recurrence of this primary: undetermined.
-- The clock: survival and entry counted from the first distant metastasis, entry never before it (left truncation).
-- (NAACCR items 1860, 1880.)
with filled_items as (
    select coalesce(bool_or(source <> 'naaccr' or recurrence_type <> 'blank'), true) as fills_recurrence
    from staged
),

presented as (
    select
        staged.*,
        fills_recurrence,
        case
            when metastatic_at_diagnosis then 'de_novo'
            when recurrence_type is null or not fills_recurrence then 'not_released'
            when metastatic_at_diagnosis is null then 'undetermined'
            when recurrence_type = 'none' and source = 'naaccr' and survival_months is null then 'undetermined'
            when recurrence_type = 'none' then 'not_metastatic'
            when recurrence_type = 'locoregional' then 'undetermined_after_locoregional'
            when recurrence_type = 'distant' and months_to_distant_recurrence >= -1 then 'metachronous'
            when recurrence_type = 'distant_after_in_situ' and months_to_distant_recurrence >= -1
                then 'distant_after_in_situ'
            else 'undetermined'
        end as disease_presentation
    from staged
    inner join stage using (source_file, source_record)
    cross join filled_items
),

timed as (
    select
        *,
        case
            when disease_presentation = 'de_novo' then 0.0
            when disease_presentation in ('metachronous', 'distant_after_in_situ')
                then greatest(months_to_distant_recurrence, 0.0)
        end as months_to_metastasis
    from presented
)

select
    source_file,
    source_record,
    disease_presentation,
    case
        when disease_presentation in ('metachronous', 'distant_after_in_situ') then months_to_metastasis
    end as disease_free_interval_months,
    months_to_metastasis,
    case
        when recurrence_type is null or not fills_recurrence then 'not_released'
        when recurrence_type in ('blank', 'unmapped') then 'unknown'
        else recurrence_type
    end as recurrence_type,
    months_to_first_recurrence,
    case
        when not fills_recurrence then 'not_released'
        when recurrence_date_status is not null then recurrence_date_status
        when months_to_first_recurrence is not null then 'recorded'
        else 'not_released'
    end as recurrence_date_status
from timed
