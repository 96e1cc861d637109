-- One row per record: where it had spread at diagnosis.
--
-- Flags exist from 2010 (bone, brain, liver, lung) and from 2016 (distant nodes, other): before that, blank or no field
-- is not_collected, never no. 8 is not applicable, 9 unknown; other 2 is generalised disease.
-- metastatic_pattern, four organs, the same on all years from 2010: generalised or two organs is multiple; an unknown
-- organ without two yes is unknown; one organ is bone_only or visceral; no organ in a stage IV person is nodal_only
-- where CS mets 10 or the node flag says so, else unspecified. The six-organ definition begins in 2016.
-- any_visceral (brain, liver or lung) stands beside it: the HER2 study contrasts visceral with bone-only.
-- Lesion counts are recorded nowhere: n_organ_sites counts organs, bone_only_proxy is a proxy.
-- (NAACCR items 2851-2854, 1112-1117; CS Mets at DX.)
with flagged as (
    select
        staged.*,
        metastatic_at_diagnosis,
        case
            when year_of_diagnosis < 2010 and coalesce(mets_bone, 'blank') = 'blank' then 'not_collected'
            when mets_bone is null then 'not_released'
            when mets_bone in ('blank', 'unmapped') then 'unknown'
            else mets_bone
        end as mets_at_dx_bone,
        case
            when year_of_diagnosis < 2010 and coalesce(mets_brain, 'blank') = 'blank' then 'not_collected'
            when mets_brain is null then 'not_released'
            when mets_brain in ('blank', 'unmapped') then 'unknown'
            else mets_brain
        end as mets_at_dx_brain,
        case
            when year_of_diagnosis < 2010 and coalesce(mets_liver, 'blank') = 'blank' then 'not_collected'
            when mets_liver is null then 'not_released'
            when mets_liver in ('blank', 'unmapped') then 'unknown'
            else mets_liver
        end as mets_at_dx_liver,
        case
            when year_of_diagnosis < 2010 and coalesce(mets_lung, 'blank') = 'blank' then 'not_collected'
            when mets_lung is null then 'not_released'
            when mets_lung in ('blank', 'unmapped') then 'unknown'
            else mets_lung
        end as mets_at_dx_lung,
        case
            when year_of_diagnosis < 2016 and coalesce(mets_distant_ln, 'blank') = 'blank' then 'not_collected'
            when mets_distant_ln is null then 'not_released'
            when mets_distant_ln in ('blank', 'unmapped') then 'unknown'
            else mets_distant_ln
        end as mets_at_dx_distant_ln,
        case
            when year_of_diagnosis < 2016 and coalesce(mets_other, 'blank') = 'blank' then 'not_collected'
            when mets_other is null then 'not_released'
            when mets_other in ('blank', 'unmapped') then 'unknown'
            else mets_other
        end as mets_at_dx_other
    from staged
    inner join stage using (source_file, source_record)
),

counted as (
    select
        *,
        [mets_at_dx_bone, mets_at_dx_brain, mets_at_dx_liver, mets_at_dx_lung] as organs,
        [mets_at_dx_brain, mets_at_dx_liver, mets_at_dx_lung] as viscera,
        [
            mets_at_dx_bone,
            mets_at_dx_brain,
            mets_at_dx_liver,
            mets_at_dx_lung,
            mets_at_dx_distant_ln,
            mets_at_dx_other
        ] as six,
        len(list_filter(organs, lambda flag: flag = 'yes')) as n_yes,
        len(list_filter(organs, lambda flag: flag in ('yes', 'no'))) as n_known,
        len(list_filter(six, lambda flag: flag = 'yes')) as n_yes_six,
        len(list_filter(six, lambda flag: flag in ('yes', 'no'))) as n_known_six
    from flagged
),

patterned as (
    select
        *,
        case
            when mets_at_dx_other = 'generalized' then 'multiple'
            when n_yes >= 2 then 'multiple'
            when list_contains(organs, 'not_released') then 'not_released'
            when list_unique(organs) = 1 and organs[1] in ('not_collected', 'not_applicable') then organs[1]
            when n_known < 4 then 'unknown'
            when mets_at_dx_bone = 'yes' then 'bone_only'
            when n_yes = 1 then 'visceral'
            when metastatic_at_diagnosis is null then 'unknown'
            when not metastatic_at_diagnosis then 'none'
            when cs_mets_at_dx = 'distant_nodes' then 'nodal_only'
            when mets_at_dx_distant_ln = 'yes' and mets_at_dx_other <> 'yes' then 'nodal_only'
            else 'unspecified'
        end as metastatic_pattern
    from counted
)

select
    source_file,
    source_record,
    mets_at_dx_bone,
    mets_at_dx_brain,
    mets_at_dx_liver,
    mets_at_dx_lung,
    mets_at_dx_distant_ln,
    mets_at_dx_other,
    case when n_known = 4 then n_yes::integer end as n_organ_sites,
    case
        when list_contains(viscera, 'yes') then 'yes'
        when list_unique(viscera) = 1 then viscera[1]
        else 'unknown'
    end as any_visceral,
    metastatic_pattern,
    case
        when year_of_diagnosis < 2016 then 'not_collected'
        when mets_at_dx_other = 'generalized' then 'multiple'
        when n_yes_six >= 2 then 'multiple'
        when list_contains(six, 'not_released') then 'not_released'
        when list_unique(six) = 1 and six[1] = 'not_applicable' then six[1]
        when n_known_six < 6 then 'unknown'
        when mets_at_dx_bone = 'yes' then 'bone_only'
        when mets_at_dx_distant_ln = 'yes' then 'nodal_only'
        when mets_at_dx_other = 'yes' then 'other_only'
        when n_yes_six = 1 then 'visceral'
        when metastatic_at_diagnosis is null then 'unknown'
        when not metastatic_at_diagnosis then 'none'
        else 'unspecified'
    end as metastatic_pattern_six_organ,
    case
        when metastatic_pattern in ('unknown', 'not_applicable', 'not_collected', 'not_released') then null
        else metastatic_pattern = 'bone_only'
    end as bone_only_proxy
from patterned
