-- One row per record: breast cancer subtype, from 2010.
--
-- Hormone-receptor positive if ER or PR is, negative only if both are; HER2 neither positive nor negative gives unknown.
-- Where an extract has the source's subtype and no receptors, the subtype is the source's and says so.
-- breast_subtype_conflict: ours and the source's (SEER's recode, NCDB's factor 16) are both known and differ: a finding.
-- (NCDB factors and SEER receptor recodes, see receptors; SEER Breast Subtype 2010+.)
with compared as (
    select
        staged.source_file,
        staged.source_record,
        case
            when hr_status = 'not_released' or her2_status = 'not_released' then null
            when her2_status = 'not_collected' then 'not_collected'
            when hr_status = 'positive' and her2_status = 'negative' then 'hr_pos_her2_neg'
            when hr_status = 'positive' and her2_status = 'positive' then 'hr_pos_her2_pos'
            when hr_status = 'negative' and her2_status = 'positive' then 'hr_neg_her2_pos'
            when hr_status = 'negative' and her2_status = 'negative' then 'triple_negative'
            else 'unknown'
        end as ours,
        case
            when coalesce(subtype_recode, receptors_ssf16) in ('blank', 'unmapped', 'not_applicable') then 'unknown'
            else coalesce(subtype_recode, receptors_ssf16)
        end as theirs,
        source <> 'mapped' and year_of_diagnosis < 2010 as before_her2
    from staged
    inner join receptors using (source_file, source_record)
)

select
    source_file,
    source_record,
    case
        when ours is not null then ours
        when before_her2 then 'not_collected'
        else coalesce(theirs, 'not_released')
    end as breast_subtype,
    case
        when ours is not null then 'receptors'
        when theirs is not null and not coalesce(before_her2, false) then 'source_recode'
        else 'none'
    end as breast_subtype_basis,
    case
        when ours not in ('unknown', 'not_collected') and theirs not in ('unknown', 'not_collected') then ours <> theirs
    end as breast_subtype_conflict
from compared
