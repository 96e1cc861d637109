-- One row per record: first-course radiation, of whatever site.
--
-- NCDB to the 2016 release has a summary item (1-5 yes, 0 no, 9 unknown). Later releases: reason 0 or a phase-I
-- modality 01-16 is yes; reason 1, 2, 5, 6, 7 with modality 00 or blank is no; else unknown. SEER: yes, or
-- no_or_unknown, refusals included, because its None/Unknown cannot be told apart.
-- NAACCR: the summary item where it is filled (7 refused, 8 planned), else the phases of 2018 on. A blank summary says
-- nothing there, because newer records leave it empty.
-- radiation_conflict: the items contradict each other. A quality finding.
-- (NCDB PUF dictionary; NAACCR items 1360, 1430, 1506; SEER*Stat radiation recode.)
with read as (
    select
        * replace (
            case when source = 'naaccr' then nullif(radiation_summary, 'blank') else radiation_summary end
                as radiation_summary
        )
    from staged
),

compared as (
    select
        *,
        radiation_reason_no = 'performed' as reason_says_yes,
        radiation_reason_no in ('not_planned', 'contraindicated', 'died', 'recommended_not_done', 'refused')
            as reason_says_no,
        case
            when radiation_summary is not null then radiation_summary = 'given'
            else radiation_modality = 'given'
        end as item_says_yes,
        case
            when radiation_summary is not null then radiation_summary = 'none'
            else radiation_modality = 'none'
        end as item_says_no
    from read
)

select
    source_file,
    source_record,
    case
        when radiation_summary = 'given' then 'yes'
        when radiation_summary = 'not_released' then 'not_released'
        when source = 'seer' and radiation_summary in ('blank', 'unmapped', 'unknown') then 'unknown'
        when source = 'seer' and radiation_summary is not null then 'no_or_unknown'
        when radiation_summary = 'none_or_unknown' then 'no_or_unknown'
        when radiation_summary in ('none', 'contraindicated', 'died', 'recommended_not_given', 'refused') then 'no'
        when radiation_summary is not null then 'unknown'
        when radiation_reason_no is null and radiation_modality is null then 'not_released'
        when reason_says_yes or radiation_modality = 'given' then 'yes'
        when reason_says_no and coalesce(radiation_modality, 'blank') in ('none', 'blank') then 'no'
        else 'unknown'
    end as radiation,
    case
        when radiation_volume is null then 'not_released'
        when radiation_volume in ('blank', 'unmapped') then 'unknown'
        else radiation_volume
    end as radiation_volume,
    case
        when radiation_surgery_sequence is null then 'not_released'
        when radiation_surgery_sequence in ('blank', 'unmapped') then 'unknown'
        else radiation_surgery_sequence
    end as radiation_surgery_sequence,
    days_to_radiation,
    case
        when radiation_reason_no is not null and coalesce(radiation_summary, radiation_modality) is not null
            then coalesce(reason_says_yes and item_says_no, false) or coalesce(reason_says_no and item_says_yes, false)
    end as radiation_conflict
from compared
